"""E21 to E25: a WebSocket takes over from polling, or does not."""

import time

from checks import Session, check, expect, expect_refusal
from wire import Closed


def works(socket):
    socket.send("4hello", b"\x01\x02")
    socket.expect("4hello", b"\x01\x02")


def refused_or_closed(candidate):
    if candidate.refusal is None:
        candidate.expect_closed()
    else:
        expect(candidate.refusal.status, 400, "status")


@check("E22 E23 2probe, the held GET gets 6, 5: the session has moved")
def _():
    session = Session()
    session.hold()
    session.expect_alive()
    candidate = session.probed()
    expect(session.held(), "6", "what the held GET gets")
    candidate.send("5")
    works(candidate)


@check("E22 each later GET is answered 6, too, unless packets wait")
def _():
    session = Session()
    candidate = session.probed()
    for _ in range(3):
        expect(session.get(), "6", "body")
    session.post("4waits")
    packets = []
    while "4waits" not in packets:
        packets += session.get().split("\x1e")
    candidate.send("5")
    works(candidate)


@check("E24 polling with that sid afterwards: 400, code 3")
def _():
    session = Session()
    socket = session.upgraded()
    works(socket)
    expect_refusal(session.getting.ask("GET", session.target), 3)
    expect_refusal(session.posting.ask("POST", session.target, "4a"), 3)
    works(socket)


@check("E23 what waits comes by WebSocket, in order, none twice")
def _():
    session = Session()
    session.post("4before the candidate")
    candidate = session.candidate()
    candidate.send("2probe")
    candidate.expect("3probe")
    session.post("40\x1e41\x1ebAQID")
    session.post("\x1e".join(f"4{i}" for i in range(2, 40)))
    candidate.send("5")
    candidate.expect("4before the candidate", "40", "41", b"\x01\x02\x03")
    candidate.expect(*(f"4{i}" for i in range(2, 40)))
    works(candidate)


@check("E23 bytes behind 5 in the same read are the session's")
def _():
    session = Session()
    candidate = session.probed()
    session.post("4waits")
    candidate.send("5", "4a", b"\x01", "4b")
    candidate.expect("4waits", "4a", b"\x01", "4b")


@check("E22 E23 everything of an upgrade in one write")
def _():
    candidate = Session().candidate()
    candidate.send("2probe", "5", "4a")
    candidate.expect("3probe", "4a")


@check("E23 a GET that is held at the 5 gets 6", ours="the reference may answer it 1")
def _():
    for _ in range(20):
        session = Session()
        candidate = session.probed()
        session.hold()
        candidate.send("5")
        works(candidate)
        response = session.getting.response()
        # Or it came too late.
        assert response.text == "6" or b'"code":3' in response.body, response


@check("E24 POST and GET work between the probe and the 5")
def _():
    session = Session()
    candidate = session.probed()
    session.echoes("by polling")
    candidate.send("5")
    works(candidate)


@check("E21 a second candidate is refused or closed, nothing happens to session and first candidate")
def _():
    session = Session()
    first = session.candidate()
    refused_or_closed(session.candidate())
    first.send("2probe")
    first.expect("3probe")
    refused_or_closed(session.candidate())
    session.echoes()
    first.send("5")
    works(first)


@check("E21 a candidate after the upgrade is refused or closed, the session unharmed")
def _():
    session = Session()
    socket = session.upgraded()
    works(socket)
    refused_or_closed(session.candidate())
    works(socket)


WRONG = (("a message", "4hello"), ("a ping without probe", "2"), ("an unknown kind", "9"), ("binary", b"\x01"))


def wrong(what, message):
    @check(f"E25 a candidate that says something else, {what}: only it is closed")
    def _():
        session = Session()
        for begin in (session.candidate, session.probed):
            candidate = begin()
            candidate.send(message)
            candidate.expect_closed()
            session.echoes()
        works(session.upgraded())


for row in WRONG:
    wrong(*row)


@check("E25 a candidate that goes: the session lives, and may try again")
def _():
    session = Session()
    for begin in (session.candidate, session.probed):
        begin().close()
        session.echoes()
    # The server may not have noticed yet; then it may refuse or close the next one.
    while True:
        candidate = session.candidate()
        if candidate.refusal is None:
            candidate.send("2probe")
            if not isinstance(candidate.receive(), Closed):
                break
    candidate.send("5")
    works(candidate)


def late(what, begin):
    @check(f"E25 a candidate that {what} is closed after upgradeTimeout, not before; the session lives")
    def _():
        session = Session("impatient")
        since = time.monotonic()
        begin(session).expect_closed()
        elapsed = time.monotonic() - since
        assert elapsed >= 0.295, f"after {elapsed:.3f} s"
        session.echoes()


late("says nothing", Session.candidate)
late("says no 5", Session.probed)


@check("E25 the session ends, and its candidate with it")
def _():
    for begin in (Session.candidate, Session.probed):
        session = Session()
        candidate = begin(session)
        session.post("1")
        candidate.expect_closed()


@check("E20 a second 2probe does not end the session")
def _():
    session = Session()
    candidate = session.probed()
    candidate.send("2probe")
    # It may be answered or be something else (E25).
    assert isinstance(got := candidate.receive(), Closed) or got == "3probe", got
    session.echoes()
