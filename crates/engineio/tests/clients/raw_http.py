"""E17: connections, pipelining, and requests that two readers could understand differently."""

from checks import PORT, Session, check, expect, query
from wire import HOST, Connection, request

HANDSHAKE = f"/engine.io/?{query()}"


@check("E17 a connection is kept, unless the client says otherwise")
def _():
    connection = Connection(PORT["patient"])
    for _ in range(3):
        expect(connection.ask("GET", HANDSHAKE).status, 200, "status")
    expect(connection.ask("GET", HANDSHAKE, None, "Connection: close").status, 200, "status")
    connection.expect_end()


@check("E17 a held GET with Connection: close is answered, then the connection ends")
def _():
    session = Session()
    session.getting.request("GET", session.target, None, "Connection: close")
    session.post("4a")
    expect(session.held(), "4a", "body")
    session.getting.expect_end()
    session.expect_alive()


@check("E17 HTTP/1.0: no chunks, and the end of the connection")
def _():
    for headers in ("", f"Host: {HOST}\r\n"):
        connection = Connection(PORT["patient"])
        connection.send(f"GET {HANDSHAKE} HTTP/1.0\r\n{headers}\r\n".encode())
        response = connection.response()
        expect((response.status, response.text[:1]), (200, "0"), "answer")
        expect(response.header("transfer-encoding"), None, "transfer encoding")
        connection.expect_end()


@check("E17 HTTP/1.0: POST")
def _():
    session = Session()
    head = f"POST {session.target} HTTP/1.0\r\nContent-Length: 2\r\n\r\n"
    session.posting.send(head.encode() + b"4a")
    expect(session.posting.response().text, "ok", "answer")
    expect(session.messages(1), ["4a"], "echo")


@check("E17 Expect: 100-continue is answered before the body comes")
def _():
    session = Session()
    session.posting.send(
        request("POST", session.target, None, "Content-Length: 2", "Expect: 100-continue")
    )
    expect(session.posting.response().status, 100, "status")
    session.posting.send(b"4a")
    expect(session.posting.response().text, "ok", "answer")
    expect(session.messages(1), ["4a"], "echo")


@check("E17 pipelined GETs are answered in order")
def _():
    connection = Connection(PORT["patient"])
    connection.send(request("GET", HANDSHAKE) + request("GET", "/other") + request("GET", HANDSHAKE))
    expect([connection.response().status for _ in range(3)], [200, 404, 200], "statuses")


@check("E17 pipelined POSTs are received one after the other", ours="for the reference they overlap")
def _():
    session = Session()
    posts = b"".join(request("POST", session.target, f"4{i}") for i in range(5))
    session.posting.send(posts + request("GET", session.target))
    expect([session.posting.response().text for _ in range(5)], ["ok"] * 5, "answers")
    expect(session.posting.response().text, "\x1e".join(f"4{i}" for i in range(5)), "echoes")


@check("E17 a held GET holds up what is behind it", ours="the reference does not wait")
def _():
    session = Session()
    session.getting.send(request("GET", session.target) + request("POST", session.target, "4behind"))
    session.expect_alive()
    session.post("4first")
    expect(session.held(), "4first", "what the held GET gets")
    expect(session.getting.response().text, "ok", "answer to what was behind it")
    expect(session.messages(1), ["4behind"], "echo")


@check("E17 a held GET holds up a second one behind it, too", ours="for the reference they overlap")
def _():
    session = Session()
    session.getting.send(request("GET", session.target) * 2)
    for text in ("4a", "4b"):
        session.post(text)
        expect(session.held(), text, "body")


@check("E17 HEAD has no body")
def _():
    session = Session()
    for target in (HANDSHAKE, session.target, "/other"):
        connection = Connection(session.port)
        connection.request("HEAD", target, None, "Connection: close")
        head = connection.response("HEAD")
        assert head.status >= 400, head
        connection.expect_end()
    session.echoes()


# Each could hide a request behind it from one of two readers. Headers, body, the statuses that will do.
AMBIGUOUS = (
    ("length and chunks", ("Content-Length: 4", "Transfer-Encoding: chunked"), b"2\r\n4a\r\n0\r\n\r\n", (400,)),
    ("chunks and length", ("Transfer-Encoding: chunked", "Content-Length: 4"), b"2\r\n4a\r\n0\r\n\r\n", (400,)),
    ("two lengths", ("Content-Length: 2", "Content-Length: 3"), b"4ab", (400,)),
    ("two lengths in one", ("Content-Length: 2, 3",), b"4ab", (400,)),
    ("a negative length", ("Content-Length: -2",), b"4a", (400,)),
    ("a length with a sign", ("Content-Length: +2",), b"4a", (400,)),
    ("a hexadecimal length", ("Content-Length: 0x2",), b"4a", (400,)),
    ("a length with a blank in it", ("Content-Length: 2 2",), b"4a" * 11, (400,)),
    ("a length of 24 digits", ("Content-Length: 184467440737095516160002",), b"4a", (400, 413)),
    ("a coding that is not chunked", ("Transfer-Encoding: gzip",), b"4a", (400, 501)),
    ("a coding that looks like it", ("Transfer-Encoding: xchunked",), b"2\r\n4a\r\n0\r\n\r\n", (400, 501)),
    ("a blank before the colon", ("Content-Length : 2",), b"4a", (400,)),
)
CHUNKS = (
    ("size zz", b"zz\r\n4a\r\n0\r\n\r\n"),
    ("size -2", b"-2\r\n4a\r\n0\r\n\r\n"),
    ("size +2", b"+2\r\n4a\r\n0\r\n\r\n"),
    ("size 0x2", b"0x2\r\n4a\r\n0\r\n\r\n"),
    ("no size", b"\r\n4a\r\n0\r\n\r\n"),
    ("size of 17 digits", b"10000000000000002\r\n4a\r\n0\r\n\r\n"),
    ("data that is longer", b"2\r\n4abc\r\n0\r\n\r\n"),
    ("bare newlines", b"2\n4a\n0\n\n"),
)


def ambiguous(what, headers, body, statuses):
    @check(f"E17 a body with {what}: refused, and the connection ends")
    def _():
        session = Session()
        hidden = request("GET", HANDSHAKE)
        session.posting.send(request("POST", session.target, None, *headers) + body + hidden)
        status = session.posting.response().status
        assert status in statuses, f"{status}, not {statuses}"
        session.posting.expect_end()


for row in AMBIGUOUS:
    ambiguous(*row)
for name, chunks in CHUNKS:
    ambiguous(f"chunks: {name}", ("Transfer-Encoding: chunked",), chunks, (400,))


@check("E17 bytes that are no request: 400, and the connection ends")
def _():
    for junk in (b"\x16\x03\x01\x02\0\x01\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"):
        connection = Connection(PORT["patient"])
        connection.send(junk)
        expect(connection.response().status, 400, f"status of {junk!r}")
        connection.expect_end()
