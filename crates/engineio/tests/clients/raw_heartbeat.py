"""E18 and E19: pings, and sessions that nobody cares for. The server `quick` has 300 ms and 200 ms."""

import time

from checks import PORT, Session, check, expect, on_a_quick_machine
from wire import WebSocket

INTERVAL, TIMEOUT = 0.3, 0.2
# Timers may count in whole milliseconds. Only "never earlier" is asked for: that holds on any machine.
EARLY = 0.005


def expect_not_before(since, seconds, what):
    elapsed = time.monotonic() - since
    assert elapsed >= seconds - EARLY, f"{what} after {elapsed:.3f} s"


@check("E18 by polling: a ping an interval after the open packet, and after each pong, not earlier")
def _():
    def attempt():
        since = time.monotonic()
        session = Session("quick")
        for _ in range(4):
            expect(session.get(), "2", "packet")
            expect_not_before(since, INTERVAL, "a ping")
            since = time.monotonic()
            session.post("3")

    on_a_quick_machine(attempt)


@check("E18 by WebSocket: the same")
def _():
    def attempt():
        since = time.monotonic()
        socket = WebSocket(PORT["quick"])
        socket.receive()
        for _ in range(4):
            socket.expect("2")
            expect_not_before(since, INTERVAL, "a ping")
            since = time.monotonic()
            socket.send("3")

    on_a_quick_machine(attempt)


@check("E19 an abandoned session ends, not before interval and timeout")
def _():
    since = time.monotonic()
    session = Session("quick")
    session.ends()
    expect_not_before(since, INTERVAL + TIMEOUT, "the end")


@check("E18 without a pong a session ends, and its held GET says so")
def _():
    def attempt():
        since = time.monotonic()
        session = Session("quick")
        expect(session.get(), "2", "packet")
        expect(session.get(), "1", "what the held GET gets")
        expect_not_before(since, INTERVAL + TIMEOUT, "the end")
        session.expect_ended()

    on_a_quick_machine(attempt)


@check("E18 without a pong a WebSocket is closed")
def _():
    since = time.monotonic()
    socket = WebSocket(PORT["quick"])
    socket.receive()
    socket.expect("2")
    socket.expect_closed()
    expect_not_before(since, INTERVAL + TIMEOUT, "the end")


@check("E19 one that upgrades between ping and pong ends, too", ours="the reference forgets the deadline")
def _():
    def attempt():
        session = Session("quick")
        expect(session.get(), "2", "packet")
        session.upgraded().expect_closed()

    on_a_quick_machine(attempt)


@check("E19 one whose candidate never says 5 ends, and its candidate with it")
def _():
    def attempt():
        session = Session("quick")
        candidate = session.probed()
        session.ends()
        candidate.expect_closed()

    on_a_quick_machine(attempt)
