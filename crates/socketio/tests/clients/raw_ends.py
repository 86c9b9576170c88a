"""S13, S14, E18 to E29: why sockets end, as the log tells it."""

import time

from checks import PORT, Admin, Polling, Socket, both, check, eventually, expect
from wire import CLOSE, Closed, Connection, frame


def reason(name, wanted, kind, server="patient"):
    """After what the function does to a joined peer, both of its sockets have ended with that reason."""

    def add(function):
        @check(f"{name}: {wanted}")
        def _():
            peer = kind(server)
            ids = [peer.join(), peer.join("/dynamic-8")]
            peer.ask("join", ["b", "a"], namespace="/dynamic-8")
            function(peer)
            admin = Admin(server)
            for sid in ids:
                expect(admin.reason(sid), wanted, "reason")
            _, leaving, left = admin.of(ids[1])
            expect(sorted(left), ["event", "id", "nsp", "reason"], "keys of disconnect")
            expect(
                leaving,
                {**left, "event": "disconnecting", "rooms": sorted(["a", "b", ids[1]])},
                "disconnecting",
            )

    return add


@reason("E29 a WebSocket that is cut", "transport close", Socket)
def _(peer):
    peer.web.close()


@reason("E29 a WebSocket that closes", "transport close", Socket)
def _(peer):
    peer.web.connection.send(frame(CLOSE, b"\x03\xe8"))
    peer.closes()
    peer.web.close()


@reason("E27 packet 1 by POST", "transport close", Polling)
def _(peer):
    peer.post("1")


@reason("E14 a second GET", "transport error", Polling)
def _(peer):
    other = Connection(PORT["patient"])
    for connection in (peer.getting, other):
        connection.request("GET", peer.target)
    for connection in (peer.getting, other):
        connection.response()


@reason("E26 an unknown packet by WebSocket", "parse error", Socket)
def _(peer):
    peer.web.send("9x")
    peer.closes()


@reason("E4 an unknown packet by POST", "parse error", Polling)
def _(peer):
    peer.post("9x")


@reason("E20 a ping of the client by WebSocket", "transport error", Socket)
def _(peer):
    peer.web.send("2")
    peer.closes()


@reason("E20 a ping of the client by POST", "transport error", Polling)
def _(peer):
    peer.post("2")


@reason("E29 a message that is too large", "transport error", Socket, "small")
def _(peer):
    peer.send('2["echo","' + "x" * 1000 + '"]')
    got = peer.receive()
    assert isinstance(got, Closed) and got.code == 1009, got


@check("E13 a body that is too large is refused, and nothing of it kept")
def _():
    peer = Polling("small")
    peer.join()
    expect(peer.post('42["echo","' + "x" * 1000 + '"]').status, 413, "status")
    # That session may live or not.
    peer = Polling("small")
    peer.join()
    peer.send('2["echo","' + "x" * 900 + '"]')
    peer.expect('2["echo","' + "x" * 900 + '"]')


def forgotten(kind):
    @check(f"E18 a ping without an answer: ping timeout ({kind.__name__})")
    def _():
        def attempt():
            peer = kind("forgotten")
            sid = peer.join()
            if kind is Socket:
                expect(peer.web.receive(), "2", "packet")
            else:
                expect(peer.getting.ask("GET", peer.target).text, "2", "packet")
            begin = time.monotonic()
            # By polling a GET is held.
            peer.closes() if kind is Socket else peer.getting.ask("GET", peer.target)
            # The option is 1.5 seconds, the default would be 20.
            elapsed = time.monotonic() - begin
            assert 1 < elapsed < 15, f"after {elapsed} seconds"
            expect(Admin("forgotten").reason(sid), "ping timeout", "reason")

        eventually(attempt)


forgotten(Socket)
forgotten(Polling)


@both("E18 six pings, and events between them")
def _(kind):
    def attempt():
        peer = kind("quick")
        peer.join()
        if kind is Socket:
            for _ in range(6):
                expect(peer.web.receive(), "2", "packet")
                peer.web.send("3")
                peer.lives()
        else:
            for _ in range(6):
                expect(peer.getting.ask("GET", peer.target).text, "2", "packet")
                peer.post("3")
                peer.lives()

    eventually(attempt)


@both("S16 what is said to others comes whole, with its attachments")
def _(kind):
    one, other = kind(), Socket()
    room = one.join("/dynamic-42")
    other.join()
    other.join("/dynamic-42")
    other.send(
        '5' + f'2-/dynamic-42,1["to",{{"rooms":["{room}"],"event":"x",'
        '"args":[{"_placeholder":true,"num":1},{"a":[{"_placeholder":true,"num":0}]}]}]',
        b"first",
        b"second",
    )
    other.expect("3/dynamic-42,1[]")
    placeholders = '{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}'
    one.expect(f'52-/dynamic-42,["x",{placeholders}]', b"second", b"first")


@both("acknowledgements with binary, both ways")
def _(kind):
    peer = kind()
    peer.join()
    peer.send('29["bytes",3]')
    peer.expect('61-9[{"_placeholder":true,"num":0}]', b"\0\1\2")
    peer.send('51-8["sum",{"_placeholder":true,"num":0}]', b"\xff\xff\1")
    peer.expect('38[{"length":3,"sum":511}]')
    peer.send('27["ask","q"]')
    number = peer.receive().removeprefix("2").removesuffix('["q"]')
    peer.send(f'61-{number}[{{"_placeholder":true,"num":0}},2]', b"yes")
    peer.expect('61-7["ok",{"_placeholder":true,"num":0},2]', b"yes")
