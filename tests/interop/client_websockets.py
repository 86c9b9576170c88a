"""Exercises an echo server with Python's `websockets`, by its asyncio or its threaded API.

usage: client_websockets.py asyncio|sync URL [--offer-deflate] [ROW...]
"""

import asyncio
import reprlib
import sys
from contextlib import asynccontextmanager, contextmanager

from websockets.asyncio.client import connect as connect_asyncio
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_sync

from common import *


def options(offer_deflate):
    return {
        "compression": "deflate" if offer_deflate else None,
        "max_size": LIMIT,
        "open_timeout": ROW_SECONDS,
        "ping_interval": None,
        "proxy": None,
    }


def check_opened(ws):
    expect("extensions in use", list(ws.protocol.extensions), [])


def check_closed(closed, code, reason):
    """The client's own account of the end: both close frames, ours first, no socket error."""
    if closed.__cause__ is not None:
        raise AssertionError(f"the connection broke: {closed.__cause__!r}")
    if closed.rcvd is None:
        raise AssertionError(f"no close frame came back: {closed}")
    expect("close code received", int(closed.rcvd.code), code)
    if closed.rcvd.reason not in ("", reason):
        raise AssertionError(f"close reason received: {closed.rcvd.reason!r}")
    expect("close code sent", int(closed.sent.code), code)
    expect("rcvd_then_sent", closed.rcvd_then_sent, False)


class Asyncio:
    def __init__(self, url, offer_deflate):
        self.url, self.options = url, options(offer_deflate)

    @asynccontextmanager
    async def session(self, code=1000, reason="", **more):
        async with connect_asyncio(self.url, **self.options, **more) as ws:
            check_opened(ws)
            yield ws
            await ws.close(code, reason)
            try:
                late = await ws.recv()
            except ConnectionClosed as closed:
                check_closed(closed, code, reason)
            else:
                raise AssertionError(f"a message after the end: {reprlib.repr(late)}")

    async def echo(self, messages):
        async with self.session() as ws:
            for message in messages:
                await ws.send(message)
                expect("echo", await ws.recv(), message)

    async def text(self):
        await self.echo(TEXTS)

    async def binary(self):
        await self.echo(BINARIES)

    async def fragments(self):
        async with self.session() as ws:

            async def with_ping_between(parts):
                for at, part in enumerate(parts):
                    if at == 2:
                        await (await ws.ping(b"between"))  # answered within the message
                    yield part

            await ws.send(with_ping_between(TEXT_PIECES), text=True)
            expect("echo", await ws.recv(), FRAGMENTED_TEXT)
            await ws.send(with_ping_between(BINARY_PIECES))
            expect("echo", await ws.recv(), FRAGMENTED_BINARY)

    async def ping(self):
        async with self.session() as ws:
            await ws.pong(b"nobody asked")
            for payload in PINGS:
                await (await ws.ping(payload))  # done only by a pong of the same payload

    async def close(self):
        async with self.session(CODE, REASON):
            pass

    async def large(self):
        await self.echo([binary(LARGE), mixed_text(LARGE)])

    async def subprotocol(self):
        async with self.session(subprotocols=["chat", "superchat"]) as ws:
            expect("subprotocol", ws.subprotocol, "chat")

    def row(self, name):
        async def bounded():
            async with asyncio.timeout(ROW_SECONDS):
                await getattr(self, name)()

        return lambda: asyncio.run(bounded())


class Sync:
    def __init__(self, url, offer_deflate):
        self.url, self.options = url, options(offer_deflate)

    @contextmanager
    def session(self, code=1000, reason="", **more):
        with connect_sync(self.url, **self.options, **more) as ws:
            check_opened(ws)
            yield ws
            ws.close(code, reason)
            try:
                late = ws.recv(timeout=ROW_SECONDS)
            except ConnectionClosed as closed:
                check_closed(closed, code, reason)
            else:
                raise AssertionError(f"a message after the end: {reprlib.repr(late)}")

    def echo(self, messages):
        with self.session() as ws:
            for message in messages:
                ws.send(message)
                expect("echo", ws.recv(timeout=ROW_SECONDS), message)

    @staticmethod
    def ping_and_wait(ws, payload):
        # A connection that ends instead is found out by whatever the row does next.
        if not ws.ping(payload, ack_on_close=True).wait(ROW_SECONDS):
            raise AssertionError(f"no pong of {reprlib.repr(payload)}")

    def text(self):
        self.echo(TEXTS)

    def binary(self):
        self.echo(BINARIES)

    def fragments(self):
        with self.session() as ws:

            def with_ping_between(parts):
                for at, part in enumerate(parts):
                    if at == 2:
                        self.ping_and_wait(ws, b"between")  # answered within the message
                    yield part

            ws.send(with_ping_between(TEXT_PIECES), text=True)
            expect("echo", ws.recv(timeout=ROW_SECONDS), FRAGMENTED_TEXT)
            ws.send(with_ping_between(BINARY_PIECES))
            expect("echo", ws.recv(timeout=ROW_SECONDS), FRAGMENTED_BINARY)

    def ping(self):
        with self.session() as ws:
            ws.pong(b"nobody asked")
            for payload in PINGS:
                self.ping_and_wait(ws, payload)

    def close(self):
        with self.session(CODE, REASON):
            pass

    def large(self):
        self.echo([binary(LARGE), mixed_text(LARGE)])

    def subprotocol(self):
        with self.session(subprotocols=["chat", "superchat"]) as ws:
            expect("subprotocol", ws.subprotocol, "chat")

    def row(self, name):
        return getattr(self, name)


if __name__ == "__main__":
    api = {"asyncio": Asyncio, "sync": Sync}[sys.argv[1]]
    client = api(sys.argv[2], "--offer-deflate" in sys.argv[3:])
    wanted = [argument for argument in sys.argv[3:] if argument in ROWS] or ROWS
    sys.exit(report({name: client.row(name) for name in wanted}))
