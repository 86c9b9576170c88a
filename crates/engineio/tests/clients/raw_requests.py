"""E6 to E11: paths, queries, what is refused and how, the open packet."""

import json
import re

from checks import MESSAGES, PORT, Session, check, expect, expect_refusal, query
from wire import Connection, WebSocket

# Method, query, code. The last ones are wrong in several ways: the first check of E8 decides.
REFUSED = (
    ("GET", "", 0),
    ("GET", "EIO=4", 0),
    ("GET", "EIO=4&transport=carrier", 0),
    ("GET", "EIO=4&transport=Polling", 0),
    ("GET", "EIO=4&transport=polling&sid=nobody", 1),
    ("POST", "EIO=4&transport=polling&sid=nobody", 1),
    ("PUT", "EIO=4&transport=polling&sid=nobody", 1),
    ("POST", "EIO=4&transport=polling", 2),
    ("PUT", "EIO=4&transport=polling", 2),
    ("DELETE", "EIO=4&transport=polling", 2),
    ("GET", "EIO=4&transport=websocket", 3),
    ("GET", "EIO=3&transport=polling", 5),
    ("GET", "EIO=5&transport=polling", 5),
    ("GET", "EIO=44&transport=polling", 5),
    ("GET", "EIO=&transport=polling", 5),
    ("GET", "transport=polling", 5),
    ("POST", "EIO=3&transport=carrier&sid=nobody", 0),
    ("POST", "EIO=3&transport=polling&sid=nobody", 1),
    ("POST", "EIO=3&transport=polling", 2),
    ("GET", "EIO=3&transport=websocket", 3),
)


def refused(method, parameters, code):
    @check(f"E9 {method} ?{parameters}: code {code}")
    def _():
        body = "4a" if method == "POST" else None
        response = Connection(PORT["patient"]).ask(method, f"/engine.io/?{parameters}", body)
        expect_refusal(response, code)


for row in REFUSED:
    refused(*row)


@check("E8 with a session: its transport and its EIO, and nothing happens to it")
def _():
    session = Session()
    target = f"/engine.io/?{query(session.sid, 'websocket')}"
    expect_refusal(Connection(session.port).ask("GET", target), 3)
    # The reference says 3, and 5 is what any other request with a wrong EIO gets.
    response = Connection(session.port).ask("GET", f"/engine.io/?EIO=3&transport=polling&sid={session.sid}")
    expect_refusal(response, json.loads(response.text)["code"])
    assert json.loads(response.text)["code"] in (3, 5), response
    session.echoes()


@check("E8 a transport that is not enabled is unknown")
def _():
    response = Connection(PORT["polling"]).ask("GET", f"/engine.io/?{query(None, 'websocket')}")
    expect_refusal(response, 0)
    expect_refusal(Connection(PORT["websocket"]).ask("GET", f"/engine.io/?{query()}"), 0)


@check("E8 an Origin that is no header value: 400, whoever finds it")
def _():
    connection = Connection(PORT["patient"])
    response = connection.ask("GET", f"/engine.io/?{query()}", None, "Origin: http://a\x01b")
    expect(response.status, 400, "status")


# Server, query, message.
REFUSED_UPGRADES = (
    ("patient", "EIO=4&transport=carrier", MESSAGES[0], None),
    ("patient", "EIO=4", MESSAGES[0], None),
    ("patient", "EIO=4&transport=websocket&sid=nobody", MESSAGES[1], None),
    ("patient", "EIO=3&transport=websocket", MESSAGES[5], "the reference upgrades before it refuses"),
    ("patient", "transport=websocket", MESSAGES[5], "the reference upgrades before it refuses"),
    ("polling", query(None, "websocket"), MESSAGES[0], "the reference says it in JSON there"),
)


def expect_refused_upgrade(socket, *messages):
    response = socket.refusal
    assert response, "it was accepted"
    expect(response.status, 400, "status")
    expect(response.header("connection").lower(), "close", "Connection")
    expect(response.header("content-type").split(";")[0], "text/html", "content type")
    assert response.text in messages, response
    socket.connection.expect_end()


def refused_upgrade(server, parameters, message, ours):
    @check(f"E9 WebSocket of ?{parameters} ({server}): {message}, before any 101", ours)
    def _():
        expect_refused_upgrade(WebSocket(PORT[server], parameters), message)


for row in REFUSED_UPGRADES:
    refused_upgrade(*row)


@check("E9 WebSocket for a session with another EIO: refused, and nothing happens to it")
def _():
    session = Session()
    socket = WebSocket(session.port, f"EIO=3&transport=websocket&sid={session.sid}")
    expect_refused_upgrade(socket, MESSAGES[3], MESSAGES[5])
    session.echoes()


@check("E9 WebSocket with POST, or with a key that is none, never opens")
def _():
    socket = WebSocket(PORT["patient"], query(None, "websocket"), method="POST")
    expect(socket.refusal and socket.refusal.status, 400, "status for POST")
    connection = Connection(PORT["patient"])
    headers = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    target = f"/engine.io/?{query(None, 'websocket')}"
    response = connection.ask("GET", target, None, *headers, "Sec-WebSocket-Key: short")
    expect(response.status, 400, "status without a key")


@check("E6 other paths are not ours: 404")
def _():
    for path in ("/", "/other", "/engine.io", "/Engine.IO/", "//engine.io/", "/socket.io/"):
        response = Connection(PORT["patient"]).ask("GET", f"{path}?{query()}")
        expect(response.status, 404, f"status of {path}")


@check("E6 nor is what is below the path", ours="the reference compares the beginning only")
def _():
    response = Connection(PORT["patient"]).ask("GET", f"/engine.io/below?{query()}")
    expect(response.status, 404, "status")


QUERIES = (
    "transport=polling&EIO=4",
    "t=abc123&EIO=4&b64=1&transport=polling&eio=3",
    "%45IO=%34&transport=poll%69ng",
    "EIO=3&transport=carrier&EIO=4&transport=polling",
    "EIO=4&transport=polling&token=a+b%26c%3Dd&empty=&none&=&&%F0%9F%98%80=%E2%80%A8",
)


def accepted(parameters):
    @check(f"E7 ?{parameters} begins a session")
    def _():
        response = Connection(PORT["patient"]).ask("GET", f"/engine.io/?{parameters}")
        expect((response.status, response.text[:1]), (200, "0"), "answer")
        assert "sid" in json.loads(response.text[1:]), response


for row in QUERIES:
    accepted(row)


@check("E7 of two sids the last one counts")
def _():
    session = Session()
    target = f"/engine.io/?EIO=4&transport=polling&sid=nobody&sid={session.sid}"
    response = session.posting.ask("POST", target, "4a")
    expect(response.text, "ok", "answer")


KEYS = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}


def expect_open(packet, upgrades, interval=25000):
    expect(set(packet), KEYS, "keys")
    values = (packet["pingInterval"], packet["pingTimeout"], packet["maxPayload"])
    expect(values, (interval, 20000, 1000000), "values")
    expect(packet["upgrades"], upgrades, "upgrades")


@check("E10 the open packet by polling, with and without an upgrade to offer")
def _():
    expect_open(Session("plain").open, ["websocket"])
    expect_open(Session("polling").open, [], 3600000)


@check("E10 the open packet by WebSocket offers nothing")
def _():
    for server, interval in (("plain", 25000), ("websocket", 3600000)):
        packet = WebSocket(PORT[server]).receive()
        expect(packet[0], "0", "first digit")
        expect_open(json.loads(packet[1:]), [], interval)


@check("E11 session ids are base64url of 120 bits at least, each another")
def _():
    sids = {Session().sid for _ in range(20)}
    expect(len(sids), 20, "different ids")
    for sid in sids:
        assert re.fullmatch(r"[A-Za-z0-9_-]{20,}", sid), sid
