"""Servers that end TCP without TLS' own end, in every phase, and what our client says of it."""

from concurrent.futures import ThreadPoolExecutor

from sites import CLOSE, TEXT, Site, frame, response, switching
from support import *

CUT_OFF = "the stream was cut off before the handshake was done"
EOF = "ended by the peer without a close frame"
CLEAN = "closed with 1000 (normal closure)"
NORMAL = b"\x03\xe8"


def opened(end):
    """A script that opens a connection, greets, and goes on with `end`."""

    def script(stream, request):
        stream.send(switching(request) + frame(TEXT, b"hello"))
        end(stream)

    return script


def after(*data, end="cut", answer=False):
    """Sends this, and ends so; first awaits the Close of the client that is the answer, or the cause."""

    def act(stream):
        for part in data:
            stream.send(part)
        if answer:
            stream.until_close()
        getattr(stream, end)()

    return act


def close_answered(end):
    """The client closes, and its Close is answered."""

    def act(stream):
        stream.send(frame(CLOSE, stream.until_close()))
        getattr(stream, end)()

    return act


def reset_later(stream):
    """When the client has shown that it got the greeting, which a reset could destroy on its way."""
    stream.frame()
    stream.reset()


def half_frame(stream):
    stream.send(frame(TEXT, b"half of it")[:5])
    stream.cut()


def half_record(stream):
    stream.send_half(frame(TEXT, b"in a record of TLS"))
    stream.cut()


def in_head(stream, request, end="cut"):
    stream.send(switching(request)[:40])
    getattr(stream, end)()


def busy(end, cut_from=None):
    """Refuses, with a body that may be cut from there on."""

    def script(stream, _):
        stream.send(response("503 Busy", body="later, please\n")[:cut_from])
        getattr(stream, end)()

    return script


def raw(answer, end="cut"):
    """Reads the hello of the client and sends this."""

    def script(stream):
        stream.take()
        stream.sock.sendall(answer)
        getattr(stream, end)()

    return script


def half_hello(stream):
    stream.hello_half_answered()
    stream.cut()


# Before the handshake of TLS is done: what the server does, and what the client says.
IN_TLS = {
    "behind the client's hello": (raw(b""), CUT_OFF),
    "with a reset behind the client's hello": (raw(b"", "reset"), "Connection reset by peer"),
    "within the server's hello": (half_hello, CUT_OFF),
    "a server without TLS": (
        raw(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        "received corrupt message",
    ),
}

# Before the handshake of WebSocket is done.
IN_HANDSHAKE = {
    "behind the request": (lambda stream, _: stream.cut(), CUT_OFF),
    "behind the request, with TLS' own end": (
        lambda stream, _: stream.end(),
        "the stream ended before the handshake",
    ),
    "within the head of the answer": (in_head, CUT_OFF),
    "within the head of the answer, with TLS' own end": (
        lambda stream, request: in_head(stream, request, "end"),
        "the stream ended within the head of the handshake",
    ),
    "behind a refusal": (busy("cut"), "the server refused: 503 Busy\nlater, please\n"),
    "within the body of a refusal": (busy("cut", -8), "the server refused: 503 Busy\nlater,"),
    "with a reset behind the request": (
        lambda stream, _: stream.reset(),
        "Connection reset by peer",
    ),
}

# Once it is open: what the client says at last, and whether that is a success.
OPEN = {
    "behind the greeting": (after(), EOF, 1),
    "behind the greeting, with TLS' own end": (after(end="end"), EOF, 1),
    "between messages": (after(frame(TEXT, b"more")), EOF, 1),
    "between fragments": (after(frame(0x01, b"half")), "cut off inside a message", 1),
    "within a frame": (half_frame, "cut off inside a frame", 1),
    "within a frame's header": (after(frame(TEXT)[:1]), "cut off inside a frame", 1),
    "within a record of TLS": (half_record, EOF, 1),
    "behind its Close": (after(frame(CLOSE, NORMAL)), CLEAN, 0),
    "behind its Close and our answer": (
        after(frame(CLOSE, NORMAL), answer=True),
        CLEAN,
        0,
    ),
    "behind its Close, with TLS' own end": (
        after(frame(CLOSE, NORMAL), end="end", answer=True),
        CLEAN,
        0,
    ),
    "with a reset behind its Close and our answer": (
        after(frame(CLOSE, NORMAL), end="reset", answer=True),
        CLEAN,
        0,
    ),
    "with a reset": (reset_later, EOF, 1),
}

# When the client closes: the same.
CLOSING = {
    "behind its answer to our Close": (close_answered("cut"), CLEAN, 0),
    "with TLS' own end behind its answer": (close_answered("end"), CLEAN, 0),
    "in place of an answer to our Close": (after(answer=True), EOF, 1),
}


def says(script, said, version, raw=False):
    with Site(script, server_context(version=version), raw=raw) as site:
        step = "TLS" if raw else "the handshake"
        client(site.url(), *TRUSTING, stays=True).expect(1, f"{step} ({site.authority}): ", said)
        site.settle()


def ends(end, said, status, version, stays):
    """What came before is not lost."""
    say = ["go on"] if end is reset_later else []
    with Site(opened(end), server_context(version=version)) as site:
        ran = client(site.url(), *TRUSTING, say=say, stays=stays).expect(status)
        expect("last words", ran.err.splitlines()[-1:], [said])
        expect("messages", ran.out.splitlines()[:1], ["hello"])
        site.settle()


def rubbish(version):
    """In place of the answer: no record of TLS. The server is told, as RFC 8446, section 6.2, asks."""

    def script(stream, _):
        stream.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        stream.receive()

    with Site(script, server_context(version=version)) as site:
        ran = client(site.url(), *TRUSTING)
        ran.expect(1, f"the handshake ({site.authority}): ", "corrupt message")
        site.settle()
        matches("what the server heard", str(site.faults), "ALERT|alert|RECORD_MAC")


def silent():
    """Servers and a proxy that say nothing, all at once, since each is given up after ten seconds."""

    def script(stream):
        stream.sock.recv(1)
        while stream.sock.recv(65536):
            pass

    def asked_in_vain(stream, _):
        stream.receive()

    with Site(script, raw=True) as mute, Site(asked_in_vain, server_context()) as tls:
        proxy = "--proxy", f"http://{mute.authority}"
        runs = {
            f"TLS ({mute.authority}): ": (f"wss://{mute.authority}",),
            f"the handshake ({mute.authority}): ": (mute.url(),),
            f"the handshake ({tls.authority}): ": (tls.url(),),
            f"the proxy ({mute.authority}): ": (tls.url(), *proxy),
        }
        with ThreadPoolExecutor() as pool:
            results = {step: pool.submit(client, *run, *TRUSTING) for step, run in runs.items()}
            for step, result in results.items():
                result.result().expect(1, step + "time ran out before the handshake was done")
        for site in (mute, tls):
            site.settle()


def checks():
    yield "servers and a proxy that say nothing", silent
    for name, version in VERSIONS.items():
        for phase, (script, said) in IN_TLS.items():
            yield f"{name}, {phase}", lambda: says(script, said, version, raw=True)
        for phase, (script, said) in IN_HANDSHAKE.items():
            yield f"{name}, {phase}", lambda: says(script, said, version)
        yield f"{name}, no TLS in place of the answer", lambda: rubbish(version)
        for phase, (end, said, status) in OPEN.items():
            yield f"{name}, {phase}", lambda: ends(end, said, status, version, True)
        for phase, (end, said, status) in CLOSING.items():
            yield f"{name}, {phase}", lambda: ends(end, said, status, version, False)
