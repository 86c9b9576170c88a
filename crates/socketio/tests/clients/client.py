"""The Python clients against the mode `app`, with each set of transports.

usage: client.py reference|ours sync|asyncio plain=PORT quick=PORT close-FLAVOUR=PORT pid=PID

The server `quick` has a heartbeat of 300 ms; PID is the server of `close-FLAVOUR`, which is ended here.
"""

import os
import signal
import sys
import threading
import time

from python_client import WATCHDOG, Client, begin_asyncio, expect

SIDE, FLAVOUR = sys.argv[1:3]
GIVEN = dict(argument.split("=") for argument in sys.argv[3:])
SETS = (("polling", "websocket"), ("polling",), ("websocket",))
NUMBERS = iter(range(10**6))

TEXT = 'z\u00fcrich \U0001f600 \u2028 \u20ac \0 \x1e "\\ \U0010ffff'
# A tuple is the list of arguments.
VALUES = (
    (),
    (None,),
    ("",),
    ([],),
    ({},),
    (TEXT, 1, -1.5, 2**53 - 1, True, False),
    ({TEXT: [TEXT, {"deep": [[[None]]]}]}, "x"),
    (bytes(range(256)),),
    (b"",),
    (b"\x01", "text", b"\x02\x03"),
    ({"a": [{"b": [b"\x04"]}, b"\x05"]}, [[[b"\x06"]]], None),
    tuple(bytes([i]) for i in range(10)),
)


def namespace():
    """One that nobody else uses."""
    return f"/dynamic-{9 if FLAVOUR == 'sync' else 8}{next(NUMBERS):05}"


def client(transports, *args, server="plain", **kwargs):
    return Client(FLAVOUR, GIVEN[server], transports, *args, **kwargs)


def auth(transports):
    for where in ("/", namespace()):
        for payload in (None, {"token": [1, {TEXT: None}]}):
            with client(transports, where, auth=payload) as one:
                one.nothing()


def message_and_message_back(transports):
    with client(transports) as one:
        for args in VALUES:
            one.emit("message", *args)
            one.expect("message-back", *args)


def acknowledgements(transports):
    with client(transports) as one:
        for args in VALUES:
            expect(one.ask("message-with-ack", *args), list(args), "answer")
        one.nothing()


def echo(transports):
    with client(transports, namespace()) as one:
        for args in VALUES:
            one.emit("echo", *args)
            one.expect("echo", *args)


def a_megabyte(transports):
    """The limit is 1,000,000 for a message, in polling after base64."""
    size = 749_000 if transports[-1] == "polling" else 1_000_000
    with client(transports) as one:
        for data in ("x" * 999_000, b"abcd" * (size // 4)):
            one.emit("echo", data)
            one.expect("echo", data)
            expect(one.ask("message-with-ack", data), [data], "answer")


def sum_and_bytes(transports):
    with client(transports) as one:
        for size in (0, 1, 252, 70_000):
            data = bytes(i % 251 for i in range(size))
            expect(one.ask("bytes", size), [data], "answer")
            expect(one.ask("sum", data), [{"length": size, "sum": sum(data)}], "answer")


def whoami_and_set_data(transports):
    where = namespace()
    with client(transports, where, auth={"a": 1}, query="?token=a+b%26c") as one:
        expect(one.ask("set-data", {"x": [TEXT]}), [], "answer")
        (me,) = one.ask("whoami")
        query = me.pop("query")
        expect((query["token"], query["EIO"]), ("a b&c", "4"), "query")
        wanted = {"id": one.id, "nsp": where, "transport": transports[-1], "recovered": False}
        expect(me, {**wanted, "auth": {"a": 1}, "data": {"value": {"x": [TEXT]}}}, "answer")


def ask(transports):
    with client(transports, namespace()) as one:
        for answer, values in ((("a", b"\x01"), ["a", b"\x01"]), (None, []), ({"x": [b"\x02"]}, [{"x": [b"\x02"]}])):
            one.answers["question"] = answer
            expect(one.ask("ask", "question", TEXT, b"\x03"), ["ok", *values], "answer")
            one.expect("question", TEXT, b"\x03")


def rooms(transports):
    where = namespace()
    with client(transports, where) as one, client(transports, where) as two, client(transports, where) as three:
        expect(one.ask("join", ["a", "b"]), [], "join")
        expect(two.ask("join", "b"), [], "join")
        expect(one.ask("rooms"), [sorted((one.id, "a", "b"))], "rooms")
        expect(one.ask("leave", "a"), [], "leave")
        expect(one.ask("rooms"), [sorted((one.id, "b"))], "rooms")
        for wish, members in (
            ({"self": True}, (one, two, three)),
            ({}, (two, three)),
            ({"rooms": ["b", three.id]}, (two, three)),
            ({"rooms": ["b", one.id, two.id], "self": True}, (one, two)),
            ({"except": ["b"], "self": True}, (three,)),
            ({"rooms": ["b"], "except": [two.id], "self": True}, (one,)),
        ):
            expect(one.ask("to", {"event": "x", "args": [TEXT, {"b": b"\x01"}], **wish}), [], "answer")
            for member in members:
                member.expect("x", TEXT, {"b": b"\x01"})
            for any_of_them in (one, two, three):
                any_of_them.nothing()


def ask_all_and_sockets(transports):
    where = namespace()
    with client(transports, where) as one, client(transports, where) as two:
        one.answers["question"], two.answers["question"] = ("one", 1), "two"
        wish = {"event": "question", "timeout": 60_000}
        (answer,) = one.ask("ask-all", wish)
        expect((answer["error"], sorted(answer["answers"])), (False, ["one", "two"]), "answers")
        expect(one.ask("ask-all", {**wish, "rooms": [two.id]}), [{"error": False, "answers": ["two"]}], "answer")
        expect(one.ask("ask-all", {**wish, "rooms": ["nobody"]}), [{"error": False, "answers": []}], "answer")
        one.ask("sockets-join", {"rooms": [two.id], "room": "r"})
        shown = [{"id": each.id, "rooms": [each.id], "data": {}} for each in (one, two)]
        shown[1]["rooms"] = sorted((two.id, "r"))
        expect(one.ask("sockets", {}), [sorted(shown, key=lambda each: each["id"])], "sockets")
        expect(one.ask("sockets-disconnect", {"rooms": ["r"]}), [], "answer")
        for _ in range(2):
            two.expect("question")
        two.expect("disconnect", "server disconnect")


def bursts(transports):
    # These clients drop a session whose response holds more than 16 packets, and npm's server sends all that
    # waits in one. Ours has to keep to it by itself.
    few = SIDE == "reference" and "polling" in transports
    count, times = (4, 20) if few else (200, 1)
    with client(transports, namespace()) as one:
        for _ in range(times):
            expect(one.ask("burst", "b", count, 100), [], "answer")
            for i in range(count):
                one.expect("b", i, "x" * 100)
            expect(one.ask("binary-burst", "b", count, 100), [], "answer")
            for i in range(count):
                one.expect("b", i, bytes(100), bytes([i % 256]))
        expect(one.ask("ticks", "t", 10, 5), [], "answer")
        for i in range(10):
            one.expect("t", i)
        one.nothing()


def blocked_and_logs(transports):
    with client(transports, namespace()) as one:
        one.emit("nobody", b"\x01")
        one.emit("blocked", 1)
        one.expect("blocked-error", {"message": "blocked"})
        expect(one.ask("any-log"), [["nobody", "blocked"]], "any-log")
        expect(one.ask("out-log"), [["auth", "blocked-error"]], "out-log")


def namespaces_on_one_connection(transports):
    where = namespace()
    with client(transports, where, beside=["/"]) as one:
        one.emit("echo", "root", namespace="/")
        expect(one.ask("message-with-ack", 1, namespace="/"), [1], "answer")
        expect(one.ask("whoami", namespace="/")[0]["nsp"], "/", "namespace")
        one.nothing()
        assert one.client.get_sid("/") != one.id, "the same id"
        one.emit("disconnect-me", False)
        one.expect("disconnect", "server disconnect")
        expect(one.ask("message-with-ack", 2, namespace="/"), [2], "answer")


def admission(transports):
    for token in ("good", "slow"):
        with client(transports, "/admission", auth={"token": token}) as one:
            expect(one.ask("whoami")[0]["data"], {"first": 1, "second": 2}, "data")
    refusals = (
        ("/admission", {"token": "plain"}, {"message": "plain"}),
        ("/admission", None, {"message": "not authorized", "data": {"code": 401, "hint": "token"}}),
        ("/unknown", None, {"message": "Invalid namespace"}),
    )
    for where, payload, data in refusals:
        with client(transports, where, auth=payload, admitted=False) as one:
            one.expect("connect_error", data)


def entries_of(admin, sid):
    deadline = time.monotonic() + WATCHDOG
    while True:
        (log,) = admin.ask("log", namespace="/admin")
        entries = [(one["event"], one.get("reason")) for one in log if one["id"] == sid]
        if entries and entries[-1][0] == "disconnect":
            return entries
        assert time.monotonic() < deadline, "the socket stays"
        time.sleep(0.02)


def expect_end(admin, sid, *reasons):
    entries = entries_of(admin, sid)
    wanted = [[("connect", None), ("disconnecting", reason), ("disconnect", reason)] for reason in reasons]
    assert entries in wanted, f"log: {entries}"


def ends(transports):
    with client(transports, beside=["/admin"]) as admin:
        for close in (False, True):
            one = client(transports)
            sid = one.id
            one.emit("disconnect-me", close)
            name, reason = one.next()
            # The end of the connection may be noticed before the packet that announces it.
            assert name == "disconnect" and (reason == "server disconnect" or close), f"{name} {reason}"
            expect_end(admin, sid, "server namespace disconnect")
        one = client(transports)
        sid = one.id
        one.close()
        one.expect("disconnect", "client disconnect")
        # It says that it leaves, and goes at once: the one may be noticed without the other.
        expect_end(admin, sid, "client namespace disconnect", "transport close")


def kill_and_come_again(transports):
    with client(transports, beside=["/admin"]) as admin:
        with client(transports, reconnection=True, auth={"a": 1}) as one:
            sid = one.id
            one.emit("kill")
            if transports == ("polling",):
                # A session that is closed by a packet is over for these clients.
                one.expect("disconnect", "server disconnect")
                expect_end(admin, sid, "forced close")
                return
            name, reason = one.next()
            assert name == "disconnect" and reason.startswith("transport "), f"{name} {reason}"
            one.expect("connect")
            one.expect("auth", {"a": 1})
            one.nothing()
            assert one.id != sid, "the same id"
            expect_end(admin, sid, "forced close")


def six_pings(transports):
    # The heartbeat is short, so a machine that stops for a moment may rightly lose the session. A server that
    # does not take an answer for one loses it each time.
    for attempt in range(5):
        try:
            with client(transports, server="quick") as one:
                for _ in range(6):
                    one.pings.seen.get(timeout=10)
                one.nothing()
                return
        except Exception:  # whatever it is, it may be that
            if attempt == 4:
                raise


def the_server_ends(_):
    """Each client sees it."""
    clients = [client(transports, server=f"close-{FLAVOUR}") for transports in SETS]
    for one in clients:
        one.nothing()
    os.kill(int(GIVEN["pid"]), signal.SIGTERM)
    for one in clients:
        expect(one.next()[0], "disconnect", "event")


CHECKS = (
    auth,
    message_and_message_back,
    acknowledgements,
    echo,
    a_megabyte,
    sum_and_bytes,
    whoami_and_set_data,
    ask,
    rooms,
    ask_all_and_sockets,
    bursts,
    blocked_and_logs,
    namespaces_on_one_connection,
    admission,
    ends,
    kill_and_come_again,
)
failures = []


def report(check, transports, label):
    name = f"python {FLAVOUR} {label}{check.__name__.replace('_', ' ')}"
    try:
        check(transports)
        line = f"ok   {name}"
    except Exception as error:  # whatever it is, it is the check's failure
        failures.append(name)
        line = f"FAIL {name}: {type(error).__name__}: {error}"
    # At once, so that lines of several threads do not mix.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run(checks):
    """All of them with each set of transports."""

    def run_set(transports):
        for check in checks:
            report(check, transports, f"{'+'.join(transports)}: ")

    threads = [threading.Thread(target=run_set, args=(transports,)) for transports in SETS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    if FLAVOUR == "asyncio":
        begin_asyncio()
    run(CHECKS)
    # When this process has nothing else to do.
    run((six_pings,))
    report(the_server_ends, None, "")
    # Without waiting for threads of clients that hang.
    os._exit(bool(failures))


main()
