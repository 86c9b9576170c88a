"""Requests byte for byte against a server that sends every message back.

usage: raw.py reference|ours NAME=PORT...

The servers are those that `run` starts. Prints one line for each check; ends with 1 if one of them failed.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import raw_cors
import raw_heartbeat
import raw_http
import raw_polling
import raw_requests
import raw_upgrade
import raw_websocket
from checks import CHECKS, SIDE

TOPICS = (raw_requests, raw_polling, raw_http, raw_websocket, raw_heartbeat, raw_upgrade, raw_cors)
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
        return f"FAIL raw {name}: {type(error).__name__}: {error}"


def main():
    assert TOPICS and len({name for name, _, _ in CHECKS}) == len(CHECKS), "two checks with one name"
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        lines = []
        for line in pool.map(run, CHECKS):
            print(line, flush=True)
            lines.append(line)
    return int(any(line.startswith("FAIL") for line in lines))


sys.exit(main())
