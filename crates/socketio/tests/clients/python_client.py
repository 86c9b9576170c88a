"""Both kinds of python-socketio's client behind one face, so that each check is written once."""

import asyncio
import logging
import queue
import threading
import time

import engineio
import socketio

WATCHDOG = 120  # seconds: no machine is so slow


class InOrder(engineio.Client):
    """Hands messages out in one thread: in one for each, their order would be lost."""

    messages = None

    def start_background_task(self, target, *args, **kwargs):
        if target is not self.handlers.get("message"):
            return super().start_background_task(target, *args, **kwargs)
        if self.messages is None:
            self.messages = queue.Queue()
            threading.Thread(target=self.hand_out, daemon=True).start()
        self.messages.put((target, args))

    def hand_out(self):
        while True:
            target, args = self.messages.get()
            target(*args)


class Sync(socketio.Client):
    def _engineio_client_class(self):
        return InOrder

    def connect(self, *args, **kwargs):
        super().connect(*args, **{"wait_timeout": WATCHDOG, **kwargs})


class Asyncio(socketio.AsyncClient):
    async def connect(self, *args, **kwargs):
        await super().connect(*args, **{"wait_timeout": WATCHDOG, **kwargs})


class Pings(logging.Handler):
    """These clients have no event for pings, but say in their log what comes."""

    def __init__(self):
        super().__init__()
        self.seen = queue.Queue()

    def emit(self, record):
        if record.msg.startswith("Received packet") and record.args[0] == "PING":
            self.seen.put("ping")


class Client:
    """All that happens in one namespace, in its order: (name, arguments...)."""

    loop = None

    def __init__(
        self,
        flavour,
        port,
        transports,
        namespace="/",
        beside=(),
        auth=None,
        query="",
        reconnection=False,
        admitted=True,
    ):
        self.namespace, self.answers, self.arrived = namespace, {}, queue.Queue()
        self.pings = Pings()
        logger = logging.Logger("client", logging.INFO)
        logger.addHandler(self.pings)
        kind = Sync if flavour == "sync" else Asyncio
        self.client = kind(
            reconnection=reconnection,
            reconnection_delay=0.02,
            reconnection_delay_max=0.05,
            randomization_factor=0,
            request_timeout=WATCHDOG,
            handle_sigint=False,
            engineio_logger=logger,
        )
        self.client.on("connect", lambda: self.put("connect"), namespace=namespace)
        self.client.on("disconnect", lambda reason: self.put("disconnect", reason), namespace=namespace)
        self.client.on("connect_error", lambda data: self.put("connect_error", data), namespace=namespace)
        self.client.on("*", self.put, namespace=namespace)
        self.call(
            self.client.connect,
            f"http://127.0.0.1:{port}{query}",
            transports=list(transports),
            namespaces=[namespace, *beside],
            auth=auth,
            wait=admitted,
        )
        if admitted:
            self.expect("connect")
            self.expect("auth", auth or {})

    def put(self, *event):
        self.arrived.put(event)
        return self.answers.get(event[0])

    def call(self, method, *args, **kwargs):
        result = method(*args, **kwargs)
        if not asyncio.iscoroutine(result):
            return result
        return asyncio.run_coroutine_threadsafe(result, Client.loop).result(WATCHDOG)

    @property
    def id(self):
        return self.client.get_sid(self.namespace)

    def emit(self, name, *args, namespace=None):
        self.call(self.client.emit, name, args, namespace=namespace or self.namespace)

    def ask(self, name, *args, namespace=None):
        """The arguments of the acknowledgement."""
        answers = queue.Queue()
        self.call(
            self.client.emit,
            name,
            args,
            namespace=namespace or self.namespace,
            callback=lambda *values: answers.put(list(values)),
        )
        return answers.get(timeout=WATCHDOG)

    def next(self):
        return self.arrived.get(timeout=WATCHDOG)

    def expect(self, *event):
        expect(self.next(), event, "event")

    def nothing(self):
        expect(self.ask("message-with-ack", "nothing"), ["nothing"], "answer")
        assert self.arrived.empty(), f"{shown(self.next())} should not have come"

    def close(self):
        # This client says that it goes only if no POST is under way; else the server hears nothing, and both
        # wait for a ping. On a slow machine that only takes longer.
        time.sleep(0.05)
        self.call(self.client.disconnect)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def shown(value):
    long = repr(value)
    return long if len(long) < 200 else f"{long[:200]}... ({len(long)})"


def expect(got, wanted, what):
    if type(got) is not type(wanted) or got != wanted:
        raise AssertionError(f"{what}: {shown(got)}, not {shown(wanted)}")


def begin_asyncio():
    # It warns of what a client that was cut off has left open.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    Client.loop = asyncio.new_event_loop()
    threading.Thread(target=Client.loop.run_forever, daemon=True).start()
