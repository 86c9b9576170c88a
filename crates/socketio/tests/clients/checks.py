"""What the checks byte for byte have in common: their list, the servers, a connection by either transport."""

import base64
import json
import re
import sys
import time

from wire import WATCHDOG, Closed, Connection, WebSocket

SIDE = sys.argv[1]
PORT = dict(argument.split("=") for argument in sys.argv[2:])
CHECKS = []
WITH_RECOVERY = ("recovery", "brief")


def check(name, ours=None):
    """One more check. With `ours`, the reason, npm's server is not held to it: there ours differs on purpose."""

    def add(function):
        CHECKS.append((name, ours, function))
        return function

    return add


def expect(got, wanted, what=""):
    assert got == wanted, f"{what}: {got!r}, not {wanted!r}"


def query(sid=None, transport="polling", more=""):
    return f"EIO=4&transport={transport}" + (f"&sid={sid}" if sid else "") + more


def split(packet):
    """The packet of Socket.IO before its JSON, and the JSON as a value: blanks and escapes do not matter."""
    if not isinstance(packet, str):
        return packet
    head = re.match(r"[^\[{]*", packet).group()
    return (head, json.loads(packet[len(head) :])) if head != packet else (head,)


class Peer:
    """Socket.IO over a connection of Engine.IO, a packet at a time."""

    def join(self, namespace="/", auth=None, keys=("sid",)):
        """Admitted, and told its `auth`; the public id."""
        prefix = "" if namespace == "/" else f"{namespace},"
        self.send(f"0{prefix}" + ("" if auth is None else json.dumps(auth)))
        head, data = split(self.receive())
        expect((head, tuple(data)), (f"0{prefix}", keys), "answer to CONNECT")
        if namespace != "/admin":
            self.expect(f'2{prefix}["auth",{json.dumps(auth or {})}]')
        return data["sid"]

    def expect(self, *packets):
        for packet in packets:
            got = self.receive()
            same = type(got) is type(packet) and split(got) == split(packet)
            assert same, f"{got!r} came, not {packet!r}"

    def ask(self, *event, namespace="/"):
        """The arguments of the acknowledgement, which must be the very next packet."""
        prefix = "" if namespace == "/" else f"{namespace},"
        self.send(f"2{prefix}7{json.dumps(event)}")
        head, arguments = split(self.receive())
        expect(head, f"3{prefix}7", "acknowledgement")
        return arguments

    def lives(self):
        """And nothing has come."""
        expect(self.ask("message-with-ack", "hello"), ["hello"], "echo")


class Socket(Peer):
    """By WebSocket."""

    def __init__(self, server="patient", more=""):
        self.web = WebSocket(PORT[server], f"/socket.io/?{query(None, 'websocket', more)}")
        self.open = json.loads(self.web.receive()[1:])
        self.sid = self.open["sid"]

    def send(self, *packets):
        """All in one write."""
        self.web.send(*(f"4{one}" if isinstance(one, str) else one for one in packets))

    def receive(self):
        while (got := self.web.receive()) == "2":
            self.web.send("3")
        if isinstance(got, str):
            assert got[:1] == "4", f"{got!r} is no message"
            return got[1:]
        return got

    def closes(self):
        """With a Close (E28)."""
        got = self.receive()
        assert isinstance(got, Closed) and got.code, f"{got!r} came, not a Close"


class Polling(Peer):
    """One connection for its GETs, one for its POSTs."""

    def __init__(self, server="patient", more=""):
        self.getting, self.posting = Connection(PORT[server]), Connection(PORT[server])
        response = self.getting.ask("GET", f"/socket.io/?{query(None, 'polling', more)}")
        expect(response.status, 200, "status of the handshake")
        self.open = json.loads(response.text[1:])
        self.sid = self.open["sid"]
        self.target = f"/socket.io/?{query(self.sid, 'polling', more)}"
        self.waiting = []

    def post(self, body):
        return self.posting.ask("POST", self.target, body)

    def send(self, *packets):
        """All in one body."""
        body = [f"4{one}" if isinstance(one, str) else "b" + base64.b64encode(one).decode() for one in packets]
        self.post("\x1e".join(body))

    def receive(self):
        while True:
            while not self.waiting:
                response = self.getting.ask("GET", self.target)
                if response.status != 200:
                    assert b'"code":1' in response.body, response
                    return Closed(None)
                self.waiting = response.text.split("\x1e")
            got = self.waiting.pop(0)
            if got == "2":
                self.post("3")
            elif got == "1":
                return Closed(None)
            elif got != "6":
                return base64.b64decode(got[1:]) if got[0] == "b" else got[1:]

    def closes(self):
        got = self.receive()
        assert isinstance(got, Closed), f"{got!r} came, not the end"
        wait_until(lambda: b'"code":1' in Connection(self.getting.socket.getpeername()[1]).ask("PUT", self.target).body)


KINDS = {"websocket": Socket, "polling": Polling}


def both(name, ours=None):
    """The same check by WebSocket and by polling."""

    def add(function):
        for kind, peer in KINDS.items():
            check(f"{name} ({kind})", ours)(lambda peer=peer: function(peer))
        return function

    return add


def wait_until(question):
    """Asks until the answer is true; the answer."""
    deadline = time.monotonic() + WATCHDOG
    while not (answer := question()):
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)
    return answer


class Admin:
    def __init__(self, server="patient"):
        self.socket = Socket(server)
        self.socket.join("/admin", keys=("sid", "pid") if server in WITH_RECOVERY else ("sid",))

    def log(self):
        return self.socket.ask("log", namespace="/admin")[0]

    def clients(self):
        return self.socket.ask("clients", namespace="/admin")[0]

    def of(self, sid):
        return [entry for entry in self.log() if entry["id"] == sid]

    def reason(self, sid):
        """Why that socket has ended, when it has."""
        last = wait_until(lambda: [one for one in self.of(sid) if one["event"] == "disconnect"])
        return last[0]["reason"]


def eventually(attempt):
    """Where the machine has to be quick: that may fail some times."""
    for left in reversed(range(5)):
        try:
            return attempt()
        except AssertionError:
            if left == 0:
                raise
