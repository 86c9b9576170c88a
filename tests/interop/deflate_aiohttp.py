"""permessage-deflate with Python's `aiohttp`. What rows are, `deflate.py` says.

As a client it can ask for a smaller window of the server, and that is all it can ask for.

usage: deflate_aiohttp.py client URL ROW...
       deflate_aiohttp.py server HOST [PORT ROW]...
"""

import asyncio
import sys

from aiohttp import ClientSession, ClientTimeout, WSMsgType, web

from common import *

LIFETIME = 36_000  # seconds; `run` ends it long before


async def row(url, name):
    bits = parameters(name).get("server_max_window_bits", 15)
    options = {"compress": bits, "max_msg_size": LIMIT}
    async with ClientSession(timeout=ClientTimeout(ROW_SECONDS)) as session:
        async with asyncio.timeout(ROW_SECONDS), session.ws_connect(url, **options) as ws:
            for message in deflate_messages(name):
                await send(ws, message)
                expect("echo", (await ws.receive()).data, message)
            await ws.close()
            expect("close code", ws.close_code, 1000)


async def send(ws, message):
    await (ws.send_str if isinstance(message, str) else ws.send_bytes)(message)


async def echo(request):
    ws = web.WebSocketResponse(max_msg_size=LIMIT)
    await ws.prepare(request)
    print("opened", flush=True)
    async for message in ws:
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            print(f"unclean {message}", flush=True)
            return ws
        await send(ws, message.data)
    clean = ws.close_code == 1000 and ws.exception() is None
    how = f"closed {ws.close_code} " if clean else f"unclean {ws.close_code} {ws.exception()!r}"
    print(how, flush=True)
    return ws


async def servers(host, pairs):
    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    for port in pairs[::2]:
        await web.TCPSite(runner, host, int(port)).start()
    await asyncio.sleep(LIFETIME)


if __name__ == "__main__":
    role, where, *rest = sys.argv[1:]
    if role == "server":
        asyncio.run(servers(where, rest))
    else:
        sys.exit(report({name: lambda name=name: asyncio.run(row(where, name)) for name in rest}))
