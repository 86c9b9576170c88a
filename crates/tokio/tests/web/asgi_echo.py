"""An echo as an ASGI application. It says by which version of HTTP each connection came."""


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    assert (await receive())["type"] == "websocket.connect"
    if scope["path"] == "/no":
        return await send({"type": "websocket.close"})
    print("open by", scope["http_version"], flush=True)
    offered = scope["subprotocols"]
    await send({"type": "websocket.accept", "subprotocol": offered[0] if offered else None})
    while (message := await receive())["type"] == "websocket.receive":
        if scope["path"] == "/close":
            return await send({"type": "websocket.close", "code": 3001, "reason": "enough"})
        await send({"type": "websocket.send", "text": message["text"]})
