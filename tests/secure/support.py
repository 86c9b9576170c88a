"""What the checks share: where things are, our clients, and what is expected of them."""

import re
import ssl
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "interop"))

from common import LIMIT, ROWS, expect  # noqa: E402
from programs import HOST, OUR_CLIENT, ROOT, Program, free_port, run_rows  # noqa: E402

WORK = ROOT / "target" / "secure"
PYTHON = WORK / "venv" / "bin" / "python"
CERTIFICATES = WORK / "certificates"
CA = CERTIFICATES / "ca.pem"
TRUSTING = ("--ca", CA)
Program.logs = WORK / "logs"

EXAMPLES = ROOT / "target" / "release" / "examples"
CLIENT = EXAMPLES / "client"

# A watchdog. The program has deadlines of its own, of seconds, and what it says shows that it took no
# longer than those.
SECONDS = 120

VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}


def certificate(name):
    """The files of a certificate and its key."""
    return CERTIFICATES / f"{name}.pem", CERTIFICATES / f"{name}.key"


def server_context(name="ecdsa", version=None):
    """The TLS of a server: with this certificate, and of this version only, unless it is `None`.

    It would rather speak HTTP/2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(name))
    context.set_alpn_protocols(["h2", "http/1.1"])
    if version:
        context.minimum_version = context.maximum_version = version
    return context


@dataclass
class Ran:
    """What a program that has ended left behind."""

    status: int
    out: str
    err: str

    def expect(self, status, *said):
        """The status, and parts of what it said on its error output."""
        expect(f"exit status (it said {self.err.strip()!r})", self.status, status)
        for part in said:
            if part not in self.err:
                raise AssertionError(f"said {self.err.strip()!r}, without {part!r}")
        if "panicked" in self.err:
            raise AssertionError(f"it panicked: {self.err}")
        return self


def run(command, say=(), environment=(), stays=False):
    """Runs a program and gives it lines, each when the one before has come back.

    Then its input ends, unless it `stays`: then it is the server that ends the connection."""
    command = ["env", *(f"{name}={value}" for name, value in environment), *command]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        watchdog = threading.Timer(SECONDS, process.kill)
        watchdog.start()
        out = ""
        try:
            for line in say:
                process.stdin.write(f"{line}\n")
                process.stdin.flush()
                out += process.stdout.readline()
            if not stays:
                process.stdin.close()
            out += process.stdout.read()
        except BrokenPipeError:
            out += process.stdout.read()  # it has ended already; its words say why
        finally:
            process.wait()
            watchdog.cancel()
            process.stdout.close()
            try:
                process.stdin.close()
            except BrokenPipeError:
                pass
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    if process.returncode < 0:
        raise AssertionError(f"ended by signal {-process.returncode}, after it said {said!r}")
    return Ran(process.returncode, out, said)


def client(url, *options, **more):
    """Runs our `client`, which does not wait when its input has ended."""
    return run([CLIENT, url, "--wait", "0", *options], **more)


def exercise(label, url, *options, rows=ROWS):
    """Runs our `exercise`, all rows of which must hold."""
    wanted = [part for row in rows for part in ("--row", row)]
    cells = run_rows(f"{label} (exercise)", [OUR_CLIENT, url, *wanted, *options], rows)
    expect_rows(cells)


def expect_rows(cells):
    failed = [f"{row}: {why}" for row, (verdict, why) in cells.items() if verdict != "ok"]
    if failed:
        raise AssertionError("; ".join(failed))


def echoes(url, *options, **more):
    """Two lines come back through our `client`, and the connection ends cleanly."""
    ran = client(url, *options, say=["hello", "grüße 😀"], **more)
    ran.expect(0, "closed with 1000")
    expect("echo", ran.out, "hello\ngrüße 😀\n")


def matches(what, text, pattern):
    if not re.search(pattern, text):
        raise AssertionError(f"{what}: {text!r} does not match {pattern!r}")
