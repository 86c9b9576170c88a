"""Running clients against servers: processes, what they print, and what is made of it."""

import queue
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from common import ROWS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "target" / "interop"
LOGS = WORK / "logs"
HOST = "127.0.0.1"

# Watchdogs: no machine is so slow.
INSTALL_SECONDS = 900  # compiling included
PORT_SECONDS = 300
CELL_SECONDS = 600

# What a server may still say when it has said all that is waited for.
QUIET_SECONDS = 2

# Our programs.
OUR_SERVER = ROOT / "target" / "release" / "examples" / "autobahn_server"
OUR_CLIENT = ROOT / "target" / "release" / "examples" / "exercise"
OUR_TOKIO_SERVER = OUR_SERVER.with_name("tokio_autobahn_server")
ADAPTERS = ("mio", "blocking")

# What others' programs run in.
PYTHON = WORK / "venv" / "bin" / "python"


def call(command):
    subprocess.run(command, cwd=ROOT, timeout=INSTALL_SECONDS, check=True)


def stamped(folder, *commands):
    """Runs the commands unless this very list has filled the folder before."""
    stamp, wanted = folder / "installed", repr(commands)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for command in commands:
        call(command)
    stamp.write_text(wanted)


def install_venv(folder, *packages):
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    stamped(
        folder,
        [sys.executable, "-m", "venv", "--clear", folder],
        [*pip, "--disable-pip-version-check", *packages],
    )


class Program:
    """A child process, its output in a queue of lines (and in a log, with its errors)."""

    logs = LOGS

    def __init__(self, label, command):
        log = self.logs / (label.replace(" ", "-") + ".log")
        self.log, self.lines, self.seen = log, queue.Queue(), []
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.decode(errors="replace").rstrip("\r\n"))
        self.lines.put(None)

    def line(self, seconds):
        """The next line, or None at the end of the output; raises queue.Empty in between."""
        line = self.lines.get(timeout=seconds)
        if line is not None:
            self.seen.append(line)
        return line

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def free_port():
    """Below the ports that the system hands to clients: nobody else takes it before the server listens."""
    while True:
        with socket.socket() as probe:
            try:
                probe.bind((HOST, random.randrange(10_000, 32_000)))
                return probe.getsockname()[1]
            except OSError:
                pass


def wait_for_port(port, server):
    deadline = time.monotonic() + PORT_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server does not listen, see {server.log.relative_to(ROOT)}")


def run_rows(label, command, rows=ROWS):
    """Runs a client to its end: what it says of each row, {row: (verdict, why)}."""
    cells = {}
    with Program(label, command) as client:
        gone = "the client ended without a word on this row"
        try:
            while (line := client.line(CELL_SECONDS)) is not None:
                verdict, row, why = (line + "  ").split(" ", 2)
                if row not in rows or row in cells or verdict not in ("ok", "FAIL"):
                    gone = f"the client says {line!r}"
                    break
                cells[row] = (verdict, why.strip())
            else:
                status = client.process.wait(CELL_SECONDS)
                failed = any(verdict == "FAIL" for verdict, _ in cells.values())
                if (status != 0) != failed:
                    # Its word does not agree with its exit status: believe none of it.
                    gone = f"the client's exit status is {status}"
                    cells.clear()
        except (queue.Empty, subprocess.TimeoutExpired):
            gone = f"nothing for {CELL_SECONDS} s, in this row or one before"
        gone += f", see {client.log.relative_to(ROOT)}"
    return {row: cells.get(row, ("FAIL", gone)) for row in rows}


def our_server_alive(server):
    """It still runs, and no thread of it has panicked."""
    if server.process.poll() is not None:
        return ("FAIL", f"our server ended, with status {server.process.returncode}")
    if "panicked" in server.log.read_text(errors="replace"):
        return ("FAIL", f"our server panicked, see {server.log.relative_to(ROOT)}")
    return ("ok", "")


def their_view(server, farewell=None):
    """Their server saw each of our connections end with close frames and no error, and one of
    them with the farewell."""

    def is_complete():
        ends = [line for line in server.seen if line != "opened"]
        told = f"closed {farewell}" in ends if farewell else ends
        return told and len(ends) == len(server.seen) - len(ends)

    try:
        # Its last words may come a while after our client has ended.
        while server.line(QUIET_SECONDS if is_complete() else CELL_SECONDS) is not None:
            pass
    except queue.Empty:
        pass
    ends = [line for line in server.seen if line != "opened"]
    unclean = [line for line in ends if not line.startswith("closed ")]
    if unclean:
        return ("FAIL", f"their server saw: {unclean[0]}")
    if len(ends) != len(server.seen) - len(ends):
        return ("FAIL", f"their server saw {len(ends)} ends of {len(server.seen) - len(ends)}")
    if farewell and f"closed {farewell}" not in ends:
        return ("FAIL", f"their server saw no close with {farewell}")
    return ("ok", "")
