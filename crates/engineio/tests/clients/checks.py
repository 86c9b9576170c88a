"""What the checks byte for byte have in common: their list, the servers, a session by polling."""

import json
import sys
import time

from wire import WATCHDOG, Connection, WebSocket

SIDE = sys.argv[1]
PORT = dict(argument.split("=") for argument in sys.argv[2:])
CHECKS = []


def check(name, ours=None):
    """One more check. With `ours`, the reason, npm's server is not held to it: there ours differs on purpose."""

    def add(function):
        CHECKS.append((name, ours, function))
        return function

    return add


def expect(got, wanted, what=""):
    assert got == wanted, f"{what}: {got!r}, not {wanted!r}"


MESSAGES = {
    0: "Transport unknown",
    1: "Session ID unknown",
    2: "Bad handshake method",
    3: "Bad request",
    5: "Unsupported protocol version",
}


def expect_refusal(response, code):
    """E9: as JSON."""
    expect(response.status, 400, "status")
    expect(response.header("content-type"), "application/json", "content type")
    expect(json.loads(response.text), {"code": code, "message": MESSAGES[code]}, "body")


def query(sid=None, transport="polling"):
    return f"EIO=4&transport={transport}" + (f"&sid={sid}" if sid else "")


def state(port, sid):
    """What the server says of a session, asked with a method that sessions do not have: it changes nothing (E15)."""
    return Connection(port).ask("PUT", f"/engine.io/?{query(sid)}")


def ends(port, sid):
    """The session ends sooner or later."""
    deadline = time.monotonic() + WATCHDOG
    while b'"code":1' not in state(port, sid).body:
        assert time.monotonic() < deadline, "the session stays"
        time.sleep(0.01)


class Session:
    """A session by polling: one connection for its GETs, one for its POSTs."""

    def __init__(self, server="patient", *headers):
        self.port = PORT[server]
        self.getting, self.posting = Connection(self.port), Connection(self.port)
        self.response = self.getting.ask("GET", f"/engine.io/?{query()}", None, *headers)
        expect(self.response.status, 200, "status of the handshake")
        expect(self.response.text[:1], "0", "first packet")
        self.open = json.loads(self.response.text[1:])
        self.sid = self.open["sid"]
        self.target = f"/engine.io/?{query(self.sid)}"

    def hold(self):
        """A GET whose answer is read later."""
        self.getting.request("GET", self.target)

    def held(self):
        response = self.getting.response()
        expect(response.status, 200, "status of GET")
        return response.text

    def get(self):
        self.hold()
        return self.held()

    def post(self, body):
        response = self.posting.ask("POST", self.target, body)
        expect((response.status, response.text), (200, "ok"), "answer to POST")

    def messages(self, count):
        """That many packets, from as many responses as it takes; pings and `6` do not count."""
        packets = []
        while len(packets) < count:
            packets += [one for one in self.get().split("\x1e") if one not in ("2", "6")]
        return packets

    def echoes(self, text="hello"):
        """The session works."""
        self.post(f"4{text}")
        expect(self.messages(1), [f"4{text}"], "echo")

    def candidate(self):
        return WebSocket(self.port, query(self.sid, "websocket"))

    def probed(self):
        candidate = self.candidate()
        candidate.send("2probe")
        candidate.expect("3probe")
        return candidate

    def upgraded(self):
        candidate = self.probed()
        candidate.send("5")
        return candidate

    def state(self):
        return state(self.port, self.sid)

    def expect_alive(self):
        response = self.state()
        assert response.status >= 400 and b'"code":1' not in response.body, response

    def expect_ended(self):
        """It has ended already."""
        expect_refusal(self.state(), 1)

    def ends(self):
        ends(self.port, self.sid)


def on_a_quick_machine(attempt):
    """Where a session lives only while the machine answers within 200 ms: that may fail some times."""
    for left in reversed(range(5)):
        try:
            return attempt()
        except AssertionError:
            if left == 0:
                raise
