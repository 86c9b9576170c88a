"""Exercises an echo server with libcurl's WebSocket, through `curl_cffi`.

The calls are libcurl's own (curl_ws_send, curl_ws_recv): `curl_cffi`'s WebSocket class on top
of them drops empty messages and pongs.

usage: client_curl.py URL
"""

import reprlib
import sys
import time
from contextlib import contextmanager
from io import BytesIO
from select import select

from curl_cffi import Curl, CurlECode, CurlError, CurlInfo, CurlOpt, CurlWsFlag

from common import *

TEXT, BINARY, CONT = CurlWsFlag.TEXT, CurlWsFlag.BINARY, CurlWsFlag.CONT
PING, PONG, CLOSE = CurlWsFlag.PING, CurlWsFlag.PONG, CurlWsFlag.CLOSE

PROTOCOL_FIELD = "sec-websocket-protocol"


class Connection:
    def __init__(self, protocols=None):
        self.deadline = time.monotonic() + ROW_SECONDS
        self.response = BytesIO()  # the head of the server's response
        self.curl = Curl()
        self.curl.setopt(CurlOpt.URL, sys.argv[1].encode())
        self.curl.setopt(CurlOpt.PROXY, b"")
        self.curl.setopt(CurlOpt.CONNECTTIMEOUT_MS, 600_000)
        self.curl.setopt(CurlOpt.CONNECT_ONLY, 2)  # connect, do the opening handshake, return
        self.curl.setopt(CurlOpt.HEADERDATA, self.response)
        if protocols:
            header = f"Sec-WebSocket-Protocol: {protocols}"
            self.curl.setopt(CurlOpt.HTTPHEADER, [header.encode()])
        self.curl.perform()
        self.socket = self.curl.getinfo(CurlInfo.ACTIVESOCKET)

    def wait(self, read=(), write=()):
        left = self.deadline - time.monotonic()
        if left <= 0 or not any(select(read, write, [], left)):
            raise TimeoutError("the server does not answer")

    def send(self, payload, flags):
        rest = memoryview(payload)
        while True:  # until sent, or out of time
            try:
                rest = rest[self.curl.ws_send(rest, flags) :]
                if not rest:
                    return
            except CurlError as error:
                if error.code != CurlECode.AGAIN:
                    raise
                self.wait(write=[self.socket])

    def receive(self):
        """One whole message or control frame: its bytes and its kind."""
        chunks = []
        while True:  # until complete, or out of time
            try:
                chunk, frame = self.curl.ws_recv()
            except CurlError as error:
                if error.code != CurlECode.AGAIN:
                    raise
                self.wait(read=[self.socket])
                continue
            chunks.append(chunk)
            if frame.bytesleft == 0 and not frame.flags & CONT:
                return b"".join(chunks), frame.flags & (TEXT | BINARY | PING | PONG | CLOSE)

    def expect(self, payload, kind):
        got, got_kind = self.receive()
        expect("kind of frame", int(got_kind), int(kind))
        expect("payload", got, payload)

    def close(self, code, reason):
        self.send(code.to_bytes(2, "big") + reason.encode(), CLOSE)
        got, kind = self.receive()
        expect("kind of frame", int(kind), int(CLOSE))
        expect("close code received", int.from_bytes(got[:2], "big"), code)
        if got[2:].decode() not in ("", reason):
            raise AssertionError(f"close reason received: {got[2:]!r}")
        # Then the server ends the TCP connection, which libcurl calls "got nothing".
        try:
            late = self.receive()
        except CurlError as error:
            expect("end of the connection", int(error.code), int(CurlECode.GOT_NOTHING))
        else:
            raise AssertionError(f"a frame after the close: {reprlib.repr(late)}")


@contextmanager
def session(code=1000, reason="", protocols=None):
    connection = Connection(protocols)
    try:
        yield connection
        connection.close(code, reason)
    finally:
        connection.curl.close()


def echo(messages):
    with session() as connection:
        for message in messages:
            kind = TEXT if isinstance(message, str) else BINARY
            payload = message.encode() if kind == TEXT else message
            connection.send(payload, kind)
            connection.expect(payload, kind)


def text():
    echo(TEXTS)


def binary_messages():
    echo(BINARIES)


def fragments():
    with session() as connection:
        for parts, kind in ((TEXT_PIECES, TEXT), (BINARY_PIECES, BINARY)):
            for at, part in enumerate(parts):
                if at == 2:
                    connection.send(b"between", PING)
                    connection.expect(b"between", PONG)  # answered within the message
                last = at == len(parts) - 1
                connection.send(part, kind if last else kind | CONT)
            connection.expect(b"".join(parts), kind)


def ping():
    with session() as connection:
        connection.send(b"nobody asked", PONG)
        for payload in PINGS:
            connection.send(payload, PING)
            connection.expect(payload, PONG)


def close():
    with session(CODE, REASON):
        pass


def large():
    echo([binary(LARGE), mixed_text(LARGE)])


def subprotocol():
    with session(protocols="chat, superchat") as connection:
        lines = connection.response.getvalue().decode().splitlines()
        fields = [line.partition(":") for line in lines]
        chosen = [value.strip() for name, _, value in fields if name.lower() == PROTOCOL_FIELD]
        expect("subprotocol", chosen, ["chat"])


if __name__ == "__main__":
    functions = (text, binary_messages, fragments, ping, close, large, subprotocol)
    sys.exit(report(dict(zip(ROWS, functions))))
