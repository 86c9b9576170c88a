"""HTTP and WebSocket by hand, over sockets: what no library would send, and exactly what comes back."""

import base64
import os
import socket
import struct

HOST = "127.0.0.1"
WATCHDOG = 120  # seconds: no machine is so slow
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


class Response:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    @property
    def text(self):
        return self.body.decode()

    def header(self, name):
        """All values of that name, or None."""
        values = [value for key, value in self.fields if key == name.lower()]
        return ", ".join(values) if values else None

    def __repr__(self):
        return f"{self.status} {self.fields} {self.body[:200]!r}"


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection((HOST, int(port)), WATCHDOG)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def close(self):
        self.socket.close()

    def request(self, method, target, body=None, *headers):
        lines = [f"{method} {target} HTTP/1.1", f"Host: {HOST}", *headers]
        if body is not None:
            body = body.encode() if isinstance(body, str) else body
            lines.append(f"Content-Length: {len(body)}")
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b""))

    def ask(self, method, target, body=None, *headers):
        self.request(method, target, body, *headers)
        return self.response(method)

    def response(self, method="GET"):
        head = self.until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        fields = [(name.lower(), value.strip()) for name, value in (line.split(":", 1) for line in lines)]
        response = Response(int(first.split(" ")[1]), fields, b"")
        if method != "HEAD" and response.status >= 200 and response.status not in (204, 304):
            response.body = self.body(response)
        return response

    def body(self, response):
        if response.header("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.until(b"\r\n"), 16):
                body += self.exactly(size + 2)[:-2]
            self.until(b"\r\n")
            return body
        length = response.header("content-length")
        return self.rest() if length is None else self.exactly(int(length))

    def more(self):
        """Reads what is there; False at the end."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def until(self, mark):
        while mark not in self.buffer:
            if not self.more():
                raise AssertionError(f"the connection ends after {self.buffer!r}")
        data, _, self.buffer = self.buffer.partition(mark)
        return data + mark

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self.more():
                raise AssertionError(f"the connection ends {count - len(self.buffer)} bytes early")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def rest(self):
        while self.more():
            pass
        data, self.buffer = self.buffer, b""
        return data


class Closed:
    """What comes last from a WebSocket: the code of its Close, 1005 if it is empty; None without a Close."""

    def __init__(self, code):
        self.code = code

    def __repr__(self):
        return f"the end, code {self.code}"


class WebSocket:
    def __init__(self, port, target):
        self.connection = Connection(port)
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
        self.connection.request("GET", target, None, *upgrade, f"Sec-WebSocket-Key: {key}")
        response = self.connection.response()
        assert response.status == 101, response

    def send(self, *messages):
        """All of them in one write: str is text, bytes is binary."""
        frames = b""
        for message in messages:
            if isinstance(message, str):
                frames += frame(TEXT, message.encode())
            else:
                frames += frame(BINARY, message)
        self.connection.send(frames)

    def receive(self):
        """The next message (the servers do not cut theirs), or Closed."""
        try:
            first, second = self.connection.exactly(2)
            length = second & 127
            if length >= 126:
                size = 2 if length == 126 else 8
                length = int.from_bytes(self.connection.exactly(size), "big")
            payload = self.connection.exactly(length)
        except AssertionError:
            return Closed(None)
        assert first & 0x80 and not second & 0x80, "cut, or masked"
        opcode = first & 15
        if opcode == CLOSE:
            return Closed(struct.unpack(">H", payload[:2])[0] if payload else 1005)
        if opcode == PING:
            return self.receive()
        return payload.decode() if opcode == TEXT else payload

    def close(self):
        self.connection.close()


def frame(opcode, payload):
    """A frame of a client; a mask of zeros is one, too."""
    head = bytes([opcode | 0x80])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", len(payload))
    return head + bytes(4) + payload
