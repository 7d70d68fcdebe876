"""Drives the published Python client against a running server, and fails where their answers part.

Run by `tests/it/published.rs`, which makes the virtual environment and sets:

- CACHEKIT_API_KEY, CACHEKIT_API_URL, CACHEKIT_ALLOW_CUSTOM_HOST: as for any use of the client;
- SSL_CERT_FILE: the server's certificate authority, which OpenSSL reads;
- CACHEKIT_TEST_HOST: the name in the URL. The client refuses loopback addresses and `localhost` in URLs
  but does not look at what a name resolves to, so this script resolves that one name to 127.0.0.1.
"""

import asyncio
import os
import socket

HOST = os.environ["CACHEKIT_TEST_HOST"]
_getaddrinfo = socket.getaddrinfo


def _resolve(host, *rest, **named):
    return _getaddrinfo("127.0.0.1" if host == HOST else host, *rest, **named)


socket.getaddrinfo = _resolve

from cachekit.backends.cachekitio import CachekitIOBackend  # noqa: E402
from cachekit.backends.errors import BackendError  # noqa: E402


def values(backend):
    assert backend.get("py:absent") is None
    assert backend.exists("py:absent") is False
    for size in (0, 1, 100, 16 * 1024, 3 * 1024 * 1024):
        value = os.urandom(size)
        backend.set("py:value", value, ttl=60)
        found, stale, fresh_for = backend.get_with_freshness("py:value")
        assert found == value, size
        assert stale is False
        assert 58 <= fresh_for <= 60, fresh_for
    assert backend.exists("py:value") is True
    backend.set("py:forever", b"kept")
    assert backend.get_with_freshness("py:forever") == (b"kept", False, None)
    assert backend.delete("py:value") is True
    assert backend.delete("py:value") is True, "a second delete succeeds, too"
    assert backend.get("py:value") is None


def refusals(backend):
    backend.set("py:edge", b"x", ttl=2_592_000)
    for ttl, stale in ((0, None), (2_592_001, None), (2_592_000, 1)):
        try:
            backend.set("py:edge", b"y", ttl=ttl, stale_ttl=stale)
        except BackendError as error:
            assert "PERMANENT" in repr(error.error_type).upper(), error.error_type
        else:
            raise AssertionError(f"ttl={ttl} stale={stale} was accepted")
    assert backend.get("py:edge") == b"x"
    try:
        backend.set("py:large", bytes(26 * 1024 * 1024), ttl=60)
    except BackendError as error:
        assert "PERMANENT" in repr(error.error_type).upper(), error.error_type
    else:
        raise AssertionError("26 MiB were accepted")
    try:
        CachekitIOBackend(api_key="ck_live_somebody_else").get("py:edge")
    except BackendError as error:
        assert "AUTH" in repr(error.error_type).upper(), error.error_type
    else:
        raise AssertionError("a wrong key was accepted")


async def ttl(backend):
    assert await backend.get_ttl("py:absent") is None
    await backend.set_async("py:ttl", b"v", ttl=100, stale_ttl=50)
    assert 148 <= await backend.get_ttl("py:ttl") <= 150
    assert await backend.refresh_ttl("py:ttl", 1000) is True
    assert await backend.get_ttl("py:ttl") > 900
    assert await backend.refresh_ttl("py:absent", 10) is True, "nothing to do is no failure"
    assert await backend.get_async("py:absent") is None


async def locks(backend):
    async with backend.acquire_lock("py:lock", timeout=30) as first:
        assert first is True
        async with backend.acquire_lock("py:lock", timeout=30) as second:
            assert second is False
        # Leaving the loser's block must not have freed the winner's lock.
        async with backend.acquire_lock("py:lock", timeout=30, blocking_timeout=0.3) as third:
            assert third is False
    async with backend.acquire_lock("py:lock", timeout=30, blocking_timeout=2) as again:
        assert again is True
    winners = await asyncio.gather(*(one_of_many(backend) for _ in range(20)))
    assert sum(winners) == 1, winners


async def one_of_many(backend):
    async with backend.acquire_lock("py:crowd", timeout=30) as acquired:
        if acquired:
            # Held until everybody has asked.
            await asyncio.sleep(1)
        return acquired


def shared_with_rust(backend):
    """The Rust side has written `rust:value` and reads `py:for-rust` afterwards."""
    assert backend.get("rust:value") == bytes(range(256))
    backend.set("py:for-rust", bytes(reversed(range(256))), ttl=60)


def decorated(backend):
    """The client's own decorator, end to end: the second look-up comes from the server."""
    from cachekit import cache

    runs = []

    @cache(backend=backend, ttl=60, l1_enabled=False)
    def square(n: int) -> int:
        runs.append(n)
        return n * n

    assert [square(12), square(12), square(13)] == [144, 144, 169]
    assert runs == [12, 13], runs


def main():
    backend = CachekitIOBackend()
    healthy, details = backend.health_check()
    assert healthy is True, details
    values(backend)
    refusals(backend)
    asyncio.run(ttl(backend))
    asyncio.run(locks(backend))
    decorated(backend)
    shared_with_rust(backend)
    print("published client: ok")


main()
