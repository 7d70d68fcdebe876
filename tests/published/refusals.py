"""Says of arguments, values and names whether the published client refuses them.

    refusals.py FILE    prints `r` or `a` for each line: refused, or accepted

Run by `tests/it/interop/refusals.rs`, which makes the virtual environment. A line is `args EXPRESSION`, `value EXPRESSION`
or `name NAMESPACE. OPERATION.`, names in hex. Only an error that the client documents counts as a refusal.
"""

import struct
import sys
from datetime import date, datetime, time, timedelta, timezone

import msgpack
from cachekit import encode_interop_value, generate_interop_key
from cachekit.interop import InteropError

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
WORDS = {
    "f": lambda bits: struct.unpack(">d", bytes.fromhex(bits))[0],
    "s": lambda text: bytes.fromhex(text).decode(),
    "b": bytes.fromhex,
    "at": lambda micros: EPOCH + timedelta(microseconds=micros),
    "naive": datetime.fromisoformat,
    "day": date.fromisoformat,
    "time": time.fromisoformat,
    "ext": msgpack.ExtType,
}


def attempt(line):
    what, rest = line.split(" ", 1)
    if what == "name":
        names = [bytes.fromhex(name.rstrip(".")).decode() for name in rest.split(" ")]
        return lambda: generate_interop_key(*names, [42])
    # The tests wrote the expression.
    value = eval(rest, {"__builtins__": {}}, WORDS)  # noqa: S307
    if what == "args":
        return lambda: generate_interop_key("users", "get_user", [value])
    return lambda: encode_interop_value(value)


def verdict(line):
    call = attempt(line)
    try:
        call()
    except InteropError:
        return "r"
    return "a"


with open(sys.argv[1], encoding="ascii") as lines:
    print("".join(verdict(line.rstrip("\n")) for line in lines))
