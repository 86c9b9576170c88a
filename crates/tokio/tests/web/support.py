"""What the checks share: where things are, and what of other tests they use."""

import importlib.util
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
INTEROP, SECURE = ROOT / "tests" / "interop", ROOT / "tests" / "secure"
sys.path.append(str(INTEROP))

from common import ROWS, expect  # noqa: E402
from programs import (  # noqa: E402
    HOST,
    Program,
    call,
    free_port,
    install_venv,
    our_server_alive,
    run_rows,
    stamped,
    wait_for_port,
)

WORK = ROOT / "target" / "web"
PYTHON = WORK / "venv" / "bin" / "python"
CERTIFICATES = WORK / "certificates"
CA = CERTIFICATES / "ca.pem"
PROGRAMS = "axum_chat", "axum_echo", "http2_client"
EXAMPLES = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "examples"
Program.logs = WORK / "logs"


def load(path):
    """A program of Python without `.py`, as a module."""
    loader = SourceFileLoader(path.parent.name, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


interop = load(INTEROP / "run")


def certificate(name="ecdsa"):
    """The files of a certificate and its key."""
    return CERTIFICATES / f"{name}.pem", CERTIFICATES / f"{name}.key"
