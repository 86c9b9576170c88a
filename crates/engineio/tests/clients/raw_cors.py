"""E30 and E31, and the page: the headers that others read."""

from pathlib import Path

from checks import PORT, Session, check, expect, expect_refusal, query
from wire import Connection, WebSocket, request

PAGE = "http://page.example:8080"
ORIGIN = f"Origin: {PAGE}"
HANDSHAKE = f"/engine.io/?{query()}"


def expect_allowed(response, origin, what):
    expect(response.header("access-control-allow-origin"), origin, f"allowed origin of {what}")
    if origin != "*":
        expect(response.header("access-control-allow-credentials"), "true", f"credentials of {what}")
        assert "Origin" in (response.header("vary") or ""), f"Vary of {what}: {response}"


@check("E30 without a policy no response allows anything")
def _():
    session = Session("patient", ORIGIN)
    for response in (session.response, session.posting.ask("POST", session.target, "4a", ORIGIN)):
        expect(response.header("access-control-allow-origin"), None, "allowed origin")
    response = Connection(session.port).ask("OPTIONS", HANDSHAKE, None, ORIGIN)
    expect(response.header("access-control-allow-origin"), None, "allowed origin of OPTIONS")


def responses(server):
    """One of each kind, and what it is."""
    port = PORT[server]
    session = Session(server, ORIGIN)
    yield "the handshake", session.response
    yield "POST", session.posting.ask("POST", session.target, "4a", ORIGIN)
    yield "GET", session.getting.ask("GET", session.target, None, ORIGIN)
    for method, parameters in (
        ("GET", "EIO=4"),
        ("GET", "EIO=4&transport=polling&sid=nobody"),
        ("POST", query()),
        ("GET", query(None, "websocket")),
        ("GET", "EIO=3&transport=polling"),
    ):
        body = "4a" if method == "POST" else None
        response = Connection(port).ask(method, f"/engine.io/?{parameters}", body, ORIGIN)
        expect(response.status, 400, "status")
        yield f"the refusal of {method} ?{parameters}", response
    yield "another method", Connection(port).ask("PUT", session.target, None, ORIGIN)
    octets = (ORIGIN, "Content-Type: application/octet-stream")
    yield "the refusal of octets", session.posting.ask("POST", session.target, "4a", *octets)
    session = Session(server, ORIGIN)
    other = Connection(port)
    for connection in (session.getting, other):
        connection.request("GET", session.target, None, ORIGIN)
    for connection in (session.getting, other):
        yield "one of two GETs", connection.response()


@check("E30 with a star: on every response")
def _():
    for what, response in responses("star"):
        expect_allowed(response, "*", what)


@check("E30 with an origin: on every response")
def _():
    for what, response in responses("origin"):
        expect_allowed(response, PAGE, what)


@check("E30 also on the response to a body that is too large")
def _():
    session = Session("star", ORIGIN)
    headers = (ORIGIN, "Content-Length: 1001")
    session.posting.send(request("POST", session.target, None, *headers) + b"4" * 1001)
    response = session.posting.response()
    expect(response.status, 413, "status")
    expect_allowed(response, "*", "413")


@check("E30 another origin is not named")
def _():
    response = Connection(PORT["origin"]).ask("GET", HANDSHAKE, None, "Origin: http://other.example")
    allowed = response.header("access-control-allow-origin")
    assert allowed in (None, PAGE), allowed


def preflight(server, origin):
    @check(f"E30 the preflight ({server})")
    def _():
        session = Session(server)
        asked = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x-one, x-two")
        for target in (HANDSHAKE, session.target):
            connection = Connection(session.port)
            response = connection.ask("OPTIONS", target, None, ORIGIN, *asked)
            expect((response.status, response.body), (204, b""), "answer")
            expect_allowed(response, origin, "the preflight")
            methods = response.header("access-control-allow-methods")
            expect(methods, "GET,HEAD,PUT,PATCH,POST,DELETE", "methods")
            expect(response.header("access-control-allow-headers"), "x-one, x-two", "headers")
            assert "Access-Control-Request-Headers" in response.header("vary"), response
            # The connection can be used for what was asked about.
            expect(connection.ask("GET", HANDSHAKE, None, ORIGIN).status, 200, "status")
        session.echoes()


preflight("star", "*")
preflight("origin", PAGE)


@check("E31 the cookie: on the handshake by polling, and nowhere else")
def _():
    session = Session("cookie")
    cookie = f"io={session.sid}; Path=/; HttpOnly; SameSite=Lax"
    expect(session.response.header("set-cookie"), cookie, "cookie")
    expect(session.posting.ask("POST", session.target, "4a").header("set-cookie"), None, "of POST")
    expect(session.getting.ask("GET", session.target).header("set-cookie"), None, "of GET")
    expect(WebSocket(session.port).response.header("set-cookie"), None, "of a WebSocket")
    expect(Session("patient").response.header("set-cookie"), None, "where it is off")


@check("E31 a cookie of the browser is not taken for a session")
def _():
    sid = Session("cookie").sid
    response = Connection(PORT["cookie"]).ask("POST", HANDSHAKE, "4a", f"Cookie: io={sid}")
    expect_refusal(response, 2)


@check("the page is served beside it")
def _():
    response = Connection(PORT["cookie"]).ask("GET", "/")
    expect(response.status, 200, "status")
    expect(response.header("content-type").split(";")[0], "text/html", "content type")
    expect(response.body, (Path(__file__).parent / "page.html").read_bytes(), "body")
