#!/usr/bin/env python3
"""Records what real WebSocket programs say to each other, and makes seeds of it.

usage: fuzz/record.py

Python's websockets and npm's ws, each as a client of each, curl and Chromium (if there is one) as
clients, all through a small proxy that keeps a copy. The seeds go to fuzz/corpus/, for the
targets of both handshakes, both streams and extensions, under names that begin with "real-".

What it needs is installed under target/peers/. Only ports of 127.0.0.1 are used.
"""

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent / "target" / "peers"
PYTHON = PEERS / "bin" / "python"
CORPUS = HERE / "corpus"

SECONDS = 20
LONGEST = 4096  # more of a transcript says nothing new

# The answer to the nonce that the client target always sends (RFC 6455, section 1.3).
ACCEPT = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

CHROMIUM = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync""".split()

PAGE = b"""<script>
const ws = new WebSocket(location.hash.slice(1), ["chat", "superchat"]);
ws.binaryType = "arraybuffer";
ws.onopen = () => { ws.send("gr\\u00fc\\u00dfe \\ud83d\\ude00"); ws.send(new Uint8Array(200)); ws.send(""); };
let n = 0;
ws.onmessage = () => { if (++n == 3) ws.close(3456, "bye for now"); };
</script>"""

WS_SERVER = """
const { WebSocketServer } = require('ws');
const deflate = process.argv[1] === 'deflate';
const options = { host: '127.0.0.1', port: 0, perMessageDeflate: deflate && { threshold: 0 } };
const server = new WebSocketServer(options, () => console.log(server.address().port));
server.on('connection', (ws) => {
  ws.on('error', () => {});
  ws.ping('are you there?');
  ws.on('message', (data, binary) => {
    const half = data.length >> 1;
    ws.send(data.subarray(0, half), { binary, fin: false });
    ws.send(data.subarray(half), { binary, fin: true });
  });
});
"""

WS_CLIENT = """
const WebSocket = require('ws');
const deflate = process.argv[2] === 'deflate';
const ws = new WebSocket(process.argv[1], ['chat'], { perMessageDeflate: deflate && { threshold: 0 } });
ws.on('error', () => {});
let n = 0;
ws.on('message', () => { if (++n === 4) ws.close(1000, 'done'); });
ws.on('open', () => {
  ws.ping(Buffer.alloc(125, 'p'));
  ws.pong();
  ws.send('');
  ws.send(Buffer.alloc(126, 1));
  ws.send('gr', { fin: false });
  ws.send('\\u00fc\\u00df', { fin: false });
  ws.ping();
  ws.send('e', { fin: true });
  ws.send('x'.repeat(1000));
});
"""

PYTHON_SERVER = """
import asyncio, sys
from websockets.asyncio.server import serve

async def echo(ws):
    await ws.ping("hello?")
    async for message in ws:
        await ws.send(message)
        await ws.send([message[:3], message[3:]])

async def main():
    options = {"compression": "deflate" if sys.argv[1:] == ["deflate"] else None}
    async with serve(echo, "127.0.0.1", 0, subprotocols=["chat"], **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

asyncio.run(main())
"""

PYTHON_CLIENT = """
import asyncio, sys
from websockets.asyncio.client import connect

async def main():
    options = {"compression": "deflate" if sys.argv[2:] == ["deflate"] else None}
    async with connect(sys.argv[1], subprotocols=["chat"], **options) as ws:
        await ws.send("gr\\u00fc\\u00dfe")
        await ws.send(b"")
        await ws.send(["fr", "ag", "m\\u00e9nts", ""])
        await ws.send([bytes(125), bytes(126), bytes(1000)])
        await (await ws.ping(b"ping"))
        for _ in range(4):
            await ws.recv()
        await ws.close(4321, "enough")

asyncio.run(main())
"""


class Proxy:
    """Passes one connection on to a port and keeps what went each way."""

    def __init__(self, port):
        self.port = port
        self.sent = (bytearray(), bytearray())  # by the client, by the server
        self.over = asyncio.Event()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.connected, "127.0.0.1", 0)
        self.url = "ws://127.0.0.1:%d/chat?room=1" % self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def connected(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(
            self.copy(reader, far_writer, self.sent[0]),
            self.copy(far_reader, writer, self.sent[1]),
        )
        self.over.set()

    async def copy(self, reader, writer, copy):
        try:
            while data := await reader.read(65536):
                copy += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()


def install():
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "websockets"], check=True)
    subprocess.run(["npm", "install", "--silent", "--prefix", PEERS, "ws"], check=True)


async def start(*command):
    return await asyncio.create_subprocess_exec(
        *map(str, command),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=PEERS,
    )


async def stop(process):
    if process.returncode is None:
        process.terminate()
    await process.communicate()


async def record(name, server, client):
    """`client` is a command for a URL. It is stopped when the connection has ended."""
    peer = await start(*server)
    port = int(await asyncio.wait_for(peer.stdout.readline(), SECONDS))
    async with Proxy(port) as proxy:
        program = await start(*client(proxy.url))
        try:
            await asyncio.wait_for(proxy.over.wait(), SECONDS)
        except TimeoutError:
            print(f"{name}: not finished after {SECONDS} s", file=sys.stderr)
        await stop(program)
    await stop(peer)
    save(name, *map(bytes, proxy.sent))


def save(name, from_client, from_server):
    opened = b" 101 " in from_server.partition(b"\r\n")[0]
    from_server = re.sub(rb"(?i)sec-websocket-accept: \S+", ACCEPT, from_server)
    for role, bytes_ in ("server", from_client), ("client", from_server):
        head, blank_line, frames = bytes_.partition(b"\r\n\r\n")
        seed(f"{role}_handshake", name, head + blank_line + frames[:40])
        for value in re.findall(rb"(?i)\r\nsec-websocket-extensions: *([^\r]*)", head):
            seed("extension", f"{name}-to-{role}", value, b"\0\0")
        if frames and opened:
            seed(f"{role}_stream", name, frames)
    print(f"{name}: {len(from_client)} and {len(from_server)} bytes")


def seed(target, name, bytes_, settings=b"\0\7\x14"):
    """The settings are the defaults, and here cuts after 1 to 20 bytes."""
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"real-{name}").write_bytes(settings + bytes_[:LONGEST])


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


async def record_chromium(server):
    pages = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    page = f"http://127.0.0.1:{pages.server_port}/#"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = ["chromium", *CHROMIUM, f"--user-data-dir={profile}"]
        await record("chromium-websockets", server, lambda url: [*command, page + url])
    pages.shutdown()


async def main():
    install()
    node = lambda script, *args: ["node", "-e", script, *args]
    servers = {"ws": node(WS_SERVER), "websockets": [PYTHON, "-c", PYTHON_SERVER]}
    clients = {
        "ws": lambda url: node(WS_CLIENT, url),
        "websockets": lambda url: [PYTHON, "-c", PYTHON_CLIENT, url],
        "curl": lambda url: ["curl", "--silent", "--no-buffer", "--max-time", "2"]
        + ["--header", "Connection: Upgrade", "--header", "Upgrade: websocket"]
        + ["--header", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        + ["--header", "Sec-WebSocket-Version: 13", url.replace("ws:", "http:")],
        "curl-plain": lambda url: ["curl", "--silent", url.replace("ws:", "http:")],
    }
    for client_name, client in clients.items():
        for server_name, server in servers.items():
            await record(f"{client_name}-{server_name}", server, client)
            if not client_name.startswith("curl"):
                name = f"{client_name}-{server_name}-deflate"
                deflate = lambda url: [*client(url), "deflate"]
                await record(name, [*server, "deflate"], deflate)
    if shutil.which("chromium"):
        await record_chromium(servers["websockets"])


asyncio.run(main())
