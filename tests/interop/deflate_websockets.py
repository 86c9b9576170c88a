"""permessage-deflate with Python's `websockets`. What rows are, `deflate.py` says.

usage: deflate_websockets.py client URL ROW...
       deflate_websockets.py server HOST [PORT ROW]...
"""

import asyncio
import logging
import sys

from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.sync.client import connect

from common import *
from server_websockets import LIFETIME, echo


def row(url, name):
    extensions = [ClientPerMessageDeflateFactory(**parameters(name))]
    with connect(url, compression=None, extensions=extensions, max_size=LIMIT, proxy=None) as ws:
        for message in deflate_messages(name):
            ws.send(message)
            expect("echo", ws.recv(timeout=ROW_SECONDS), message)
        for parts, whole, text in (
            (TEXT_PIECES, FRAGMENTED_TEXT, True),
            (BINARY_PIECES, FRAGMENTED_BINARY, False),
        ):
            ws.send(parts, text=text)
            expect("echo of fragments", ws.recv(timeout=ROW_SECONDS), whole)


async def servers(host, pairs):
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
    for port, name in zip(pairs[::2], pairs[1::2]):
        extensions = [ServerPerMessageDeflateFactory(**parameters(name))]
        options = {"compression": None, "extensions": extensions, "max_size": LIMIT}
        await serve(echo, host, int(port), **options)
    await asyncio.sleep(LIFETIME)


if __name__ == "__main__":
    role, where, *rest = sys.argv[1:]
    if role == "server":
        asyncio.run(servers(where, rest))
    else:
        sys.exit(report({name: lambda name=name: row(where, name) for name in rest}))
