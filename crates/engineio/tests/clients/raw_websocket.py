"""E1, E5, E26, E27, E29: a session by WebSocket alone."""

import json

from checks import PORT, check, ends, expect, query
from wire import BINARY, TEXT, Connection, WebSocket, frame


def opened(server="patient"):
    socket = WebSocket(PORT[server])
    expect(socket.receive()[0], "0", "first packet")
    return socket


def opened_with_sid():
    socket = WebSocket(PORT["patient"])
    return socket, json.loads(socket.receive()[1:])["sid"]


def echoes(socket):
    socket.send("4hello", b"\x01\x02")
    socket.expect("4hello", b"\x01\x02")


@check("E1 E2 texts and binary, there and back")
def _():
    socket = opened()
    messages = ("4a", "4", b"", bytes(range(256)), "4\u2028\U0001f600\0\x1e", "4b", "4" + "x" * 70000, bytes(70000))
    socket.send(*messages)
    socket.expect(*messages)


@check("E5 a text that begins with b is binary in base64")
def _():
    socket = opened()
    socket.send("bAQID", "b")
    socket.expect(b"\x01\x02\x03", b"")


@check("E26 a message in pieces")
def _():
    socket = opened()
    socket.connection.send(frame(TEXT, b"4a\xc3", False) + frame(0, b"\xbc", False) + frame(0, b""))
    socket.connection.send(frame(BINARY, b"\x01", False) + frame(0, b"\x02"))
    socket.expect("4a\u00fc", b"\x01\x02")


def session_ends(what, *messages):
    @check(f"E26 {what} by WebSocket: the session ends")
    def _():
        socket = opened()
        socket.send(*messages)
        socket.expect_closed()


session_ends("an unknown kind", "9x")
session_ends("a letter", "x")
session_ends("an empty text", "")
session_ends("packet 2", "2")
session_ends("2probe of a session", "2probe")


@check("E27 packet 1 by WebSocket closes at once", ours="the reference ignores it until the ping timeout")
def _():
    socket = opened()
    socket.send("1")
    socket.expect_closed()


@check("E26 stray 0, 3, 5 and 6 are ignored")
def _():
    socket = opened()
    socket.send("0", '0{"sid":"x"}', "3", "5", "6", "6x")
    echoes(socket)


@check("E26 pings of the protocol below are answered and end nothing")
def _():
    socket = opened()
    socket.connection.send(frame(9, b"are you there"))
    first, second = socket.connection.exactly(2)
    expect((first, socket.connection.exactly(second)), (0x8A, b"are you there"), "pong")
    echoes(socket)


@check("E29 a message of exactly maxPayload")
def _():
    socket = opened("small")
    socket.send("4" + "x" * 999, bytes(1000))
    socket.expect("4" + "x" * 999, bytes(1000))


@check("E29 a message above maxPayload: 1009")
def _():
    for message in ("4" + "x" * 1000, bytes(1001)):
        socket = opened("small")
        socket.send(message)
        socket.expect_closed(1009)


@check("E29 so for the sum of the pieces")
def _():
    socket = opened("small")
    socket.connection.send(frame(TEXT, b"4" * 600, False) + frame(0, b"4" * 600))
    socket.expect_closed(1009)


@check("E24 the session of a WebSocket takes no requests: 400")
def _():
    socket, sid = opened_with_sid()
    for method, body in (("GET", None), ("POST", "4a")):
        response = Connection(PORT["patient"]).ask(method, f"/engine.io/?{query(sid)}", body)
        expect((response.status, b'"code":3' in response.body), (400, True), method)
    echoes(socket)


@check("E21 nor a candidate", ours="the reference takes it")
def _():
    socket, sid = opened_with_sid()
    candidate = WebSocket(PORT["patient"], query(sid, "websocket"))
    if candidate.refusal is None:
        candidate.expect_closed()
    else:
        expect(candidate.refusal.status, 400, "status")
    echoes(socket)


@check("E29 the end of the connection is the end of the session")
def _():
    socket, sid = opened_with_sid()
    socket.close()
    ends(PORT["patient"], sid)
