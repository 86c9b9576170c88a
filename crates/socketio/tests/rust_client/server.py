"""python-socketio's own server as far as the rows of `socketio_exercise` need it: of what `socketio_conformance` does,
in its mode `app`, the events below."""

import argparse
import asyncio

import socketio
import uvicorn
from socketio.exceptions import ConnectionRefusedError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=3000)
parser.add_argument("--cert", help="with the key behind it: TLS")
options = parser.parse_args()

# On uvicorn: under aiohttp it takes what has come of a large POST for the whole.
sio = socketio.AsyncServer(async_mode="asgi")


# What was tried, by its key: who comes back has another id.
tries = {}


def register(namespace):
    async def connect(sid, environ, auth):
        if namespace == "/admission" and (auth or {}).get("token") != "good":
            raise ConnectionRefusedError("not authorized", {"code": 401, "hint": "token"})
        await sio.emit("auth", auth or {}, to=sid, namespace=namespace)

    async def message_with_ack(sid, *args):
        return args

    async def echo(sid, *args):
        await sio.emit("echo", args, to=sid, namespace=namespace)

    async def send_bytes(sid, number):
        return (bytes(at % 251 for at in range(number)),)

    async def ask(sid, event, *args):
        answer = await sio.call(event, args, to=sid, namespace=namespace, timeout=20)
        return ("ok", *(answer if isinstance(answer, (list, tuple)) else [answer]))

    async def burst(sid, event, count, size):
        for number in range(count):
            await sio.emit(event, (number, "x" * size), to=sid, namespace=namespace)

    async def disconnect_me(sid, close):
        await sio.disconnect(sid, namespace=namespace)

    async def kill(sid):
        await sio.eio.disconnect(sio.manager.eio_sid_from_sid(sid, namespace))

    # Answered the third time only. The second time the connection is lost, if that is wanted.
    async def third_time(sid, key, number, loses):
        tried = tries.setdefault(key, [])
        tried.append(number)
        times = tried.count(number)
        if loses and times == 2:
            await kill(sid)
        if times < 3:
            # Whatever returns has answered.
            await asyncio.Event().wait()

    async def all_tries(sid, key):
        return (tries.get(key, []),)

    handlers = {
        "connect": connect,
        "message-with-ack": message_with_ack,
        "echo": echo,
        "bytes": send_bytes,
        "ask": ask,
        "burst": burst,
        "disconnect-me": disconnect_me,
        "kill": kill,
        "third-time": third_time,
        "tries": all_tries,
    }
    for name, handler in handlers.items():
        sio.on(name, handler, namespace=namespace)


for name in ["/", "/admission", "/dynamic-1", "/dynamic-22"]:
    register(name)


async def main():
    config = uvicorn.Config(socketio.ASGIApp(sio), port=options.port, log_level="warning", ssl_certfile=options.cert)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(f"listening on 127.0.0.1:{options.port}", flush=True)
    await serving


asyncio.run(main())
