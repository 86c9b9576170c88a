"""Servers of which a script decides each byte, and which remember what they were asked."""

import base64
import hashlib
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field

from support import HOST, SECONDS

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE = 0x81, 0x88


@dataclass
class Request:
    """The head of a request, with the names of its headers in lower case."""

    target: str
    headers: dict = field(default_factory=dict)

    @classmethod
    def parse(cls, head):
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        return cls(first.split(" ")[1], {name.lower(): value for name, value in pairs})


class Stream:
    """A connection, by TLS if there is a context. Nothing is sent that was not asked for, so that it can
    be cut anywhere: TLS is kept apart from the socket."""

    def __init__(self, sock, context=None):
        self.sock, self.unread = sock, b""
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = None
        if context:
            self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def _until_done(self, act):
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                self.flush()
                self.take()
            finally:
                # Alerts also when it fails.
                self.flush()

    def take(self):
        if received := self.sock.recv(65536):
            self.incoming.write(received)
        else:
            self.incoming.write_eof()

    def flush(self):
        self.sock.sendall(self.outgoing.read())

    def shake_hands(self):
        if self.tls:
            self._until_done(self.tls.do_handshake)

    def hello_half_answered(self):
        """Reads the hello of the client and sends half of what it is due."""
        while not self.outgoing.pending:
            self.take()
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
        flight = self.outgoing.read()
        self.sock.sendall(flight[: len(flight) // 2])

    def receive(self):
        """Some bytes, or none at the end, however that came about."""
        if not self.tls:
            return self.sock.recv(65536)
        try:
            return self._until_done(lambda: self.tls.read(65536))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def exactly(self, count):
        while len(self.unread) < count:
            received = self.receive()
            if not received:
                raise EOFError("the client has gone")
            self.unread += received
        taken, self.unread = self.unread[:count], self.unread[count:]
        return taken

    def head(self):
        """The head of a request, or `None` if the client goes without a word."""
        while b"\r\n\r\n" not in self.unread:
            received = self.receive()
            if not received:
                return None
            self.unread += received
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def frame(self):
        """The first byte of the next frame, and its payload."""
        first, length = self.exactly(2)
        length &= 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.exactly(2))
        mask = self.exactly(4)
        payload = self.exactly(length)
        return first, bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))

    def until_close(self):
        """Passes over frames until the client closes; the payload of its Close."""
        while True:
            first, payload = self.frame()
            if first == CLOSE:
                return payload

    def send(self, data):
        if self.tls:
            self._until_done(lambda: self.tls.write(data))
        else:
            self.sock.sendall(data)

    def send_half(self, data):
        """Sends the first half of the record that holds `data`."""
        self.tls.write(data)
        record = self.outgoing.read()
        self.sock.sendall(record[: len(record) // 2])

    def end(self):
        """Ends its direction, and TLS' as well."""
        if self.tls:
            try:
                self.tls.unwrap()
            except ssl.SSLWantReadError:
                pass  # the end of the other direction is awaited below
            self.flush()
        self.cut()

    def cut(self):
        """Ends its direction without a word of TLS. What comes is read, so that nothing is reset."""
        self.sock.shutdown(socket.SHUT_WR)
        while self.sock.recv(65536):
            pass

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Site:
    """Listens on 127.0.0.1. `script(stream, request)` is called for each request that comes; with `raw`,
    `script(stream)` for each connection, before anything is read.

    `requests` and `faults`, of TLS, are complete after `settle`."""

    def __init__(self, script, context=None, raw=False):
        self.script, self.context, self.raw = script, context, raw
        self.requests, self.faults, self.connections = [], [], 0
        self.threads, self.probe, self.broken = [], None, None
        self.found_probe = threading.Event()
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.scheme = "wss" if context else "ws"
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    def url(self, path="/", host=HOST, user=""):
        return f"{self.scheme}://{user}{host}:{self.port}{path}"

    @property
    def authority(self):
        return f"{HOST}:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Closed while it is waited for, it could take a connection of the next listener of its number.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.accepting.join()
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, peer = self.listener.accept()
            except OSError:
                return  # shut down
            if peer == self.probe:
                sock.close()
                self.found_probe.set()
                continue
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=[sock], daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock):
        sock.settimeout(SECONDS)
        stream = Stream(sock, self.context)
        try:
            with sock:
                if self.raw:
                    return self.script(stream)
                stream.shake_hands()
                if head := stream.head():
                    request = Request.parse(head)
                    self.requests.append(request)
                    self.script(stream, request)
        except (OSError, EOFError) as error:
            self.faults.append(error)
        except Exception as error:  # noqa: BLE001: `settle` hands it on
            self.broken = error

    def settle(self):
        """Waits until all connections made so far have come and gone. Returns their requests, and forgets
        them."""
        # Connections are accepted in the order in which they were made.
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.probe = probe.getsockname()
            probe.connect((HOST, self.port))
            if not self.found_probe.wait(SECONDS):
                raise AssertionError("the test's own server accepts no connections")
        self.found_probe.clear()
        for thread in self.threads:
            thread.join(SECONDS)
            if thread.is_alive():
                raise AssertionError("the client has left a connection open")
        if self.broken:
            raise AssertionError("the test's own server failed") from self.broken
        requests, self.requests = self.requests, []
        return requests


def response(status, *headers, body=""):
    lines = [f"HTTP/1.1 {status}", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + (body or "")).encode()


def switching(request):
    """The head that opens a connection."""
    key = request.headers["sec-websocket-key"]
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    upgrade = "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}"
    return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *upgrade]).encode() + b"\r\n\r\n"


def frame(first, payload=b""):
    return bytes([first, len(payload)]) + payload


def welcome(stream, request):
    """Opens a connection, says so in a message, and answers the Close of the client."""
    stream.send(switching(request) + frame(TEXT, b"welcome"))
    stream.send(frame(CLOSE, stream.until_close()))
    stream.end()
