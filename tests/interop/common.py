"""What the Python clients share: the messages they send, and the lines they report in."""

import random
import reprlib

ROWS = ("text", "binary", "fragments", "ping", "close", "large", "subprotocol")
SIZES = (125, 126, 65535, 65536)  # either side of each change in a frame's length field
LARGE = 16 * 1024 * 1024
LIMIT = 64 * 1024 * 1024
ROW_SECONDS = 550  # a client gives up on a row a little before `run` gives up on the client
CODE, REASON = 3456, "bye for now"


def mixed_text(size):
    """Text of `size` bytes in UTF-8, made of characters of one to four bytes."""
    return "aé€𝄞" * (size // 10) + "x" * (size % 10)


def binary(size):
    """`size` bytes whose period divides no buffer size, so that swapped or lost pieces show."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def noise(size):
    """`size` bytes that cannot be compressed, the same in each run."""
    return random.Random(size).randbytes(size)


def pieces(data, length):
    """Cuts `data` into fragments; an empty one comes last."""
    return [data[at : at + length] for at in range(0, len(data), length)] + [b""]


TEXTS = ["", "Hello", "Grüße, 世界 👋"]
TEXTS += [text for size in SIZES for text in ("x" * size, mixed_text(size))]
BINARIES = [b"", b"\x00\xff"] + [binary(size) for size in SIZES]
PINGS = [b"", b"are you there?", binary(125)]

# Three bytes a fragment cut most of the characters in two.
FRAGMENTED_TEXT = mixed_text(40)
TEXT_PIECES = pieces(FRAGMENTED_TEXT.encode(), 3)
FRAGMENTED_BINARY = binary(70_000)
BINARY_PIECES = pieces(FRAGMENTED_BINARY, 14_000)

# For permessage-deflate: what shrinks and what does not, and repetitions at every distance that
# some window reaches and a smaller one does not.
DISTANCES = (200, 400, 800, 1600, 3200, 6400, 12800, 25600, 40000)


def stripes(size):
    """`size` bytes that repeat so soon that any window reaches."""
    return (bytes(range(16)) * (size // 16 + 1))[:size]


def compressible_and_not(sizes):
    return [make(size) for size in sizes for make in (mixed_text, stripes, noise)]


def deflate_messages(row):
    if row == "large":
        return compressible_and_not((1 << 20, LARGE))
    far = b"".join(noise(distance) * 2 for distance in DISTANCES)
    return compressible_and_not((0, 1, 125, 126, 1000, 65536)) + [far, far]


def parameters(row):
    """What a row asks for, {name: number or True}."""
    if row in ("default", "large"):
        return {}
    pairs = [parameter.partition("=") for parameter in row.split(",")]
    return {name: int(value) if value else True for name, _, value in pairs}


def expect(what, got, wanted):
    """Fails unless `got` is `wanted`, type included; never prints a whole large message."""
    if type(got) is not type(wanted) or got != wanted:
        brief = reprlib.repr
        raise AssertionError(f"{what}: got {brief(got)}, wanted {brief(wanted)}")


def report(rows):
    """Runs `{name: function}` in order, one line each; returns the exit status."""
    failed = False
    for name, function in rows.items():
        try:
            function()
        except Exception as error:  # noqa: BLE001: whatever went wrong is the row's result
            failed = True
            why = f"{type(error).__name__}: {error}".replace("\n", " ")
            print(f"FAIL {name} {why}", flush=True)
        else:
            print(f"ok {name}", flush=True)
    return int(failed)
