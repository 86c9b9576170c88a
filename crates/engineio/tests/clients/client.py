"""The Python clients against a server that sends every message back, with each set of transports.

usage: client.py reference|ours sync|asyncio soon=PORT patient=PORT quick=PORT close-FLAVOUR=PORT pid=PID

The server `soon` pings after 2 s, `quick` after 300 ms, `patient` not within the hour; PID is the server of
`close-FLAVOUR`, which is ended here.
"""

import asyncio
import http.client
import logging
import os
import queue
import signal
import sys
import threading
import time

import engineio

SIDE, FLAVOUR = sys.argv[1:3]
GIVEN = dict(argument.split("=") for argument in sys.argv[3:])
SETS = (("polling", "websocket"), ("polling",), ("websocket",))
WATCHDOG = 120  # seconds: no machine is so slow
CLOSED = object()

TEXTS = ("hello", "", 'z\u00fcrich \U0001f600 \u2028 \u2029 \u20ac \0 "\\ \U0010ffff', "b", "bAQID")
BINARIES = (bytes(range(256)), b"", b"\x1e4")


class Pings(logging.Handler):
    """These clients have no event for pings, but say in their log what comes."""

    def __init__(self):
        super().__init__()
        self.seen = queue.Queue()

    def emit(self, record):
        if record.msg.startswith("Received packet") and record.args[0] == "PING":
            self.seen.put("ping")


class InOrder(engineio.Client):
    """Hands messages out where they arrive: in a thread for each, their order would be lost."""

    def start_background_task(self, target, *args, **kwargs):
        if target is self.handlers.get("message"):
            return target(*args)
        return super().start_background_task(target, *args, **kwargs)


class Client:
    """Both kinds of client behind one face, so that each check is written once."""

    loop = None

    def __init__(self, port, transports, query=""):
        self.arrived, self.pings = queue.Queue(), Pings()
        logger = logging.Logger("client", logging.INFO)
        logger.addHandler(self.pings)
        kind = InOrder if FLAVOUR == "sync" else engineio.AsyncClient
        self.client = kind(logger=logger, request_timeout=WATCHDOG, handle_sigint=False)
        self.client.on("message", self.arrived.put)
        self.client.on("disconnect", lambda reason: self.arrived.put(CLOSED))
        url = f"http://127.0.0.1:{port}{query}"
        self.call(self.client.connect, url, transports=list(transports))
        self.sid = self.client.sid

    def call(self, method, *args, **kwargs):
        result = method(*args, **kwargs)
        if not asyncio.iscoroutine(result):
            return result
        return asyncio.run_coroutine_threadsafe(result, Client.loop).result(WATCHDOG)

    def send(self, data):
        self.call(self.client.send, data)

    def next(self):
        """The next message, or CLOSED."""
        return self.arrived.get(timeout=WATCHDOG)

    def echoes(self, data):
        """Sends it, and wants the same back: text as text, binary as binary."""
        self.send(data)
        expect(self.next(), data)

    def close(self):
        # This client says that it goes only if no POST is under way; else the server hears nothing, and both
        # wait for a ping. On a slow machine that only takes longer: the server `soon` pings soon.
        time.sleep(0.05)
        self.call(self.client.disconnect)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def shown(data):
    return "the end" if data is CLOSED else f"{data[:60]!r} ({len(data)})"


def expect(got, wanted):
    if type(got) is not type(wanted) or got != wanted:
        raise AssertionError(f"{shown(got)} came, not {shown(wanted)}")


def begin_asyncio():
    Client.loop = asyncio.new_event_loop()
    threading.Thread(target=Client.loop.run_forever, daemon=True).start()


def texts_come_back(transports):
    with Client(GIVEN["soon"], transports) as client:
        for text in TEXTS:
            client.echoes(text)


def binary_comes_back(transports):
    with Client(GIVEN["soon"], transports) as client:
        for data in BINARIES:
            client.echoes(data)


def large_messages_come_back(transports):
    """The limit is 1,000,000: with the digit of the packet, and in polling after base64."""
    with Client(GIVEN["soon"], transports) as client:
        polling = transports[-1] == "polling"
        client.echoes("x" * (900_000 if polling else 999_999))
        client.echoes("\u20ac" * 300_000)
        client.echoes(b"abc" * (200_000 if polling else 333_333))


def messages_come_back_in_order(transports):
    # These clients drop a session whose response holds more than 16 packets, and npm's server sends all
    # that waits in one: there no more are under way than fit. Ours has to keep to it by itself.
    window = 8 if SIDE == "reference" and transports == ("polling",) else 500
    with Client(GIVEN["soon"], transports) as client:
        for first in range(0, 500, window):
            numbers = range(first, min(first + window, 500))
            for i in numbers:
                client.send(f"m{i}" if i % 5 else f"m{i}".encode())
            for i in numbers:
                expect(client.next(), f"m{i}" if i % 5 else f"m{i}".encode())
        client.echoes("the last one")


def a_parameter_of_the_user_does_no_harm(transports):
    with Client(GIVEN["soon"], transports, "?token=a+b%26c&sids=1") as client:
        client.echoes("hello")


def the_upgrade_happens(transports):
    with Client(GIVEN["soon"], transports) as client:
        expect(client.client.transport(), transports[-1])
        client.echoes("hello")


def the_client_stays_for_six_pings(transports):
    # The heartbeat is short, so a machine that stops for a moment may rightly lose the session. A server
    # that does not take an answer for one loses it each time.
    for attempt in range(5):
        try:
            with Client(GIVEN["quick"], transports) as client:
                for _ in range(6):
                    client.pings.seen.get(timeout=10)
                client.echoes("still here")
                return
        except (AssertionError, queue.Empty, engineio.exceptions.EngineIOError):
            if attempt == 4:
                raise


def the_client_closes_and_the_session_ends(transports):
    # Without a ping within the hour only the end of the connection can be the reason.
    server = "soon" if transports == ("polling",) else "patient"
    for _ in range(3):
        with Client(GIVEN[server], transports) as client:
            client.echoes("hello")
            client.close()
            expect(client.next(), CLOSED)
        # By polling it may lose the race that `close` tells of; then it has had to wait for a ping.
        if client.pings.seen.empty():
            break
    else:
        raise AssertionError("the server hears nothing of it")
    deadline = time.monotonic() + WATCHDOG
    while b'"code":1' not in state(GIVEN[server], client.sid):
        # By polling the session has ended before its last GET was answered.
        assert server == "patient" and time.monotonic() < deadline, "the session stays"
        time.sleep(0.02)


def state(port, sid):
    """What the server says of a session: nothing changes by asking with a method that sessions do not have."""
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=WATCHDOG)
    try:
        connection.request("PUT", f"/engine.io/?EIO=4&transport=polling&sid={sid}")
        return connection.getresponse().read()
    finally:
        connection.close()


def the_server_ends(_):
    """Each client sees a close event."""
    clients = [Client(GIVEN[f"close-{FLAVOUR}"], transports) for transports in SETS]
    for client in clients:
        client.echoes("hello")
    os.kill(int(GIVEN["pid"]), signal.SIGTERM)
    for client in clients:
        expect(client.next(), CLOSED)


CHECKS = (
    texts_come_back,
    binary_comes_back,
    large_messages_come_back,
    messages_come_back_in_order,
    a_parameter_of_the_user_does_no_harm,
    the_upgrade_happens,
    the_client_stays_for_six_pings,
    the_client_closes_and_the_session_ends,
)
failures = []


def say(line):
    """At once, so that lines of several threads do not mix."""
    sys.stdout.write(line + "\n")


def report(check, transports, label):
    name = f"python {FLAVOUR} {label}{check.__name__.replace('_', ' ')}"
    try:
        check(transports)
        say(f"ok   {name}")
    except Exception as error:  # whatever it is, it is the check's failure
        failures.append(name)
        say(f"FAIL {name}: {type(error).__name__}: {error}")


def run_set(transports):
    for check in CHECKS:
        report(check, transports, f"{'+'.join(transports)}: ")


def main():
    if FLAVOUR == "asyncio":
        begin_asyncio()
    threads = [threading.Thread(target=run_set, args=(transports,)) for transports in SETS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report(the_server_ends, None, "")
    # Without waiting for threads of clients that hang.
    sys.stdout.flush()
    os._exit(bool(failures))


main()
