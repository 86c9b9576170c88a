"""What really passes between a client and a server: offer, answer, and which messages have RSV1.

A tap listens in front of a server, hands every byte on, and reads along. So a test does not have
to believe what either side says of itself.
"""

import socket
import threading
from dataclasses import dataclass, field

HOST = "127.0.0.1"
SECONDS = 600  # without a byte, until a connection is given up
MOST = 1 << 16


class Tap:
    def __init__(self, server_port):
        self.server_port = server_port
        self.listener = socket.create_server((HOST, 0))
        self.url = f"ws://{HOST}:{self.listener.getsockname()[1]}/"
        self.connections, self.threads = [], []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Closing alone would not wake the thread that accepts.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            connection = Connection()
            self.connections.append(connection)
            try:
                server = socket.create_connection((HOST, self.server_port), SECONDS)
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.settimeout(SECONDS)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for ends, direction in (
                ((client, server), connection.up),
                ((server, client), connection.down),
            ):
                thread = threading.Thread(target=hand_on, args=(*ends, direction), daemon=True)
                thread.start()
                self.threads.append(thread)

    def seen(self):
        """The connections so far, in order, each after its end."""
        for thread in self.threads:
            thread.join(SECONDS)
        return self.connections


def hand_on(source, target, direction):
    try:
        while data := source.recv(MOST):
            direction.feed(memoryview(data))
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            end.close()


class Direction:
    """What one side sends: the head of its handshake, then frames."""

    def __init__(self):
        self.head, self.headers = bytearray(), None
        self.frame, self.skip = bytearray(), 0
        self.messages = self.compressed = 0

    def feed(self, data):
        while data:
            if self.headers is None:
                data = self._feed_head(data)
            elif self.skip:
                passed = min(self.skip, len(data))
                self.skip -= passed
                data = data[passed:]
            else:
                data = self._feed_frame(data)

    def _feed_head(self, data):
        before = len(self.head)
        self.head += data
        end = self.head.find(b"\r\n\r\n")
        if end < 0:
            return data[:0]
        lines = bytes(self.head[:end]).decode("latin-1").split("\r\n")[1:]
        pairs = [line.partition(":") for line in lines]
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        return data[end + 4 - before :]

    def _feed_frame(self, data):
        """The header of a frame, which may come in pieces."""
        missing = self._header_length() - len(self.frame)
        self.frame += data[:missing]
        if len(self.frame) == self._header_length():
            length = self.frame[1] & 127
            if length > 125:
                length = int.from_bytes(self.frame[2 : 4 if length == 126 else 10], "big")
            if self.frame[0] & 15 in (1, 2):  # text or binary: a message begins
                self.messages += 1
                self.compressed += self.frame[0] >> 6 & 1
            self.skip = length
            self.frame.clear()
        return data[missing:]

    def _header_length(self):
        if len(self.frame) < 2:
            return 2
        extended = {126: 2, 127: 8}.get(self.frame[1] & 127, 0)
        return 2 + extended + (4 if self.frame[1] & 128 else 0)


@dataclass
class Connection:
    """Upwards is to the server."""

    up: Direction = field(default_factory=Direction)
    down: Direction = field(default_factory=Direction)

    @property
    def offer(self):
        return extensions(self.up)

    @property
    def answer(self):
        return extensions(self.down)


def extensions(direction):
    return (direction.headers or {}).get("sec-websocket-extensions", "")
