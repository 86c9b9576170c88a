"""Packets and requests byte for byte against the mode `app`, and some of the others.

usage: raw.py reference|ours NAME=PORT... [only=TEXT]

The servers are those that `run` starts. Prints one line for each check; ends with 1 if one of them failed.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import raw_connect
import raw_ends
import raw_http
import raw_packets
import raw_recovery
from checks import CHECKS, PORT, SIDE

TOPICS = (raw_packets, raw_connect, raw_ends, raw_http, raw_recovery)
AT_A_TIME = 8  # most of them only wait


def run(one):
    """The line that says how it went."""
    name, ours, function = one
    if ours and SIDE == "reference":
        return f"skip raw {name} ({ours})"
    try:
        function()
        return f"ok   raw {name}"
    except Exception as error:  # whatever it is, it is the check's failure
        return f"FAIL raw {name}: {type(error).__name__}: {error}"[:600]


def main():
    assert TOPICS and len({name for name, _, _ in CHECKS}) == len(CHECKS), "two checks with one name"
    chosen = [one for one in CHECKS if PORT.get("only", "") in one[0]]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        lines = []
        for line in pool.map(run, chosen):
            print(line, flush=True)
            lines.append(line)
    return int(any(line.startswith("FAIL") for line in lines))


sys.exit(main())
