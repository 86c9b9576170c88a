"""Against Python's `websockets`, curl and OpenSSL, in both roles."""

import socket
from contextlib import contextmanager

from programs import our_server_alive, their_view, wait_for_port
from sites import CLOSE, TEXT, frame
from support import *

FAREWELL = "3456 bye for now"
OUR_ECHO = EXAMPLES / "blocking_echo"
CLIENT_WEBSOCKETS = HERE.parent / "interop" / "client_websockets.py"

# `blocking_echo` chooses no subprotocol.
ECHO_ROWS = tuple(row for row in ROWS if row != "subprotocol")

# The certificate for each version of TLS: both kinds of keys.
CERTIFICATE = {"TLS 1.2": "rsa", "TLS 1.3": "ecdsa"}


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@contextmanager
def websockets_server(label, certificate="ecdsa", version="any", tls=True):
    hosts = "127.0.0.1,::1" if has_ipv6() else "127.0.0.1"
    port = free_port()
    command = [PYTHON, HERE / "server_secure.py", hosts, port]
    command += [certificate, version] if tls else []
    with Program(f"{label} (server)", command) as server:
        wait_for_port(port, server)
        yield server, port


def saw_clean_ends(server, farewell):
    verdict, why = their_view(server, farewell)
    expect(f"what their server saw ({why})", verdict, "ok")


def saw_only(server, expected):
    """The version and protocol that TLS of each connection came to."""
    seen = [line for line in server.log.read_text().splitlines() if line.startswith("TLS")]
    expect("connections", len(seen), server.seen.count("opened"))
    expect("what TLS came to", set(seen), {expected})


def our_clients():
    hosts = ["127.0.0.1", *(["[::1]"] if has_ipv6() else []), "localhost"]
    for version, name in CERTIFICATE.items():
        label = f"{version} only, {name}"
        with websockets_server(label, name, version) as (server, port):
            for host in hosts:
                at, url = f"{label}, {host}", f"wss://{host}:{port}/"
                yield f"{at}: exercise", lambda: exercise(at, url, *TRUSTING)
                yield f"{at}: client", lambda: echoes(url, *TRUSTING)
            at = f"{label}: exercise with compression"
            yield at, lambda: exercise(at, url, *TRUSTING, "--deflate=kept")
            yield f"{label}: clean ends", lambda: saw_clean_ends(server, FAREWELL)
            expected = version.replace("TLS ", "TLSv") + " http/1.1"
            yield f"{label}: {expected}", lambda: saw_only(server, expected)
    if not has_ipv6():
        print("n/a   [::1]: this machine has no such address", flush=True)


@contextmanager
def our_echo():
    port = free_port()
    command = [OUR_ECHO, f"{HOST}:{port}", "--tls", *certificate("ecdsa")]
    with Program("blocking_echo", command) as server:
        wait_for_port(port, server)
        yield server, port


def python_client(api, port):
    command = ["env", f"SSL_CERT_FILE={CA}", PYTHON, CLIENT_WEBSOCKETS, api]
    command += [f"wss://localhost:{port}/", *ECHO_ROWS]
    expect_rows(run_rows(f"websockets {api} (client)", command, ECHO_ROWS))


def curl_is_refused(port):
    """A page is asked for: the answer says that this is no place for it, and TLS ends as it should."""
    status = ["-w", "%{http_code} %{http_version} %{ssl_verify_result}", "-o", WORK / "curl"]
    curl = ["curl", "--silent", "--show-error", "--max-time", SECONDS, "--cacert", CA]
    ran = run([*curl, *status, f"https://localhost:{port}/"]).expect(0)
    expect("status, version, and what is wrong with the certificate", ran.out, "426 1.1 0")


KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
).encode()


def masked(first, payload):
    """With a mask that changes nothing."""
    return bytes([first, 0x80 | len(payload)]) + bytes(4) + payload


def s_client(port, *options, data=b""):
    command = ["timeout", str(SECONDS), "openssl", "s_client", "-connect", f"{HOST}:{port}"]
    command += ["-CAfile", str(CA), "-verify_return_error", "-verify_hostname", "localhost"]
    return subprocess.run([*command, "-quiet", *options], input=data, capture_output=True)


def s_client_talks(port, version):
    """By hand: a handshake, a message and a Close, which come back, and the end of TLS itself."""
    text, close = b"by hand", b"\x03\xe8bye"
    data = HANDSHAKE + masked(TEXT, text) + masked(CLOSE, close)
    ran = s_client(port, version, data=data)
    head, _, frames = ran.stdout.partition(b"\r\n\r\n")
    expect(f"exit status ({ran.stderr})", ran.returncode, 0)
    expect("first line", head.split(b"\r\n")[0], b"HTTP/1.1 101 Switching Protocols")
    if f"Sec-WebSocket-Accept: {ACCEPT}".lower() not in head.decode().lower():
        raise AssertionError(f"the handshake is not accepted: {head}")
    # The reason need not come back.
    answers = [frame(TEXT, text) + frame(CLOSE, answer) for answer in (close, close[:2])]
    if frames not in answers:
        raise AssertionError(f"came back: {frames}")


def old_version_is_refused(port):
    """TLS 1.1, which RFC 8996 forbids."""
    ran = s_client(port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", data=HANDSHAKE)
    expect("output", ran.stdout, b"")
    if ran.returncode == 0 or b"alert" not in ran.stderr:
        raise AssertionError(f"exit status {ran.returncode}, said {ran.stderr}")


def plain_http_is_refused(port):
    with socket.create_connection((HOST, port), timeout=SECONDS) as sock:
        sock.sendall(HANDSHAKE)
        received = b""
        try:
            while part := sock.recv(4096):
                received += part
        except ConnectionResetError:
            pass
    if b"HTTP" in received:
        raise AssertionError(f"it was answered with {received}")


def client_that_does_not_trust(port):
    """The client breaks off; that is its right."""
    ran = client(f"wss://localhost:{port}/", "--ca", certificate("self-signed")[0])
    ran.expect(1, "unknown authority")


def our_server():
    with our_echo() as (server, port):
        for api in ("asyncio", "sync"):
            yield f"websockets {api}", lambda: python_client(api, port)
        yield "curl, a page", lambda: curl_is_refused(port)
        for version in ("-tls1_2", "-tls1_3"):
            yield f"s_client {version}", lambda: s_client_talks(port, version)
        yield "TLS 1.1 is refused", lambda: old_version_is_refused(port)
        yield "no TLS is refused", lambda: plain_http_is_refused(port)
        yield "a client that does not trust it", lambda: client_that_does_not_trust(port)
        url = f"wss://localhost:{port}/"
        yield "exercise", lambda: exercise("our server", url, *TRUSTING, rows=ECHO_ROWS)
        yield "it still runs", lambda: expect("alive", our_server_alive(server), ("ok", ""))
