"""E2 to E4 and E12 to E16: payloads, GET, POST, and what is not allowed to overlap."""

import base64
import gzip
import socket
import time

from checks import PORT, Session, check, expect, expect_refusal, query
from wire import Connection, request


@check("E12 what a GET is answered with")
def _():
    session = Session()
    session.post("4z\u00fcrich")
    session.hold()
    response = session.getting.response()
    expect(response.status, 200, "status")
    expect(response.header("content-type"), "text/plain; charset=UTF-8", "content type")
    expect(response.header("cache-control"), "no-store", "cache control")
    expect(response.header("content-length"), str(len("4z\u00fcrich".encode())), "length in bytes")
    expect(response.text, "4z\u00fcrich", "body")


@check("E12 a GET is held until there is a packet")
def _():
    session = Session()
    session.hold()
    session.post("4late")
    expect(session.held(), "4late", "body")


@check("E13 what a POST is answered with")
def _():
    session = Session()
    response = session.posting.ask("POST", session.target, "4a")
    expect((response.status, response.text), (200, "ok"), "answer")
    expect(response.header("content-type"), "text/html", "content type")
    expect(response.header("content-length"), "2", "length")


@check("E2 E3 a payload with texts and binary, there and back")
def _():
    session = Session()
    binary = "b" + base64.b64encode(bytes(range(256))).decode()
    packets = ["4a", binary, "4", "b", "4\u2028\U0001f600\0", "4b", "4" + '"\\']
    session.post("\x1e".join(packets))
    expect(session.messages(len(packets)), packets, "packets")


@check("E12 100 packets in one POST come back in order")
def _():
    session = Session()
    packets = [f"4{i}" for i in range(100)]
    session.post("\x1e".join(packets))
    expect(session.messages(100), packets, "packets")


@check("E12 no response holds more than 16 packets", ours="the reference sends all that waits")
def _():
    session = Session()
    session.post("\x1e".join(f"4{i}" for i in range(100)))
    counts = []
    while sum(counts) < 100:
        counts.append(len(session.get().split("\x1e")))
    assert max(counts) <= 16, counts


@check("E12 no response is larger than maxPayload", ours="the reference sends all that waits")
def _():
    session = Session("small")
    for _ in range(5):
        session.post("4" + "x" * 399)
    sizes = []
    while sum(sizes) < 2000:
        sizes.append(sum(len(one) for one in session.get().split("\x1e")))
    assert max(sizes) <= 1000, sizes


@check("E13 the packets of a POST are processed before it is answered")
def _():
    for _ in range(20):
        session = Session()
        session.post("1")
        session.expect_ended()


def types(content_type):
    @check(f"E13 the content type of a POST is ignored: {content_type}")
    def _():
        session = Session()
        response = session.posting.ask("POST", session.target, "4a", *content_type)
        expect(response.text, "ok", "answer")
        expect(session.messages(1), ["4a"], "echo")


for row in ((), ("Content-Type: application/json",), ("Content-Type: text/plain; charset=latin-1",)):
    types(row)


@check("E13 but application/octet-stream is refused, and the session closed")
def _():
    session = Session()
    headers = ("Content-Type: application/octet-stream",)
    expect(session.posting.ask("POST", session.target, "4a", *headers).status, 400, "status")
    session.expect_ended()


BAD_PAYLOADS = (
    ("an unknown kind", "4a\x1e9\x1e4b"),
    ("an empty packet", "4a\x1e\x1e4b"),
    ("a separator at the end", "4a\x1e"),
)


def bad_payload(what, body):
    def sent():
        session = Session()
        session.hold()
        session.expect_alive()
        session.posting.request("POST", session.target, body)
        return session, session.held().split("\x1e")

    @check(f"E4 {what}: the session ends, what is behind it does not count")
    def _():
        session, packets = sent()
        assert "4b" not in packets, packets
        session.ends()

    @check(f"E4 {what}: what was before it counts, and is answered")
    def _():
        _, packets = sent()
        expect(packets[0], "4a", "what the held GET gets")


for row in BAD_PAYLOADS:
    bad_payload(*row)


@check("E4 an empty body ends the session")
def _():
    session = Session()
    session.posting.request("POST", session.target, "")
    session.ends()


@check("E13 invalid UTF-8 ends the session", ours="the reference puts U+FFFD there")
def _():
    session = Session()
    session.posting.request("POST", session.target, b"4\xff\xfe")
    session.ends()


@check("E13 a body of exactly maxPayload")
def _():
    session = Session("small")
    session.echoes("x" * 999)


def too_large(what, headers, body):
    @check(f"E13 a body above maxPayload, {what}: 413, and nothing of it is kept")
    def _():
        session = Session("small")
        connection = Connection(session.port)
        connection.send(request("POST", session.target, None, *headers) + body)
        expect(connection.response().status, 413, "status")
        # It may live.
        if b'"code":1' not in session.state().body:
            session.echoes("after it")


too_large("declared", ("Content-Length: 1001",), b"4" + b"x" * 1000)
too_large("seen", ("Transfer-Encoding: chunked",), b"3e9\r\n4" + b"x" * 1000 + b"\r\n0\r\n\r\n")


@check("E13 a declared length above maxPayload needs no body", ours="the reference waits for the body")
def _():
    session = Session("small")
    session.posting.send(request("POST", session.target, None, "Content-Length: 1001"))
    expect(session.posting.response().status, 413, "status")


@check("E14 two GETs: one is answered 1, the other 400, and the session is closed")
def _():
    session = Session()
    other = Connection(session.port)
    session.hold()
    other.request("GET", session.target)
    # Which of them was there first nobody knows.
    answers = sorted((one.status, one.text) for one in (session.getting.response(), other.response()))
    expect([status for status, _ in answers], [200, 400], "statuses")
    expect(answers[0][1], "1", "body of the held one")
    session.expect_ended()


@check("E14 two POSTs: the second one 400, and the session is closed")
def _():
    session = Session()
    first, headers = Connection(session.port), ("Content-Length: 2", "Expect: 100-continue")
    first.send(request("POST", session.target, None, *headers))
    # So it is being received for certain.
    expect(first.response().status, 100, "status")
    first.send(b"4")
    expect(session.posting.ask("POST", session.target, "4b").status, 400, "status of the second")
    session.expect_ended()


@check("E14 the connection of a held GET ends: session closed")
def _():
    session = Session()
    session.hold()
    session.expect_alive()
    session.getting.close()
    session.ends()


@check("E14 so it does if only one direction ends")
def _():
    session = Session()
    session.hold()
    session.expect_alive()
    session.getting.socket.shutdown(socket.SHUT_WR)
    session.ends()


@check("E14 the connection of a POST ends within its body: session closed")
def _():
    session = Session()
    session.posting.send(request("POST", session.target, None, "Content-Length: 10") + b"4a")
    session.expect_alive()
    session.posting.close()
    session.ends()


@check("E14 connections without a request may come and go")
def _():
    session = Session()
    for _ in range(10):
        session.echoes()
        session.getting.close()
        session.posting.close()
        session.getting, session.posting = Connection(session.port), Connection(session.port)


@check("E15 other methods: an error, and the session is unharmed")
def _():
    session = Session()
    session.hold()
    for method in ("PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"):
        response = Connection(session.port).ask(method, session.target)
        assert response.status >= 400, f"{method}: {response}"
    session.post("4a")
    expect(session.held(), "4a", "what the held GET gets")


@check("E12 E16 nothing is compressed for who has not asked; else it can be read")
def _():
    session = Session()
    text = "4" + "compress me " * 500
    for accepted in ((), ("Accept-Encoding: gzip",), ("Accept-Encoding: identity",)):
        session.post(text)
        session.getting.request("GET", session.target, None, *accepted)
        response = session.getting.response()
        encoding, body = response.header("content-encoding"), response.body
        assert encoding is None or (encoding == "gzip" and "gzip" in "".join(accepted)), response
        expect((gzip.decompress(body) if encoding else body).decode(), text, "body")


@check("E27 packet 1: the held GET gets 6, the POST ok, the session is closed")
def _():
    session = Session()
    session.hold()
    session.expect_alive()
    session.post("1")
    expect(session.held(), "6", "what the held GET gets")
    expect_refusal(session.getting.ask("GET", session.target), 1)
    expect_refusal(session.posting.ask("POST", session.target, "4a"), 1)


@check("E27 what comes behind packet 1 does not count")
def _():
    session = Session()
    session.hold()
    session.expect_alive()
    session.post("1\x1e4a")
    expect(session.held(), "6", "what the held GET gets")
    session.expect_ended()


@check("E20 packet 2 by POST ends the session")
def _():
    session = Session()
    session.hold()
    session.posting.request("POST", session.target, "2")
    session.ends()
    assert session.held().split("\x1e")[-1] in ("1", "6"), "the held GET says that it ends"


@check("E18 a 3 that nobody asked for does no harm")
def _():
    session = Session()
    session.post("3\x1e3")
    session.echoes()


def chunked(parts):
    lines = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return lines + b"0\r\n\r\n"


@check("E13 a POST in chunks, cut at any place")
def _():
    session = Session("small")
    parts = [b"4a\xc3", b"\xbc", b"\x1e4b"]
    whole = request("POST", session.target, None, "Transfer-Encoding: chunked") + chunked(parts)
    for cut in range(1, len(whole)):
        session.posting.send(whole[:cut])
        # So that the server most likely reads twice; if not, this place was not tried.
        time.sleep(0.0005)
        session.posting.send(whole[cut:])
        expect(session.posting.response().text, "ok", f"answer, cut at {cut}")
        expect(session.messages(2), ["4a\u00fc", "4b"], f"packets, cut at {cut}")


@check("E13 a POST byte by byte, with a length and in chunks")
def _():
    session = Session("small")
    with_length = request("POST", session.target, "4a\u00fc\x1e4b")
    in_chunks = request("POST", session.target, None, "Transfer-Encoding: chunked")
    for whole in (with_length, in_chunks + chunked([b"4", b"a\xc3", b"\xbc\x1e4b"])):
        for i in range(len(whole)):
            session.posting.send(whole[i : i + 1])
            time.sleep(0.0002)
        expect(session.posting.response().text, "ok", "answer")
        expect(session.messages(2), ["4a\u00fc", "4b"], "packets")


@check("E10 E12 a session by another connection, and with other parameters")
def _():
    session = Session()
    target = f"/engine.io/?sid={session.sid}&t=x&transport=polling&EIO=4"
    expect(Connection(PORT["patient"]).ask("POST", target, "4a").text, "ok", "answer")
    expect(Connection(PORT["patient"]).ask("GET", f"/engine.io/?{query(session.sid)}").text, "4a", "echo")
