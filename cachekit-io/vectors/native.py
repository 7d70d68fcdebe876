#!/usr/bin/env python3
"""Writes native.json: sealed entries of the native format, made from its documentation alone.

Nothing here is shared with the Rust code; AES-GCM and CMAC are OpenSSL's. Needs Python 3.11 and the package
`cryptography` and `xxhash`. Run it again only when the format gets a new version.
"""

import hashlib
import hmac
import json
from pathlib import Path

import xxhash
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.cmac import CMAC


def lp(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


def mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def cmac(key: bytes, message: bytes) -> bytes:
    code = CMAC(AES256(key))
    code.update(message)
    return code.finalize()


def expand(key: bytes, info: bytes, length: int) -> bytes:
    out, last, counter = b"", b"", 1
    while len(out) < length:
        last = mac(key, last + info + bytes([counter]))
        out, counter = out + last, counter + 1
    return out[:length]


def padded(value: bytes, mode: int) -> bytes:
    if mode == 0:
        return value
    least = max(len(value) + 4, 64)
    if mode == 1:
        exponent = least.bit_length() - 1
        mask = (1 << exponent - exponent.bit_length()) - 1
        total = least + mask & ~mask
    else:
        total = 1 << (least - 1).bit_length()
    return value.ljust(total - 4, b"\0") + len(value).to_bytes(4, "big")


def seal(master, tenant, namespace, key, codec, fingerprint, mode, nonce, value):
    root = mac(b"cachekit/seal/v1", master)
    scope = expand(root, b"scope" + lp(tenant) + lp(namespace), 32)
    entry_key = expand(scope, b"entry", 32)
    data_key = b"".join(cmac(entry_key, bytes([0, counter]) + b"X\0" + nonce[:12]) for counter in (1, 2))
    context = lp(tenant) + lp(namespace) + lp(key) + lp(codec) + lp(fingerprint)
    context += bytes(-len(context) % 16)
    seed = int.from_bytes(expand(scope, b"place", 8), "big")
    preamble = bytes(40) + xxhash.xxh3_64_digest(context, seed)
    key_id = expand(scope, b"key-id", 16)
    header = b"\xc1CKS\x02\x01" + bytes([mode, 0]) + key_id + nonce
    body = AESGCM(data_key).encrypt(nonce[12:], preamble + padded(value, mode), header + context)
    return key_id, header + body


def storage_key(master, tenant, namespace, logical_key):
    root = mac(b"cachekit/seal/v1", master)
    scope = expand(root, b"scope" + lp(tenant) + lp(namespace), 32)
    return "s1:" + mac(expand(scope, b"blind", 32), logical_key).hex()


def vector(name, master, tenant, namespace, logical_key, codec, fingerprint, mode, value):
    nonce = hashlib.sha256(b"nonce of " + name.encode()).digest()[:24]
    key = storage_key(master, tenant.encode(), namespace.encode(), logical_key)
    parts = (tenant.encode(), namespace.encode(), key.encode(), codec.encode())
    key_id, entry = seal(master, *parts, fingerprint, mode, nonce, value)
    return {
        "name": name,
        "master_key_hex": master.hex(),
        "tenant": tenant,
        "namespace": namespace,
        "logical_key_hex": logical_key.hex(),
        "storage_key": key,
        "codec": codec,
        "fingerprint_hex": fingerprint.hex(),
        "padding": mode,
        "key_id": key_id.hex(),
        "value_hex": value.hex(),
        "entry_hex": entry.hex(),
    }


def main() -> None:
    one, two = bytes(range(32)), bytes([0xA5]) * 32
    vectors = [
        vector("empty value", one, "default", "users", b"user:42", "msgpack", bytes(8), 0, b""),
        vector("short value", one, "acme", "users", b"user:42", "msgpack", bytes(range(8)), 0, b"Ada Lovelace"),
        vector("no codec, no fingerprint", two, "acme", "users", b"", "", b"", 0, b"\xc1CKS"),
        vector("longest names", two, "t" * 255, "\u00fc" * 127, bytes(range(256)), "bincode", bytes(8), 0, b"v"),
        vector("padded by Padme", one, "acme", "users", b"k", "msgpack", b"\x01", 1, bytes(range(100))),
        vector("padded to a power of two", two, "acme", "users", b"k", "msgpack", b"\x01", 2, b"x" * 61),
        vector("several blocks", one, "acme", "orders", b"k" * 500, "bincode", b"\x02" * 8, 0, bytes(range(256)) * 5),
    ]
    path = Path(__file__).with_name("native.json")
    path.write_text(json.dumps({"version": 2, "vectors": vectors}, indent=2) + "\n")


if __name__ == "__main__":
    main()
