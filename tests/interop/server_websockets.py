"""An echo server on Python's `websockets` (asyncio); reports how each connection ended.

usage: server_websockets.py HOST PORT
"""

import asyncio
import logging
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from common import LIMIT

LIFETIME = 36_000  # seconds; `run` ends it long before


async def echo(ws):
    print("opened", flush=True)
    try:
        while True:
            await ws.send(await ws.recv())
    except ConnectionClosed as closed:
        clean = closed.__cause__ is None and closed.rcvd_then_sent is True
        if clean:
            print(f"closed {int(closed.rcvd.code)} {closed.rcvd.reason}", flush=True)
        else:
            print(f"unclean {closed} cause {closed.__cause__!r}", flush=True)


def chat_if_offered(_, offered):
    # Given a plain list, the library would refuse the clients that offer none.
    return "chat" if "chat" in offered else None


async def main(host, port):
    # `run` finds the port open by connecting and leaving: no handshake, and no news.
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
    async with serve(echo, host, port, select_subprotocol=chat_if_offered, max_size=LIMIT):
        await asyncio.sleep(LIFETIME)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
