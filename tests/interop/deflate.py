"""permessage-deflate with other implementations, in both roles.

A row names what their side asks for: parameters as in Sec-WebSocket-Extensions, joined by commas,
`default` for none, and `large` for none with large messages.
"""

from programs import *
from wire import Tap

COLUMNS = ("default", "takeover", "windows", "large", "aftermath")

# What our modes ask for, as (server_no_context_takeover, client_no_context_takeover,
# server_max_window_bits, client_max_window_bits).
MODES = {
    "pooled": (True, True, 15, 15),
    "kept": (False, False, 15, 15),
    "small": (True, True, 12, 15),
}

TAKEOVER = [
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_no_context_takeover,client_no_context_takeover",
]

# Of what is sent in any row, so many messages are certainly worth compressing.
LEAST_COMPRESSED = 3

# The rows of `exercise` for each of ours.
SMALL_MESSAGES, LARGE_MESSAGES = ("text", "binary", "fragments"), ("large",)


def windows(server_from, client_from):
    """Every size once for each direction, and differing between the two."""
    return [
        f"server_max_window_bits={server},client_max_window_bits={max(client_from, 23 - server)}"
        for server in range(server_from, 16)
    ]


def rows(takeover=(), windows=()):
    """The rows of each column, for what an implementation can ask for."""
    return {
        "default": ["default"],
        "takeover": list(takeover),
        "windows": list(windows),
        "large": ["large"],
    }


# zlib compresses with windows of 9 bits or more. So 8 is only for those who decompress, or do as
# Node does: compress with 9.
CLIENTS = (
    ("websockets", "pip", [PYTHON, HERE / "deflate_websockets.py"], rows(TAKEOVER, windows(8, 9))),
    ("npm ws", "npm", ["node", HERE / "deflate_ws.mjs"], rows(TAKEOVER, windows(8, 8))),
    (
        "aiohttp",
        "pip",
        [PYTHON, HERE / "deflate_aiohttp.py"],
        rows(windows=[f"server_max_window_bits={bits}" for bits in range(9, 15)]),
    ),
)
SERVERS = (
    ("websockets", "pip", [PYTHON, HERE / "deflate_websockets.py"], rows(TAKEOVER, windows(9, 8))),
    ("npm ws", "npm", ["node", HERE / "deflate_ws.mjs"], rows(TAKEOVER, windows(8, 8))),
    ("aiohttp", "pip", [PYTHON, HERE / "deflate_aiohttp.py"], rows()),
)


def parameters(extensions):
    """The four parameters of an offer, an answer or a row, with their defaults."""
    read = {}
    for parameter in extensions.replace(",", ";").split(";"):
        name, _, value = parameter.strip().partition("=")
        read[name] = int(value or 15)
    return (
        "server_no_context_takeover" in read,
        "client_no_context_takeover" in read,
        read.get("server_max_window_bits", 15),
        read.get("client_max_window_bits", 15),
    )


def lesser(one, other):
    """What two sides can agree on: no takeover if either wants none, the smaller windows."""
    return (one[0] or other[0], one[1] or other[1], min(one[2], other[2]), min(one[3], other[3]))


def agreed(connection):
    """What an answer makes of an offer: a client keeps to what it said (7.1.1.2, 7.1.2.2)."""
    answer, offer = parameters(connection.answer), parameters(connection.offer)
    return (answer[0], answer[1] or offer[1], answer[2], min(answer[3], offer[3]))


def fault(connections, count, client, server):
    """What is wrong with the connections of a row, given the wishes of both sides."""
    if len(connections) != count:
        return f"{len(connections)} connections instead of {count}"
    for connection in connections:
        if not connection.offer.startswith("permessage-deflate"):
            return f"the offer is {connection.offer!r}"
        if parameters(connection.offer) != client:
            return f"the offer is {connection.offer!r}, which is not {client}"
        if not connection.answer.startswith("permessage-deflate"):
            return f"to {connection.offer!r} the answer is {connection.answer!r}"
        if agreed(connection) != lesser(client, server):
            return f"to {connection.offer!r} the answer is {connection.answer!r}"
    for side in ("up", "down"):
        compressed = sum(getattr(connection, side).compressed for connection in connections)
        if compressed < LEAST_COMPRESSED:
            return f"{compressed} compressed messages {side}, of {LEAST_COMPRESSED} or more"
    return None


def columns(rows, outcome):
    """A cell for each column: `n/a` without rows, else that of its first row that failed."""
    cells = {column: ("n/a", "") for column in COLUMNS}
    for column, names in rows.items():
        for name in names:
            verdict, why = outcome(name)
            cells[column] = (verdict, f"{name}: {why}" if why else "")
            if verdict == "FAIL":
                break
    return cells


def their_client(label, adapter, mode, command, rows):
    """One process of theirs, with a connection for each row."""
    names = [name for column in rows.values() for name in column]
    port = free_port()
    server_command = [OUR_SERVER, f"{HOST}:{port}", "--adapter", adapter, f"--deflate={mode}"]
    with Program(f"{label} (server)", server_command) as server:
        wait_for_port(port, server)
        with Tap(port) as tap:
            said = run_rows(f"{label} (client)", [*command, "client", tap.url, *names], names)
            seen = dict(zip(names, tap.seen()))

        def outcome(name):
            connection = [seen[name]] if name in seen else []
            why = fault(connection, 1, parameters(name), MODES[mode])
            # What a client has to say of a failure tells more than what could be seen of it.
            return said[name] if said[name][0] == "FAIL" or not why else ("FAIL", why)

        return {**columns(rows, outcome), "aftermath": our_server_alive(server)}


def our_client(label, mode, command, rows):
    """One process of theirs, with a port for each row, and one of ours for each row."""
    ours = MODES[mode]
    # To demand a smaller window than a server wants to use is no agreement with some of them.
    rows = {
        column: [name for name in names if parameters(name)[2] <= ours[2] or column != "windows"]
        for column, names in rows.items()
    }
    ports = {name: free_port() for names in rows.values() for name in names}
    pairs = [part for name, port in ports.items() for part in (port, name)]
    with Program(f"{label} (server)", [*command, "server", HOST, *pairs]) as server:
        for port in ports.values():
            wait_for_port(port, server)

        def outcome(name):
            exercises = LARGE_MESSAGES if name == "large" else SMALL_MESSAGES
            options = [part for row in exercises for part in ("--row", row)]
            with Tap(ports[name]) as tap:
                client = [OUR_CLIENT, tap.url, f"--deflate={mode}", *options]
                said = run_rows(f"{label} (client)", client, exercises)
                why = fault(tap.seen(), len(exercises), ours, parameters(name))
            failed = [cell for cell in said.values() if cell[0] == "FAIL"]
            return failed[0] if failed else ("FAIL", why) if why else ("ok", "")

        return {**columns(rows, outcome), "aftermath": their_view(server)}


def lines():
    """Each line of the table: its label, what it needs, and what to do."""
    for adapter in ADAPTERS:
        for mode in MODES:
            for name, needs, command, rows in CLIENTS:
                label = f"{name} to our {adapter} server, {mode}"
                yield label, needs, bind(their_client, adapter, mode, command, rows)
    for mode in MODES:
        for name, needs, command, rows in SERVERS:
            yield f"our client, {mode}, to {name}", needs, bind(our_client, mode, command, rows)


def bind(confront, *arguments):
    def confrontation(label):
        try:
            return confront(label, *arguments)
        except (OSError, RuntimeError) as error:
            return {column: ("FAIL", str(error)) for column in COLUMNS}

    return confrontation
