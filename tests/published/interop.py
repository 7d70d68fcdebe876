"""Opens what this project sealed for other SDKs, and seals what it has to open, with the published client.

    interop.py open FILE         opens every entry of the file, and compares its value to the last byte
    interop.py seal FILE SEED    writes entries of random tenants, keys, keyrings and values
    interop.py call FILE SEED    the decorated functions of `seal` find these values, and never run

Run by `tests/it/interop.rs`, which makes the virtual environment. A line of a file is one entry: tenant, storage
key, master keys separated by commas (the current one first), entry and value, all of it in hex.
"""

import math
import random
import struct
import sys

from cachekit import cache, decode_interop_value, encode_interop_value
from cachekit.serializers.base import SerializationFormat, SerializationMetadata
from cachekit.serializers.encryption_wrapper import (
    DecryptionAuthenticationError,
    EncryptionWrapper,
)
from cachekit.serializers.interop_serializer import InteropSerializer

CASES = 1000
DECORATED = 100
# One of each length in UTF-8, combining and right-to-left marks, noncharacters, controls, and what has a
# meaning elsewhere in keys.
ALPHABET = "abcXYZ019 ._-:/%\\\"'\u00e9\u00df\u0301\u0416\u05d0\u200f\u4e2d\uac00\ufffd\uffff\U0001f511\U0010ffff\t\n\x00\x7f"

INTEROP = SerializationMetadata(
    serialization_format=SerializationFormat.MSGPACK, compressed=False, original_type=None, encrypted=True
)


def wrapper(masters, tenant):
    return EncryptionWrapper(
        serializer=InteropSerializer(), master_key=masters[0], tenant_id=tenant, previous_master_keys=masters[1:]
    )


def read(path):
    with open(path, encoding="ascii") as lines:
        for line in lines:
            tenant, key, masters, entry, value = line.split(" ")
            masters = [bytes.fromhex(master) for master in masters.split(",")]
            tenant, key = (bytes.fromhex(text).decode() for text in (tenant, key))
            yield tenant, key, masters, bytes.fromhex(entry), bytes.fromhex(value)


def line(tenant, key, masters, entry, value):
    masters = ",".join(master.hex() for master in masters)
    return f"{tenant.encode().hex()} {key.encode().hex()} {masters} {entry.hex()} {value.hex()}\n"


def open_all(path):
    opened = 0
    for tenant, key, masters, entry, value in read(path):
        ring = wrapper(masters, tenant)
        found = ring.deserialize_without_key_identity(entry, INTEROP, key)
        # Written back in the one canonical form, it is the same to the last byte.
        assert encode_interop_value(found) == value, (opened, found)
        opened += 1
        for reader, place in ((ring, key + "."), (wrapper(masters, tenant + "."), key), (wrapper([bytes(32)], tenant), key)):
            try:
                reader.deserialize_without_key_identity(entry, INTEROP, place)
            except DecryptionAuthenticationError:
                continue
            raise AssertionError(f"case {opened}: opened in a place that is not its own")
    print(f"opened {opened}")


def text(rng, most):
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randint(1, most)))


def integer(rng):
    bits = rng.randint(1, 64)
    return rng.getrandbits(bits) if rng.random() < 0.5 else -rng.getrandbits(min(bits, 63))


def float64(rng):
    while True:
        (number,) = struct.unpack(">d", rng.randbytes(8))
        if math.isfinite(number):
            return rng.choice((number, float(rng.randint(-1000, 1000)), 0.1, -0.0))


def value(rng, depth=0):
    kind = rng.randrange(6 if depth > 3 else 8)
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.choice((0, 1, 3, 16)))]
    if kind == 7:
        return {text(rng, 40): value(rng, depth + 1) for _ in range(rng.choice((0, 1, 3, 16)))}
    return (
        None,
        rng.random() < 0.5,
        integer(rng),
        float64(rng),
        text(rng, rng.choice((5, 40, 300))),
        rng.randbytes(rng.choice((0, 1, 31, 255, 256, 70_000))),
    )[kind]


def same(a, b):
    """Equal, and of the same types throughout: 1 is not True, 0.0 is not -0.0."""
    return encode_interop_value(a) == encode_interop_value(b)


class Store(dict):
    """The least that the client takes for a backend."""

    def get(self, key):
        return dict.get(self, key)

    def set(self, key, value, ttl=None):
        self[key] = bytes(value)

    def delete(self, key):
        return self.pop(key, None) is not None

    def exists(self, key):
        return key in self

    def health_check(self):
        return True, {}


def functions(seed):
    """The same functions for the same seed."""
    rng = random.Random(seed + 1)
    for _ in range(DECORATED):
        hexes = rng.randbytes(16).hex()
        uuid = f"{hexes[:8]}-{hexes[8:12]}-4{hexes[13:16]}-8{hexes[17:20]}-{hexes[20:]}"
        uuid = uuid if rng.random() < 0.7 else None
        names = [rng.choice("abcxyz019") + "".join(rng.choices("abcxyz019_-", k=rng.randint(0, 63))) for _ in "no"]
        yield function(uuid, rng.randbytes(32), names, text(rng, 50), value(rng))


def function(uuid, master, names, argument, result):
    """A function as a user writes it, and how to call it."""
    store, runs = Store(), []

    @cache(
        namespace=names[0],
        interop=names[1],
        backend=store,
        encryption=True,
        single_tenant_mode=True,
        deployment_uuid=uuid,
        master_key=master.hex(),
        l1_enabled=False,
        ttl=60,
    )
    def called(argument):
        runs.append(argument)
        return result

    return uuid or "default", master, store, runs, result, lambda: called(argument)


def seal(path, seed):
    rng = random.Random(seed)
    with open(path, "w", encoding="ascii") as file:
        for _ in range(CASES):
            # A tenant has 255 bytes at most.
            tenant, key, plain = text(rng, 60), text(rng, 150), value(rng)
            masters = [rng.randbytes(32) for _ in range(rng.randint(1, 4))]
            entry, _ = wrapper([rng.choice(masters)], tenant).serialize(plain, cache_key=key)
            file.write(line(tenant, key, masters, entry, encode_interop_value(plain)))
        for tenant, master, store, runs, result, call in functions(seed):
            assert same(call(), result) and same(call(), result) and len(runs) == 1
            ((key, entry),) = store.items()
            file.write(line(tenant, key, [master], entry, encode_interop_value(result)))
    print(f"sealed {CASES + DECORATED}")


def call_all(path, seed):
    found = 0
    for row, (_, _, store, runs, result, call) in zip(read(path), functions(seed), strict=True):
        _, key, _, entry, plain = row
        store[key] = entry
        got = call()
        assert same(got, [result]) and same(got, decode_interop_value(plain)), found
        assert runs == [], "the function ran although its entry was there"
        found += 1
    print(f"found {found}")


def main():
    mode, path, *seed = sys.argv[1:]
    if mode == "open":
        open_all(path)
    elif mode == "seal":
        seal(path, int(seed[0]))
    else:
        call_all(path, int(seed[0]))


main()
