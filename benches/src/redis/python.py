import sys
import time

from cachekit.backends.redis import RedisBackend

url, key, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
backend = RedisBackend(url)
for _ in range(200):
    assert backend.get(key) is not None
times = []
cpu, start = time.process_time(), time.perf_counter()
for _ in range(rounds):
    asked = time.perf_counter()
    backend.get(key)
    times.append(time.perf_counter() - asked)
elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu
times.sort()
print(
    f"{rounds / elapsed:.0f} req/s, p50 {times[rounds // 2] * 1e6:.1f} us, "
    f"p99 {times[rounds * 99 // 100] * 1e6:.1f} us, CPU {cpu / rounds * 1e6:.1f} us"
)
