"""Prints docs/AUTOBAHN.md: what reports of the Autobahn suite say.

usage: table.py REPORTS, a folder of reports, each with a file `commit`
"""

import collections
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WSTEST = ROOT / "target" / "autobahn" / "venv27" / "bin" / "wstest"

ROLES = {
    "mio-kept": "server, mio adapter, `--deflate=kept`",
    "client-kept": "client, `--deflate=kept`",
    "blocking-pooled": "server, blocking adapter, `--deflate=pooled`",
    "client-small": "client, `--deflate=small`",
}

HEAD = """\
# Compression and the Autobahn suite

Sections 12 and 13 of the suite, 216 cases about permessage-deflate, with and without context
takeover and with windows of several sizes. Written by `tests/autobahn/run-compression`, which fails
unless all cases are OK; `.ci/run` runs the sample of 36 of them, and the 301 cases about the rest
of the protocol.

{date}, {suite}, {rust}.

| role | commit | cases | OK | others | duration of the cases |
|---|---|---|---|---|---|"""


def said(*command):
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return run.stdout.strip()


def row(role, report):
    (cases,) = json.loads((report / "index.json").read_text()).values()
    # How a case ends is judged on its own.
    verdicts = [
        "OK" if case["behaviorClose"] == "OK" else f"close {case['behaviorClose']}"
        for case in cases.values()
        if case["behavior"] == "OK"
    ] + [case["behavior"] for case in cases.values() if case["behavior"] != "OK"]
    counts = collections.Counter(verdicts)
    ok = counts.pop("OK", 0)
    others = ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "none"
    minutes = sum(case["duration"] for case in cases.values()) / 60_000
    commit = (report / "commit").read_text().strip()
    return f"| {role} | {commit} | {len(cases)} | {ok} | {others} | {minutes:.1f} min |"


reports = Path(sys.argv[1])
suite = [line for line in said(WSTEST, "-a").splitlines() if line.startswith("AutobahnTestSuite")]
print(
    HEAD.format(
        date=date.today(),
        suite=" ".join(suite),
        rust=" ".join(said("rustc", "--version").split()[:2]),
    )
)
for name, role in ROLES.items():
    if (reports / name).is_dir():
        print(row(role, reports / name))
