"""Python's `websockets` and npm's `ws` through axum, and our client over HTTP/2 at hypercorn."""

import subprocess
import tempfile
import threading
from contextlib import contextmanager

from support import *

SECONDS = 120  # a watchdog: no machine is so slow
MIN_CONNECTIONS = 18  # those of six rows of three clients


@contextmanager
def echo(*options):
    port = free_port()
    with Program("axum_echo", [EXAMPLES / "axum_echo", f"{HOST}:{port}", *options]) as server:
        wait_for_port(port, server)
        yield server, port


def expect_rows(cells):
    failed = [f"{row}: {why}" for row, (verdict, why) in cells.items() if verdict != "ok"]
    if failed:
        raise AssertionError("; ".join(failed))


def their_clients():
    """All rows of tests/interop, over HTTP/1.1 and with TLS, with compression and without."""
    trusting = ["env", f"SSL_CERT_FILE={CA}", f"NODE_EXTRA_CA_CERTS={CA}"]
    clients = {
        "websockets (asyncio)": [PYTHON, INTEROP / "client_websockets.py", "asyncio"],
        "websockets (threads)": [PYTHON, INTEROP / "client_websockets.py", "sync"],
        "npm ws": ["node", INTEROP / "client_ws.mjs"],
    }
    for scheme, options in {"ws": [], "wss": ["--tls", *certificate()]}.items():
        with echo(*options) as (server, port):
            for name, command in clients.items():
                label = f"{name} by {scheme}"
                run = [*trusting, *command, f"{scheme}://localhost:{port}/"]
                yield label, lambda: expect_rows(run_rows(label, run))
            yield f"{scheme}: it still runs", lambda: expect("it", our_server_alive(server), ("ok", ""))
            yield f"{scheme}: each connection has ended cleanly", lambda: expect_clean(server)


def expect_clean(server):
    """Each that was opened, by HTTP/1.1, has ended with a Close; then so does the server."""
    server.process.terminate()
    while server.line(SECONDS) is not None:
        pass
    opened = [line for line in server.seen if " opened by HTTP/1.1" in line]
    closed = [line for line in server.seen if " by HTTP/1.1 closed " in line]
    others = [line for line in server.seen if line not in opened + closed]
    expect("other lines", others[1:-1], [])  # beside the first and the last, of the server itself
    expect("those that closed", len(closed), len(opened))
    if len(opened) < MIN_CONNECTIONS:
        raise AssertionError(f"only {len(opened)} connections")
    expect("exit status", server.process.wait(SECONDS), 0)


@contextmanager
def hypercorn(label, *options):
    """An echo that is an ASGI application, which hypercorn serves."""
    port = free_port()
    command = [PYTHON, "-m", "hypercorn", "--workers", "0", "--bind", f"{HOST}:{port}", *options]
    with Program(label, ["env", f"PYTHONPATH={HERE}", *command, "asgi_echo:application"]) as server:
        wait_for_port(port, server)
        yield server, port


def http2_client(url, lines, *options, stays=False):
    """Gives it lines, each when the one before has come back. Then its input ends, unless it `stays`."""
    command = [str(part) for part in (EXAMPLES / "http2_client", url, *options)]
    out = []
    with tempfile.TemporaryFile("w+") as errors:
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        with subprocess.Popen(command, **pipes) as process:
            watchdog = threading.Timer(SECONDS, process.kill)
            watchdog.start()
            try:
                for line in lines:
                    process.stdin.write(f"{line}\n")
                    process.stdin.flush()
                    out.append(process.stdout.readline().rstrip("\n"))
                if stays:
                    process.wait()
                process.stdin.close()
            except BrokenPipeError:
                pass  # it has ended already; its words say why
            process.wait()
            watchdog.cancel()
        errors.seek(0)
        return process.returncode, out, errors.read().strip()


def talks(url, lines, *options, says=()):
    """All lines come back, and the connection ends cleanly."""
    status, out, said = http2_client(url, lines, *options)
    expect(f"exit status (it said {said!r})", status, 0)
    expect("lines", out, lines)
    for part in ("closed with 1000", *says):
        if part not in said:
            raise AssertionError(f"it said {said!r}, without {part!r}")


def is_refused(url, *options, says):
    status, _, said = http2_client(url, [], *options)
    expect("exit status", status, 1)
    if says not in said:
        raise AssertionError(f"it said {said!r}, without {says!r}")


LINES = ["hello", "grüße 😀", "x" * 70_000, "y" * 3_000_000, "bye"]
TRUSTING = ("--ca", CA)


def their_servers():
    tls = ["--certfile", certificate()[0], "--keyfile", certificate()[1]]
    for scheme, options in {"ws": [], "wss": tls}.items():
        trusting = TRUSTING if scheme == "wss" else ()
        name = f"hypercorn by {scheme}"
        with hypercorn(f"hypercorn-{scheme}", *options) as (server, port):
            url = f"{scheme}://localhost:{port}"
            yield f"{name}: lines, 3 MB among them", lambda: talks(f"{url}/echo", LINES, *trusting)
            yield f"{name}: it was HTTP/2", lambda: saw(server, "open by 2")
            yield (
                f"{name}: subprotocol",
                lambda: talks(f"{url}/echo", LINES[:2], *trusting, "--subprotocol", "chat"),
            )
            yield (
                f"{name}: compression",
                lambda: talks(f"{url}/echo", LINES, *trusting, "--deflate"),
            )
            yield f"{name}: a refusal", lambda: is_refused(f"{url}/no", *trusting, says="403")
            yield f"{name}: the server closes", lambda: closed_by_server(f"{url}/close", *trusting)
    with echo("--tls", *certificate()) as (server, port):
        url = f"wss://localhost:{port}/"
        yield (
            "axum by wss: lines, compression, subprotocol",
            lambda: talks(
                url, LINES, *TRUSTING, "--deflate", "--subprotocol", "chat", says=["extension permessage-deflate"]
            ),
        )
        yield (
            "axum by wss: a certificate that is not trusted",
            lambda: is_refused(url, "--ca", certificate("self-signed")[0], says="UnknownIssuer"),
        )
        yield (
            "axum by wss: a path that leads nowhere",
            lambda: is_refused(f"wss://localhost:{port}/no", *TRUSTING, says="404"),
        )


def saw(server, wanted):
    while wanted not in (line := server.line(SECONDS) or "the end"):
        if line == "the end":
            raise AssertionError(f"{wanted!r} was not said")


def closed_by_server(url, *options):
    status, _, said = http2_client(url, ["close"], *options, stays=True)
    expect(f"exit status (it said {said!r})", status, 0)
    if "closed with 3001" not in said:
        raise AssertionError(f"it said {said!r}")
