"""The published Python SDK in a directory that the Rust backend shares. Run by the tests."""

import os
import sys
from pathlib import Path

from cachekit.backends.file import FileBackend
from cachekit.backends.file.config import FileBackendConfig

directory = Path(sys.argv[1])
backend = FileBackend(FileBackendConfig(cache_dir=directory, max_entry_count=100))

found = backend.get("rust:value")
assert found is not None and bytes(found) == bytes(range(256)), found
assert backend.exists("rust:value")

# More than it keeps: it evicts what was written first, and what is not an entry stays.
hidden = sorted(name for name in os.listdir(directory) if name.startswith("."))
assert hidden, "fences are kept somewhere"
for n in range(150):
    backend.set(f"py:{n}", b"x", ttl=60)
assert len(os.listdir(directory)) < 100
assert hidden == sorted(name for name in os.listdir(directory) if name.startswith("."))

backend.set("py:value", bytes(reversed(range(256))), ttl=3600)
