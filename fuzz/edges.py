#!/usr/bin/env python3
"""Writes hand-made seeds, one for each edge of a rule, into fuzz/corpus/.

usage: fuzz/edges.py
"""

import zlib
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"
KEY = b"\x37\xfa\x21\x3d"

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
PARTS, MANUAL_PONG, WRITE_LATE, PARK = 1, 2, 4, 8
MESSAGE_200, MESSAGE_16, MESSAGE_0 = 0x10, 0x20, 0x30
FRAME_100, FRAGMENTS_3, ONE_PER_CALL = 0x40, 0x80, 0xC0


def length(n, width=None):
    if width is None:
        width = 0 if n < 126 else 2 if n < 65536 else 8
    return bytes([n]) if width == 0 else bytes([126 if width == 2 else 127]) + n.to_bytes(width)


def header(opcode, n, fin=True, rsv=0, key=None, width=None):
    field = bytearray(length(n, width))
    if key is not None:
        field[0] |= 0x80
    return bytes([fin << 7 | rsv << 4 | opcode]) + field + (key or b"")


def frame(opcode, payload=b"", fin=True, rsv=0, key=KEY):
    masked = bytes(b ^ key[i % 4] for i, b in enumerate(payload)) if key else payload
    return header(opcode, len(payload), fin, rsv, key) + masked


def close(code, reason=b"", key=KEY):
    return frame(CLOSE, code.to_bytes(2) + reason, key=key)


def streams(key):
    """Settings and bytes of a stream whose frames are masked with `key`, by name."""

    def f(opcode, payload=b"", fin=True, rsv=0):
        return frame(opcode, payload, fin, rsv, key)

    def h(opcode, n, width=None):
        return header(opcode, n, key=key, width=width)

    text = "gr\u00fc\u00dfe \U0001f600".encode()
    in_fragments = b"".join(
        f(CONTINUATION if i else TEXT, text[i : i + 1], i + 1 == len(text)) for i in range(len(text))
    )
    yield "empty-messages", 0, f(TEXT) + f(BINARY) + f(PING) + f(PONG) + f(CLOSE)
    for n in 1, 125, 126, 300:
        yield f"length-{n}", 0, f(BINARY, bytes(n)) + f(TEXT, b"a" * n)
    yield "text-in-fragments", 0, in_fragments
    yield "text-in-parts", PARTS | PARK, in_fragments + f(TEXT, text)
    yield "ping-in-message", 0, f(TEXT, text[:3], False) + f(PING, b"x") + f(0, text[3:])
    yield "empty-fragments", ONE_PER_CALL, f(TEXT, b"", False) + 5 * f(0, b"", False) + f(0)
    yield "one-fragment-too-many", FRAGMENTS_3, f(BINARY, b"a", False) + 3 * f(0, b"b", False)
    yield "three-fragments", FRAGMENTS_3, f(BINARY, b"a", False) + f(0, b"b", False) + f(0)
    yield "frame-too-big", FRAME_100, f(BINARY, bytes(100)) + f(BINARY, bytes(101))
    yield "message-too-big", MESSAGE_16, f(BINARY, bytes(16)) + f(BINARY, bytes(17))
    yield "fragments-too-big", MESSAGE_16, f(BINARY, bytes(10), False) + f(0, bytes(7))
    yield "only-empty-messages", MESSAGE_0, f(TEXT) + f(TEXT, b"a")
    yield "pings-overtake", WRITE_LATE, b"".join(f(PING, bytes([i])) for i in range(20))
    yield "pings-and-close", WRITE_LATE, 20 * f(PING, b"x") + close(1001, key=key)
    yield "manual-pong", MANUAL_PONG, f(PING, bytes(125)) + f(PONG, bytes(125))
    for opcode in 3, 7, 11, 15:
        yield f"reserved-opcode-{opcode}", 0, f(opcode)
    for rsv in 1, 2, 4:
        yield f"reserved-bit-{rsv}", 0, f(TEXT, text, rsv=rsv)
    yield "wrong-mask", 0, frame(TEXT, text, key=None if key else KEY)
    yield "fragmented-ping", 0, f(PING, b"", False)
    yield "fragmented-close", 0, f(CLOSE, b"", False)
    yield "long-ping", 0, h(PING, 126)
    yield "unexpected-continuation", 0, f(CONTINUATION, text)
    yield "continuation-after-end", 0, f(TEXT, text) + f(CONTINUATION)
    yield "interleaved-message", 0, f(TEXT, text, False) + f(BINARY, text)
    yield "length-16-not-minimal", 0, h(BINARY, 125, 2)
    yield "length-64-not-minimal", 0, h(BINARY, 65535, 8)
    yield "length-64-smallest", 0, h(BINARY, 65536) + bytes(9)
    yield "length-over-limit", 0, h(BINARY, (16 << 20) + 1)
    yield "length-greatest", 0, h(BINARY, (1 << 63) - 1)
    yield "length-top-bit", 0, h(BINARY, 1 << 63)
    for name, bad in (
        ("overlong", b"\xc0\xaf"),
        ("surrogate", b"\xed\xa0\x80"),
        ("too-great", b"\xf4\x90\x80\x80"),
        ("unfinished", b"\xf0\x9f\x98"),
        ("stray", b"\x80"),
        ("late", b"a" * 70 + b"\xff"),
    ):
        yield f"utf8-{name}", 0, f(TEXT, text + bad)
        yield f"utf8-{name}-in-fragments", 0, f(TEXT, text + bad[:1], False) + f(0, bad[1:])
        yield f"utf8-{name}-at-end-of-parts", PARTS, f(TEXT, text + bad) + f(TEXT, text)
        yield f"utf8-{name}-in-parts", PARTS, f(TEXT, text, False) + f(0, bad, False) + f(0)
    yield "utf8-fails-before-its-end", 0, h(TEXT, 1000) + f(TEXT, b"\xff\xff")[-2:]
    for code in 0, 999, 1000, 1004, 1005, 1006, 1010, 1014, 1015, 1016, 2999, 3000, 4999, 5000, 65535:
        yield f"close-{code}", 0, close(code, b"why", key)
    yield "close-one-byte", 0, f(CLOSE, b"\x03")
    yield "close-longest-reason", 0, close(1000, b"r" * 123, key)
    yield "close-reason-not-utf8", 0, close(1000, b"\xff", key)
    yield "close-in-message", 0, f(TEXT, text, False) + close(1001, key=key) + f(0)
    yield "bytes-behind-close", PARK, f(CLOSE) + f(TEXT, text)
    yield "bytes-behind-error", PARK, f(CONTINUATION) + f(TEXT, text)
    yield "ends-in-header", 0, h(BINARY, 300)[:3]
    yield "ends-in-key", 0, f(BINARY, b"abc")[:4]
    yield "ends-in-payload", 0, f(BINARY, b"abc")[:-1]
    yield "ends-in-control", 0, f(PING, b"abc")[:-1]
    yield "ends-between-fragments", 0, f(BINARY, b"abc", False)
    yield "message-over-buffer", PARK, b"".join(
        f(0 if i else BINARY, bytes(range(100)), i == 50) for i in range(51)
    )


def headers():
    for n in 0, 125, 126, 127, 65535, 65536, (1 << 63) - 1, 1 << 63, (1 << 64) - 1:
        for width in 0, 2, 8:
            if n < (1 << 8 * width if width else 128):
                yield f"length-{n}-in-{width}", header(BINARY, n, key=KEY, width=width)
    for opcode in range(16):
        yield f"opcode-{opcode}", header(opcode, 0)
        yield f"opcode-{opcode}-unfinished", header(opcode, 126, False, 7)


REQUEST = """GET /chat HTTP/1.1
Host: example.com
Upgrade: websocket
Connection: keep-alive, Upgrade
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Version: 13
Origin: http://example.com

"""
ANSWER = """HTTP/1.1 101 Switching Protocols
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=

"""
SMALL_LIMITS = 1
SAME_HOST, LISTED, NONE_LISTED = 2, 4, 6
SENT_EARLY = 2


def requests():
    def changed(old, new, text=REQUEST):
        assert old in text
        return text.replace(old, new)

    def added(line):
        return REQUEST[:-1] + line + "\n\n"

    for policy in 0, SAME_HOST, LISTED, NONE_LISTED:
        yield f"origin-policy-{policy}", policy, REQUEST
    yield "origin-other", SAME_HOST, changed("http://e", "http://not-e")
    yield "origin-port", SAME_HOST, changed("Host: example.com", "Host: example.com:80")
    yield "origin-other-port", SAME_HOST, changed("http://example.com", "http://example.com:81")
    yield "origin-other-scheme", LISTED, changed("http://example.com", "https://example.com")
    yield "origin-null", SAME_HOST, changed("http://example.com", "null")
    yield "origin-twice", 0, added("Origin: http://example.com")
    yield "method", 0, changed("GET", "POST")
    yield "head", 0, changed("GET", "HEAD")
    yield "version-1.0", 0, changed("HTTP/1.1", "HTTP/1.0")
    yield "version-2.0", 0, changed("HTTP/1.1", "HTTP/2.0")
    yield "http2-preface", 0, "PRI * HTTP/2.0\n\nSM\n\n"
    yield "target-url", 0, changed("/chat", "http://example.com/chat?room=1")
    yield "target-star", 0, changed("/chat", "*")
    yield "target-missing", 0, changed(" /chat", "")
    yield "host-twice", 0, added("Host: example.com")
    for name in "Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version":
        yield f"no-{name.lower()}", 0, changed(f"\n{name}:", "\nX-Other:")
    yield "upgrade-list", 0, changed("websocket", "h2c, , WebSocket")
    yield "version-8", 0, changed("Version: 13", "Version: 8")
    yield "version-list", 0, changed("Version: 13", "Version: 13, 8")
    yield "key-short", 0, changed("dGhl", "")
    yield "key-not-canonical", 0, changed("ZQ==", "ZR==")
    yield "key-twice", 0, added("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    yield "body-none", 0, added("Content-Length: 0")
    yield "body", 0, added("Content-Length: 5") + "hello"
    yield "body-chunked", 0, added("Transfer-Encoding: chunked")
    yield "subprotocols", 0, added("Sec-WebSocket-Protocol: chat, ,superchat")
    yield "subprotocols-empty", 0, added("Sec-WebSocket-Protocol: ,")
    yield "subprotocols-no-token", 0, added("Sec-WebSocket-Protocol: a b")
    yield "extensions", 0, added('Sec-WebSocket-Extensions: a; b="\\c"; d=e , f')
    yield "extensions-malformed", 0, added('Sec-WebSocket-Extensions: a; b="c')
    yield "header-folded", 0, added("A: b\n c")
    yield "header-no-colon", 0, added("A b")
    yield "header-blank-before-colon", 0, added("A : b")
    yield "header-no-name", 0, added(": b")
    yield "header-bare-cr", 0, added("A: b").replace("b\n", "b\r", 1)
    yield "header-nul", 0, added("A: \0")
    yield "blank-line-first", 0, "\n" + REQUEST
    yield "bytes-behind", 0, REQUEST + "\x81\x80\0\0\0\0"
    yield "headers-just-fit", SMALL_LIMITS, REQUEST
    yield "headers-too-many", SMALL_LIMITS, added("A: b")
    yield "head-too-long", SMALL_LIMITS, "GET /" + "a" * 300
    yield "unfinished", 0, REQUEST[:-1]


def answers():
    def changed(old, new):
        assert old in ANSWER
        return ANSWER.replace(old, new)

    def added(line):
        return ANSWER[:-1] + line + "\n\n"

    yield "open", 0, ANSWER
    yield "open-and-frames", 0, ANSWER + "\x81\x02hi"
    yield "open-early", SENT_EARLY, ANSWER
    yield "interim", 0, "HTTP/1.1 100 Continue\n\nHTTP/1.1 103\nLink: a\n\n" + ANSWER
    yield "interim-not-http", 0, "NO HTTP! 100 Continue\n\n" + ANSWER
    yield "interim-too-many", SMALL_LIMITS, 20 * "HTTP/1.1 100 Continue\n\n" + ANSWER
    yield "interim-behind-short-head", 0, " \n\n1\xa9) 1\n11"
    yield "version-1.0", 0, changed("HTTP/1.1", "HTTP/1.0")
    yield "refused", 0, "HTTP/1.1 401 Unauthorized\nContent-Length: 2\n\nno"
    yield "redirect", 0, "HTTP/1.1 302\nLocation: /\n\n"
    for name in "Upgrade", "Connection", "Sec-WebSocket-Accept":
        yield f"no-{name.lower()}", 0, changed(f"\n{name}:", "\nX-Other:")
    yield "upgrade-list", 0, changed("websocket", "websocket, h2c")
    yield "accept-wrong", 0, changed("s3pP", "S3pP")
    yield "accept-twice", 0, added("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    yield "body", 0, added("Content-Length: 5")
    yield "body-chunked", 0, added("Transfer-Encoding: chunked")
    yield "extension", 0, added("Sec-WebSocket-Extensions: permessage-deflate")
    yield "subprotocol", 0, added("Sec-WebSocket-Protocol: superchat")
    yield "subprotocol-not-offered", 0, added("Sec-WebSocket-Protocol: other")
    yield "subprotocol-twice", 0, added("Sec-WebSocket-Protocol: chat\nSec-WebSocket-Protocol: chat")
    yield "headers-too-many", SMALL_LIMITS, added("\n".join(f"A{i}: b" for i in range(7)))
    yield "head-too-long", SMALL_LIMITS, "HTTP/1.1 200 " + "a" * 300
    yield "unfinished", 0, ANSWER[:-1]


DEFLATE = "permessage-deflate"
CONTEXT, SMALLEST = 3, 0xFF


def extensions():
    """Settings of both sides, and a list, by name."""
    for i, name in enumerate(("server_no_context_takeover", "client_no_context_takeover")):
        yield f"takeover-{i}", CONTEXT, f"{DEFLATE}; {name}"
        yield f"takeover-{i}-valued", CONTEXT, f"{DEFLATE}; {name}=1"
        yield f"takeover-{i}-twice", CONTEXT, f"{DEFLATE}; {name}; {name}"
    for i, name in enumerate(("server_max_window_bits", "client_max_window_bits")):
        for bits in 0, 7, 8, 9, 15, 16, 99999999999:
            yield f"bits-{i}-{bits}", CONTEXT, f"{DEFLATE}; {name}={bits}"
        for label, bits in (
            ("zero-first", "08"), ("plus", "+8"), ("minus", "-1"), ("quoted", '"8"'), ("escaped", '"\\1\\0"'),
        ):
            yield f"bits-{i}-{label}", CONTEXT, f"{DEFLATE}; {name}={bits}"
        yield f"bits-{i}-missing", CONTEXT, f"{DEFLATE}; {name}"
        yield f"bits-{i}-empty", CONTEXT, f"{DEFLATE}; {name}="
        yield f"bits-{i}-empty-quoted", CONTEXT, f'{DEFLATE}; {name}=""'
        yield f"bits-{i}-twice", CONTEXT, f"{DEFLATE}; {name}=9; {name}=9"
        yield f"bits-{i}-of-smallest", SMALLEST, f"{DEFLATE}; {name}=8"
        yield f"bits-{i}-above-smallest", SMALLEST, f"{DEFLATE}; {name}=9"
    yield "all", 0, (
        f"{DEFLATE}; client_max_window_bits=10; server_no_context_takeover; "
        "server_max_window_bits=9; client_no_context_takeover"
    )
    yield "unlimited", SMALLEST, DEFLATE
    yield "unknown", 0, f"{DEFLATE}; unknown, {DEFLATE}; client_max_window_bits"
    yield "other", 0, f"x; y=z, {DEFLATE}"
    yield "other-case", 0, DEFLATE.upper()
    yield "fallback", 0, f"{DEFLATE}; server_max_window_bits=8, {DEFLATE}"
    yield "blanks", 0, f" ,\t{DEFLATE} ;\tserver_max_window_bits = 9 , ,"
    for name, value in (
        ("nothing", ""), ("only-commas", " , "), ("no-name", "; a"), ("no-parameter", "a;"),
        ("no-value", "a; b="), ("two-tokens", "a b"), ("two-values", 'a; b="c"d'), ("open", 'a; b="c'),
        ("ends-in-escape", 'a; b="c\\'), ("no-token-quoted", 'a; b="c d"'), ("quoted-name", '"a"'),
        ("not-ascii", "\xe4"), ("nul", "a\0"),
    ):
        yield f"malformed-{name}", 0, value


# Of src/inflating.rs: what a frame is.
FIN, IS_TEXT, IS_PLAIN, IS_PING = 1, 2, 4, 8
HELLO = bytes.fromhex("f248cdc9c90700")
TAIL = b"\0\0\xff\xff"


def piece(what, payload=b""):
    return bytes([what, len(payload)]) + payload


def deflated(data, level=9, final=False):
    squeezer = zlib.compressobj(level, wbits=-15)
    if final:
        return squeezer.compress(data) + squeezer.flush()
    return (squeezer.compress(data) + squeezer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def compressed():
    """Settings of the stream, and frames."""
    whole = FIN | IS_TEXT
    text = "gr\u00fc\u00dfe \U0001f600 ".encode()
    yield "hello", 0, piece(whole, HELLO) + piece(FIN, HELLO) + piece(whole, b"\0")
    yield "again", 0, piece(whole, HELLO) + piece(whole, bytes.fromhex("f200110000"))
    yield "stored", 0, piece(whole, deflated(text, 0)) + piece(whole, HELLO)
    yield "final", 0, piece(whole, deflated(text, final=True) + b"\0") + piece(whole, HELLO)
    yield "final-and-another", 0, piece(whole, 2 * deflated(text, final=True)) + piece(whole, HELLO)
    yield "final-and-garbage", 0, piece(whole, deflated(text, final=True) + b"\xff") + piece(whole, HELLO)
    yield "dynamic", 0, piece(whole, deflated(b" ".join(b"%d" % (i * i) for i in range(60))))
    yield "dynamic-in-parts", PARTS | PARK, piece(whole, deflated(b" ".join(b"%d" % i for i in range(99))))
    bytewise = b"".join(piece(IS_TEXT, bytes([byte])) for byte in deflated(20 * text))
    yield "in-fragments", 0, piece(IS_TEXT) + bytewise + piece(IS_PING, b"x") + piece(FIN)
    yield "in-fragments-in-parts", PARTS, piece(IS_TEXT) + bytewise + piece(FIN)
    yield "plain-between", 0, piece(whole, HELLO) + piece(whole | IS_PLAIN, text) + piece(whole, HELLO)
    yield "no-byte", 0, piece(whole) + piece(whole, HELLO)
    yield "with-tail", 0, piece(whole, HELLO[:-1] + b"\0" + TAIL)
    yield "cut-off", 0, piece(whole, deflated(20 * text)[:-5]) + piece(whole, HELLO)
    yield "no-such-block", 0, piece(whole, b"\x07")
    yield "stored-lengths-differ", 0, piece(whole, b"\0\5\0\xfb\xffHello\0")
    yield "too-far-back", 0, piece(whole, b"\x02\x13\0")
    yield "not-utf8", 0, piece(whole, deflated(text + b"\xff"))
    yield "not-utf8-then-corrupt", 0, piece(whole, deflated(text + b"\xff") + TAIL + b"\x07")
    yield "not-utf8-then-corrupt-in-parts", PARTS, piece(whole, deflated(text + b"\xff") + TAIL + b"\x07")
    for name, limit, n in ("200", MESSAGE_200, 200), ("16", MESSAGE_16, 16), ("0", MESSAGE_0, 0):
        yield f"just-{name}", limit, piece(whole, deflated(n * b"a"))
        yield f"over-{name}", limit, piece(whole, deflated(n * b"a" + b"a"))
        yield f"over-{name}-in-parts", limit | PARTS, piece(whole, deflated(n * b"a" + b"a"))
    yield "bomb", 0, piece(FIN, deflated(bytes(100000)))
    yield "bomb-in-parts", PARTS, piece(FIN, deflated(bytes(100000)))
    yield "just-no-bomb-in-parts", PARTS | PARK, piece(FIN, deflated(bytes(40000)))


class Script:
    """Operations of both sides, as the crate `arbitrary` reads those of src/api.rs."""

    SETUP = "parts manual_pong few_bytes few_frames one_frame_per_call no_deadlines".split()
    OPERATIONS = "send fragment pings pong close write deliver wait die".split()
    CLIENT, SERVER = 0, 1
    BORROWED, SHARED, PREPARED = 0, 1, 2

    def __init__(self, client="", server=""):
        setups = client.split(), server.split()
        self.bytes = bytes(name in setup for setup in setups for name in self.SETUP)

    def step(self, side, operation, *fields):
        """A field is what `choice`, or `to_bytes` in little-endian order, makes of its value."""
        number = self.OPERATIONS.index(operation)
        which = choice(side, 2) + choice(number, len(self.OPERATIONS))
        self.bytes += b"\1" + which + b"".join(fields)
        return self

    def send(self, side, kind, shape, n):
        return self.step(side, "send", choice(kind - TEXT, 2), choice(shape, 3), u16(n))

    def fragment(self, side, kind, n, last):
        return self.step(side, "fragment", choice(kind - TEXT, 2), u16(n), bytes([last]))

    def pings(self, side, count):
        return self.step(side, "pings", b"\0", bytes([count - 1]))

    def close(self, side, code):
        return self.step(side, "close", u16(code), b"\3")

    def move(self, side):
        """Writes all that `side` has queued, and delivers it."""
        self.step(side, "write", u16(65535))
        return self.step(1 - side, "deliver", u16(65535))

    def wait(self, milliseconds):
        return self.step(self.CLIENT, "wait", u16(milliseconds))

    def die(self, side):
        return self.step(side, "die")


class Way:
    """The same for src/deflate.rs."""

    OPERATIONS = "send fragment ping use_extension deliver".split()
    RUN, NOISE, WORDS = 0, 1, 2

    def __init__(self, client, server):
        def setup(takeover, server_bits, client_bits, level, parts):
            return bytes([not takeover, not takeover, server_bits - 8, client_bits - 8, level - 1, 7, 0, parts, parts])

        self.bytes = setup(*client) + setup(*server)

    def step(self, side, operation, *fields):
        number = self.OPERATIONS.index(operation)
        self.bytes += b"\1" + choice(side, 2) + choice(number, len(self.OPERATIONS)) + b"".join(fields)
        return self

    def send(self, side, kind, shape, content, n):
        return self.step(
            side, "send", choice(kind - TEXT, 2), choice(shape, 3), choice(content, 3), b"\7", u16(n))

    def fragment(self, side, kind, content, n, last):
        return self.step(
            side, "fragment", choice(kind - TEXT, 2), choice(content, 3), b"\7", u16(n), bytes([last]))


def choice(i, n):
    return ((i * 2**32 + n - 1) // n).to_bytes(4, "little")


def u16(n):
    return n.to_bytes(2, "little")


def scripts():
    for side, name in (Script.CLIENT, "client"), (Script.SERVER, "server"):
        other = 1 - side
        every = Script()
        for shape in Script.BORROWED, Script.SHARED, Script.PREPARED:
            every.send(side, TEXT, shape, 2500).send(side, BINARY, shape, 2500)
        yield f"{name}-every-shape", every
        yield f"{name}-text-in-fragments", (
            Script().fragment(side, TEXT, 2, False).fragment(side, TEXT, 3, True)
            .fragment(side, TEXT, 4, True).move(side)
        )
        yield f"{name}-interleaves", (
            Script().fragment(side, TEXT, 1, False).send(side, TEXT, Script.PREPARED, 1)
            .fragment(side, BINARY, 1, True)
        )
        yield f"{name}-queue-full", (
            Script("few_bytes", "few_bytes").send(side, BINARY, Script.BORROWED, 3000)
            .send(side, BINARY, Script.SHARED, 1).pings(side, 1).close(side, 1000)
        )
        yield f"{name}-frames-full", Script("few_frames", "few_frames").pings(side, 5)
        # The 17th pong waits; when the others have been written, another ping comes.
        yield f"{name}-pong-waits", (
            Script().pings(side, 20).move(side).step(other, "write", u16(65535))
            .pings(side, 1).move(side)
        )
        yield f"{name}-closes", Script().close(side, 1010).move(side).send(side, TEXT, 0, 1)
        yield f"{name}-dies-in-message", (
            Script("parts", "parts").fragment(side, BINARY, 200, False).move(side).die(side)
        )
        setups = ("no_deadlines", "")[:: 1 if side == Script.CLIENT else -1]
        yield f"{name}-is-silent", Script(*setups).wait(20000).wait(20000)
    both = Script().send(0, TEXT, 0, 9).send(1, TEXT, 0, 9).close(0, 3000).close(1, 4999)
    yield "close-from-both", both.move(0).move(1)
    yield "close-not-answered", Script().close(0, 1000).wait(5000)
    alive = Script()
    for _ in range(6):
        alive.wait(10000).move(0).move(1)
    yield "idle-but-alive", alive


def ways():
    for takeover in False, True:
        for server_bits, client_bits in (15, 15), (8, 9), (10, 15):
            settings = takeover, server_bits, client_bits, 1 + 8 * takeover
            way = Way((*settings, False), (*settings, True))
            for side in 0, 1:
                for content in Way.WORDS, Way.RUN, Way.NOISE:
                    for shape in 0, 1, 2:
                        way.send(side, TEXT + shape % 2, shape, content, 3000 * (shape + 1))
                    way.fragment(side, TEXT, content, 700, False).step(side, "ping", b"\3")
                    way.step(side, "deliver", u16(100)).fragment(side, TEXT, content, 0, False)
                    way.fragment(side, TEXT, content, 700, True).step(side, "deliver", u16(65535))
            way.step(0, "use_extension", b"\0").send(0, TEXT, 0, Way.WORDS, 500)
            way.step(0, "use_extension", b"\1").send(0, TEXT, 0, Way.WORDS, 500)
            yield f"takeover-{takeover}-{server_bits}-{client_bits}".lower(), way


def seed(target, name, bytes_):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"edge-{name}").write_bytes(bytes_)


def settings(first):
    return bytes([first, 3, 5])


for name, bytes_ in headers():
    seed("header", name, bytes_)
for name, both, text in extensions():
    seed("extension", name, bytes([both, both]) + text.encode("latin-1"))
for name, script in scripts():
    seed("api", name, script.bytes)
for name, way in ways():
    seed("deflate", name, way.bytes)
for name, first, frames in compressed():
    for which, side in enumerate(("server", "client", "server-takeover", "client-takeover")):
        seed("inflate", f"{name}-{side}", settings(first) + bytes([which]) + frames)
for target, key in ("server_stream", KEY), ("client_stream", None):
    for name, first, bytes_ in streams(key):
        seed(target, name, settings(first) + bytes_)
for target, heads in ("server_handshake", requests()), ("client_handshake", answers()):
    for name, first, text in heads:
        bytes_ = text.replace("\n", "\r\n").encode("latin-1")
        seed(target, name, settings(first) + bytes_)
for name, text in ("lf-only", REQUEST), ("cr-only", REQUEST.replace("\n", "\r")):
    seed("server_handshake", name, settings(0) + text.encode())
