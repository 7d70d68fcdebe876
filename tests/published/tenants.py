"""A decorated function that shares the sealed entries of one tenant with ours.

    tenants.py write TENANT OF FIRST COUNT PLACE WHERE     answers the calls, so that they are stored
    tenants.py read TENANT OF FIRST COUNT PLACE WHERE      finds the answer of every call, and never runs
    tenants.py refused TENANT OF FIRST COUNT PLACE WHERE   finds entries that the tenant's key does not open

Run by `tests/it/interop/sdks`, which makes the virtual environment and sets CACHEKIT_MASTER_KEY. The function seals for
TENANT, and its first argument is OF: the tenant for whom the entry is kept. Calls are numbered from FIRST on. PLACE is
`file` with a directory, or `redis` with a URL.
"""

import os
import sys
from pathlib import Path

from cachekit import cache
from cachekit.backends.file import FileBackend
from cachekit.backends.file.config import FileBackendConfig
from cachekit.backends.redis import RedisBackend
from cachekit.serializers.encryption_wrapper import DecryptionAuthenticationError

mode, tenant, of, first, count, place, where = sys.argv[1:]
runs = 0


@cache(
    namespace="exchange",
    interop="page_of",
    backend=FileBackend(FileBackendConfig(cache_dir=Path(where))) if place == "file" else RedisBackend(where),
    encryption=True,
    single_tenant_mode=True,
    deployment_uuid=tenant,
    # Without it the client takes an entry that it cannot open for none, and removes it.
    fail_closed=True,
    master_key=os.environ["CACHEKIT_MASTER_KEY"],
    l1_enabled=False,
    ttl=300,
)
def page_of(of, number):
    global runs
    runs += 1
    return f"{of} {number}"


refused = 0
for number in range(int(first), int(first) + int(count)):
    try:
        assert page_of(of, number) == f"{of} {number}", number
    except DecryptionAuthenticationError:
        refused += 1
assert runs == (int(count) if mode == "write" else 0), runs
assert refused == (int(count) if mode == "refused" else 0), refused
print(f"{mode} {count}")
