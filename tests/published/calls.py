"""Decorated functions that share the entries of ours.

    calls.py write FILE PLACE [WHERE]    answers every call of the file, so that it is stored
    calls.py read FILE PLACE [WHERE]     finds the answer of every call of the file, and never runs

Run by `tests/it/interop/sdks`, which makes the virtual environment. PLACE is `file` with a directory, `redis` with a
URL, or `io`, which the environment configures as for `client.py`. With CACHEKIT_MASTER_KEY the entries are sealed. A
line of the file is the document of one call, in hex: the list of its arguments, and the answer.
"""

import asyncio
import os
import socket
import sys
from pathlib import Path

HOST = os.environ.get("CACHEKIT_TEST_HOST")
_getaddrinfo = socket.getaddrinfo


def _resolve(host, *rest, **named):
    return _getaddrinfo("127.0.0.1" if HOST and host == HOST else host, *rest, **named)


# The client refuses loopback addresses and `localhost` in URLs, and does not look at what a name resolves to.
socket.getaddrinfo = _resolve

from cachekit import cache, decode_interop_value, encode_interop_value  # noqa: E402
from cachekit.backends.cachekitio import CachekitIOBackend  # noqa: E402
from cachekit.backends.file import FileBackend  # noqa: E402
from cachekit.backends.file.config import FileBackendConfig  # noqa: E402
from cachekit.backends.redis import RedisBackend  # noqa: E402


def backend(place, where=None):
    if place == "file":
        return FileBackend(FileBackendConfig(cache_dir=Path(where)))
    return RedisBackend(where) if place == "redis" else CachekitIOBackend()


def calls(path):
    with open(path, encoding="ascii") as lines:
        for line in lines:
            arguments, answer = decode_interop_value(bytes.fromhex(line))
            ids = 6
            arguments[ids] = set(arguments[ids])
            yield arguments, answer


def functions(place, run):
    """As a user writes them: one blocks, the other one does not, and the entries are the same."""
    options = {"namespace": "exchange", "interop": "search", "backend": backend(*place), "l1_enabled": False, "ttl": 300}
    master = os.environ.get("CACHEKIT_MASTER_KEY")
    if master:
        options |= {"encryption": True, "single_tenant_mode": True, "master_key": master}

    @cache(**options)
    def blocking(id, offset, name, ratio, tags, limits, ids, parent, at):
        return run()

    @cache(**options)
    async def asynchronous(id, offset, name, ratio, tags, limits, ids, parent, at):
        return run()

    return blocking, asynchronous


async def main():
    mode, path, *place = sys.argv[1:]
    runs, done, answer = 0, 0, None

    def run():
        nonlocal runs
        assert mode == "write", f"call {done}: the function ran although its entry was there"
        runs += 1
        return answer

    blocking, asynchronous = functions(place, run)
    for arguments, answer in calls(path):
        # 1 is not True, 0.0 is not -0.0: the canonical form tells them apart.
        found = blocking(*arguments) if done % 2 == 0 else await asynchronous(*arguments)
        assert encode_interop_value(found) == encode_interop_value(answer), (done, found)
        done += 1
    assert runs == (done if mode == "write" else 0), runs
    print(f"{mode} {done}")


asyncio.run(main())
