"""S25, E6, E10, E30, E31, the page, and the mode `engine`: what is no event of Socket.IO."""

import base64
import gzip
import json
from pathlib import Path

from checks import PORT, Polling, Socket, check, expect, query
from wire import Connection, WebSocket

ORIGIN = "http://page.example:8080"
ASKS = f"Origin: {ORIGIN}"
FOLDER = Path(PORT["files"])
FILES = [f"socket.io{kind}.js{more}" for kind in ("", ".min", ".esm.min", ".msgpack.min") for more in ("", ".map")]


def get(server, target, *headers, method="GET"):
    return Connection(PORT[server]).ask(method, target, None, *headers)


def served(name):
    """One file of the client: whole, not modified, compressed."""

    @check(f"S25 {name}")
    def _():
        content = (FOLDER / name).read_bytes()
        target = f"/socket.io/{name}"
        kind = "application/json" if name.endswith(".map") else "application/javascript"
        response = get("plain", target)
        expect((response.status, response.body == content), (200, True), "status, and the right bytes")
        expect(response.header("content-type"), f"{kind}; charset=utf-8", "content type")
        expect(response.header("cache-control"), "public, max-age=0", "cache control")
        expect(response.header("content-encoding"), None, "content encoding")
        tag = response.header("etag")
        assert tag and tag[0] == tag[-1] == '"' and len(tag) > 2, tag
        expect(get("plain", target).header("etag"), tag, "the tag, again")
        expect(get("plain", f"{target}?v=1&x").body == content, True, "with a query")
        for known in (tag, f"W/{tag}"):
            response = get("plain", target, f"If-None-Match: {known}")
            expect((response.status, response.body), (304, b""), f"with {known}")
        expect(get("plain", target, 'If-None-Match: "other"').status, 200, "with another tag")
        response = get("plain", target, "Accept-Encoding: gzip")
        expect((response.status, response.header("content-encoding")), (200, "gzip"), "compressed")
        assert len(response.body) < len(content) / 2, "not much smaller"
        assert gzip.decompress(response.body) == content, "other bytes, compressed"
        expect(response.header("content-type"), f"{kind}; charset=utf-8", "content type, compressed")


for file in FILES:
    served(file)


@check("S25 no other names, and none where they are not served")
def _():
    for name in ("other.js", "socket.io.js.gz", "socket.io.esm.js", "socket.io.js/", "../package.json", "%2e%2e/x"):
        expect(get("plain", f"/socket.io/{name}").status, 404, name)
    for target in ("", ".js", "x/socket.io.js", "-socket.io.js", "//socket.io.js"):
        expect(get("plain", f"/socket.io{target}").status, 404, target)
    for file in FILES:
        expect(get("patient", f"/socket.io/{file}").status, 404, f"{file}, not served")


@check("the connection stays open behind a file, and behind 304 and 404")
def _():
    connection = Connection(PORT["plain"])
    tag = connection.ask("GET", "/socket.io/socket.io.min.js").header("etag")
    expect(connection.ask("GET", "/socket.io/socket.io.min.js", None, f"If-None-Match: {tag}").status, 304, "again")
    expect(connection.ask("GET", "/nothing").status, 404, "other")
    expect(connection.ask("GET", f"/socket.io/?{query()}").status, 200, "handshake")


@check("the page, and what is not there")
def _():
    content = (Path(__file__).parent / "page.html").read_bytes()
    for target in ("/", "/?a=1"):
        response = get("plain", target)
        expect((response.status, response.body), (200, content), target)
        expect(response.header("content-type").split(";")[0], "text/html", "content type")
    expect(get("patient", "/").status, 404, "without a page")
    for target in ("/index.html", "/page.html", "//", "/engine.io/?EIO=4&transport=polling", "/socket.io2/"):
        expect(get("plain", target).status, 404, target)


@check("E10 the open packet, with defaults and with options")
def _():
    for kind, upgrades in ((Polling, ["websocket"]), (Socket, [])):
        for server, interval, timeout, limit in (
            ("default", 25000, 20000, 1000000),
            ("quick", 300, 200, 1000000),
            ("small", 3600000, 20000, 1000),
        ):
            peer = kind(server)
            wanted = {"upgrades": upgrades, "pingInterval": interval, "pingTimeout": timeout, "maxPayload": limit}
            expect(peer.open, {"sid": peer.sid, **wanted}, f"open packet of {server}")


def expect_allowed(response, origin, what):
    expect(response.header("access-control-allow-origin"), origin, f"allowed origin of {what}")
    if origin not in (None, "*"):
        expect(response.header("access-control-allow-credentials"), "true", f"credentials of {what}")
        assert "Origin" in (response.header("vary") or ""), f"Vary of {what}: {response}"


def cors(server, origin):
    @check(f"E30 CORS ({server})")
    def _():
        handshake = get(server, f"/socket.io/?{query()}", ASKS)
        expect_allowed(handshake, origin, "the handshake")
        target = f"/socket.io/?{query(json.loads(handshake.text[1:])['sid'])}"
        expect_allowed(Connection(PORT[server]).ask("POST", target, "40", ASKS), origin, "POST")
        expect_allowed(get(server, target, ASKS), origin, "GET")
        expect_allowed(get(server, "/socket.io/?EIO=4", ASKS), origin, "an error")
        expect_allowed(get(server, "/socket.io/socket.io.js", ASKS), origin, "a file")
        asks = (ASKS, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x-one")
        response = get(server, f"/socket.io/?{query()}", *asks, method="OPTIONS")
        expect_allowed(response, origin, "the preflight")
        if origin:
            expect((response.status, response.body), (204, b""), "the preflight")
            expect(response.header("access-control-allow-methods"), "GET,HEAD,PUT,PATCH,POST,DELETE", "methods")
            expect(response.header("access-control-allow-headers"), "x-one", "headers")


cors("plain", None)
cors("star", "*")
cors("origin", ORIGIN)


@check("E31 the cookie, on the handshake by polling")
def _():
    response = get("cookie", f"/socket.io/?{query()}")
    sid = json.loads(response.text[1:])["sid"]
    expect(response.header("set-cookie"), f"io={sid}; Path=/; HttpOnly; SameSite=Lax", "cookie")
    again = Connection(PORT["cookie"]).ask("POST", f"/socket.io/?{query(sid)}", "40")
    expect(again.header("set-cookie"), None, "of POST")
    expect(get("plain", f"/socket.io/?{query()}").header("set-cookie"), None, "where it is off")


@check("E7 parameters of the user, by their escapes")
def _():
    for kind in (Polling, Socket):
        peer = kind("patient", "&a=x+y%2Bz&%C3%BC=%F0%9F%98%80&empty=&plain")
        peer.join()
        got = peer.ask("whoami")[0]["query"]
        wanted = {"EIO": "4", "a": "x y+z", "\u00fc": "\U0001f600", "empty": "", "plain": ""}
        expect({key: got.get(key) for key in wanted}, wanted, "query")


@check("mode engine: every message comes back, and there is no Socket.IO")
def _():
    socket = WebSocket(PORT["engine"], f"/engine.io/?{query(None, 'websocket')}")
    expect(socket.receive()[:1], "0", "open packet")
    socket.send("4hello", b"\1\2", "4", "40")
    expect([socket.receive() for _ in range(4)], ["4hello", b"\1\2", "4", "40"], "messages")

    connection = Connection(PORT["engine"])
    sid = json.loads(connection.ask("GET", f"/engine.io/?{query()}").text[1:])["sid"]
    target = f"/engine.io/?{query(sid)}"
    body = "\x1e".join(("4hello", "b" + base64.b64encode(b"\1\2").decode()))
    expect(Connection(PORT["engine"]).ask("POST", target, body).body, b"ok", "POST")
    packets = []
    while len(packets) < 2:
        packets += connection.ask("GET", target).text.split("\x1e")
    expect(packets, ["4hello", "bAQI="], "packets")
    expect(get("engine", f"/socket.io/?{query()}").status, 404, "the path of Socket.IO")
    expect(get("engine", "/").status, 404, "the page")
