"""S21 to S24: clients that were cut off and come back."""

import json
import time

from checks import Admin, Polling, Socket, both, check, expect, split


def prefix(namespace):
    return "" if namespace == "/" else f"{namespace},"


class Known:
    """A client of a server with recovery, whatever its connection is at the moment."""

    def __init__(self, kind, namespace="/", server="recovery", auth=None):
        self.kind, self.namespace, self.server = kind, namespace, server
        missed, self.id, self.pid = self.say(auth or {})
        expect(missed, [], "events before the answer")
        assert len(self.pid) >= 16 and self.pid not in (self.id, self.peer.sid), "a secret of its own"
        expect(self.hear(), ["auth", auth or {}], "first event")

    def say(self, auth):
        """CONNECT over a new connection: the events that come before its answer, and the answer."""
        self.peer = self.kind(self.server)
        self.peer.send(f"0{prefix(self.namespace)}{json.dumps(auth)}")
        missed = []
        while (got := split(self.peer.receive()))[0] != f"0{prefix(self.namespace)}":
            missed.append(self.of(got))
        expect(list(got[1]), ["sid", "pid"], "answer to CONNECT")
        return missed, got[1]["sid"], got[1]["pid"]

    def of(self, packet):
        """The event without its offset, which is remembered."""
        head, (*event, self.offset) = packet
        expect(head, f"2{prefix(self.namespace)}", "head of an event")
        assert isinstance(self.offset, str) and self.offset, "an offset"
        return event

    def hear(self):
        event = self.of(split(self.peer.receive()))
        if event[0] == "auth":
            for secret in ("pid", "offset"):
                event[1].pop(secret, None)
        return event

    def cut(self, admin):
        """The connection ends, and the server knows."""
        self.peer.web.close() if self.kind is Socket else self.peer.post("1")
        admin.reason(self.id)

    def come_back(self):
        """What was missed."""
        missed, sid, pid = self.say({"pid": self.pid, "offset": self.offset})
        expect((sid, pid), (self.id, self.pid), "the same socket")
        expect(self.hear(), ["auth", {}], "first event")
        return missed

    def is_new(self, auth):
        """A session like any other."""
        missed, sid, pid = self.say(auth)
        expect(missed, [], "events before the answer")
        assert sid != self.id and pid != self.pid, f"known by {auth}"
        expect(self.hear()[0], "auth", "first event")
        expect(self.peer.ask("whoami", namespace=self.namespace)[0]["recovered"], False, "recovered")

    def ask(self, *event):
        return self.peer.ask(*event, namespace=self.namespace)


@both("S21 a pid, and an offset at the end of each event")
def _(kind):
    known = Known(kind)
    first = known.offset
    known.peer.send('2["echo",1,{"a":[]}]')
    expect(known.hear(), ["echo", 1, {"a": []}], "event")
    assert known.offset != first, "the same offset"
    known.peer.send('2["echo"]')
    expect(known.hear(), ["echo"], "event")
    known.peer.send('51-["echo",{"_placeholder":true,"num":0}]', b"x")
    head, (name, placeholder, offset) = split(known.peer.receive())
    expect((head, name, known.peer.receive()), ("51-", "echo", b"x"), "binary event")
    assert isinstance(offset, str), "an offset"
    whoami = known.ask("whoami")[0]
    expect((whoami["recovered"], whoami["id"]), (False, known.id), "whoami")


@check("S21 no offset where an answer is asked for, nor at volatile events")
def _():
    known = Known(Socket)
    known.peer.send('22["volatile","v",1]')
    known.peer.expect('2["v",0]', "32[]")
    known.peer.send('23["ask","q",7]')
    head, event = split(known.peer.receive())
    expect((head[0], event), ("2", ["q", 7]), "question")
    known.peer.send(f"3{head[1:]}[]")
    known.peer.expect('33["ok"]')


@both("S22 what was missed, then the answer, ten times")
def _(kind):
    admin, namespace = Admin("recovery"), f"/dynamic-22{len(kind.__name__)}"
    known, other = Known(kind, namespace), Known(Socket, namespace)
    expect(known.ask("join", ["r", "s"]), [], "answer")
    expect(known.ask("set-data", "kept"), [], "answer")
    for number in range(10):
        known.cut(admin)
        for rooms, excluded, name in (
            (["r"], [], "room"),
            (["x", "r", "s"], [], "once"),
            ([known.id], [], "own"),
            ([], [], "all"),
            ([], ["s"], "wrong"),
            (["x"], [], "wrong"),
            (["r"], [known.id], "wrong"),
        ):
            order = {"rooms": rooms, "except": excluded, "event": name, "args": [number]}
            expect(other.ask("to", order), [], "answer")
        expect(other.ask("to", {"event": "wrong", "volatile": True}), [], "answer")
        wanted = [[name, number] for name in ("room", "once", "own", "all")]
        expect(known.come_back(), wanted, "missed events")
        whoami = known.ask("whoami")[0]
        expect((whoami["recovered"], whoami["data"]), (True, {"value": "kept"}), "whoami")
        expect(known.ask("rooms"), [sorted([known.id, "r", "s"])], "rooms")
        expect(other.ask("to", {"rooms": ["r"], "event": "again"}), [], "answer")
        expect(known.hear(), ["again"], "event")


@both("S22 who is not known is new")
def _(kind):
    admin = Admin("recovery")
    known = Known(kind)
    pid, offset = known.pid, known.offset
    while_there = Known(kind)
    while_there.id, while_there.pid = known.id, known.pid
    while_there.is_new({"pid": pid, "offset": offset})
    known.cut(admin)
    for auth in (
        {},
        {"offset": offset},
        {"pid": "A" * len(pid), "offset": offset},
        {"pid": [pid], "offset": offset},
        {"pid": pid, "offset": 1},
        {"pid": pid, "offset": None},
        {"pid": pid, "offset": [offset]},
        {"pid": pid, "offset": ""},
        {"pid": pid, "offset": "A" * len(offset)},
        {"pid": pid, "offset": offset + "9" * 100_000},
        {"pid": {"pid": pid}, "offset": {"offset": offset}},
    ):
        known.is_new(auth)
    known.namespace = "/dynamic-2299"
    known.is_new({"pid": pid, "offset": offset})
    known.namespace, known.offset = "/", offset
    expect(known.come_back(), [], "missed events")


@both("S22 too late")
def _(kind):
    known = Known(kind, server="brief")
    offset = known.offset
    known.cut(Admin("brief"))
    time.sleep(1)
    known.is_new({"pid": known.pid, "offset": offset})


@both("S22 admission is skipped")
def _(kind):
    admin = Admin("recovery")
    known = Known(kind, "/admission", auth={"token": "good"})
    known.cut(admin)
    # It says no token now.
    missed, sid, _ = known.say({"pid": known.pid, "offset": known.offset})
    expect((missed, sid), ([], known.id), "the same socket")
    known.hear()
    expect(known.ask("whoami")[0]["data"], {"first": 1, "second": 2}, "data")


@both("S23 who has left is new")
def _(kind):
    admin = Admin("recovery")
    for leave in ("1", '2["disconnect-me",false]', '2["disconnect-me",true]'):
        known = Known(kind)
        offset = known.offset
        known.peer.send(leave)
        admin.reason(known.id)
        known.is_new({"pid": known.pid, "offset": offset})


@both("S23 a session that the server closes")
def _(kind):
    admin = Admin("recovery")
    for end in ('2["kill"]', "9"):
        known = Known(kind)
        known.peer.send(end)
        expect(admin.reason(known.id), "forced close", "reason")
        expect(known.come_back(), [], "missed events")


@both("S24 who has heard nothing is told all", ours="npm's server knows nobody without an offset")
def _(kind):
    admin = Admin("recovery")
    known = Known(kind)
    for _ in range(3):
        known.cut(admin)
        missed, sid, pid = known.say({"pid": known.pid})
        expect((sid, pid), (known.id, known.pid), "the same socket")
        expect(missed[0], ["auth", {}], "first event")


@both("S24 a pid is used by one socket at a time", ours="npm's server has two sockets with one id")
def _(kind):
    admin = Admin("recovery")
    known = Known(kind)
    known.cut(admin)
    expect(known.come_back(), [], "missed events")
    there = known.peer
    known.is_new({"pid": known.pid, "offset": known.offset})
    there.lives()


@both("S24 never a gap", ours="npm's server has no bound on what it keeps")
def _(kind):
    admin, namespace = Admin("recovery"), f"/dynamic-24{len(kind.__name__)}"
    known, loud = Known(kind, namespace), Known(Socket, namespace)
    offset = known.offset
    known.cut(admin)
    expect(loud.ask("to", {"rooms": [known.id], "event": "missed"}), [], "answer")
    for _ in range(6):
        loud.peer.send(f'2{namespace},["burst","b",10,100000]')
        for number in range(10):
            expect(loud.hear(), ["b", number, "x" * 100_000], "event")
    known.is_new({"pid": known.pid, "offset": offset})
