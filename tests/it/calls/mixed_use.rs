//! A cache under everything at once: no wrong value, and never more than its capacity.
//!
//! `CACHEKIT_SOAK_SECONDS` makes it longer; `tests/soak.sh` says how.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cachekit::Cache;
use cachekit_tests::{Gate, Polled};

const KEYS: u64 = 400;
const CAPACITY: u64 = 256;

/// What a key stands for. A value says its key and its version.
#[derive(Default)]
struct Source {
    version: AtomicU64,
    /// The oldest version that a call which begins now may see.
    floor: AtomicU64,
    /// One change at a time: what another began later could be older otherwise.
    changing: Mutex<()>,
}

fn seconds() -> u64 {
    std::env::var("CACHEKIT_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

/// Numbers that look random, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % limit
    }
}

struct World {
    cache: Cache<u64, (u64, u64)>,
    sources: Vec<Source>,
    over: AtomicBool,
    calls: AtomicU64,
}

impl World {
    fn source(&self, key: u64) -> &Source {
        &self.sources[usize::try_from(key).unwrap()]
    }

    fn read(&self, key: u64) -> (u64, u64) {
        (key, self.source(key).version.load(Ordering::SeqCst))
    }

    /// Checks a value of a call that began when the floor was this.
    fn check(&self, key: u64, floor: u64, seen: (u64, u64)) {
        assert_eq!(seen.0, key, "another key's value");
        assert!(seen.1 >= floor, "{} is older than {floor}", seen.1);
        assert!(seen.1 <= self.read(key).1, "never written");
    }

    /// Changes the source, and then the cache as `change` says.
    fn change(&self, key: u64, change: impl FnOnce((u64, u64))) {
        let source = self.source(key);
        let _one = source.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let version = source.version.fetch_add(1, Ordering::SeqCst) + 1;
        change((key, version));
        source.floor.store(version, Ordering::SeqCst);
    }

    fn step(&self, random: &mut Random) {
        let key = random.below(KEYS).min(random.below(KEYS));
        let floor = self.source(key).floor.load(Ordering::SeqCst);
        match random.below(100) {
            0..45 => {
                if let Some(seen) = self.cache.get(&key) {
                    self.check(key, floor, seen);
                }
            }
            45..50 => {
                if let Some(seen) = self.cache.with(&key, |seen| *seen) {
                    self.check(key, floor, seen);
                }
            }
            50..80 => {
                let seen = self.cache.get_or_insert_with(&key, || self.read(key));
                self.check(key, floor, seen);
            }
            80..85 => {
                let seen =
                    cachekit::refresh(|| self.cache.get_or_insert_with(&key, || self.read(key)));
                self.check(key, floor, seen);
            }
            85..90 => self.change(key, |_| _ = self.cache.invalidate(&key)),
            90..94 => self.change(key, |value| self.cache.insert(key, value)),
            94..96 => self.change(key, |_| {
                // It reads what is there, and the source is newer: that is put there.
                self.cache.upsert(key, |_| self.read(key));
            }),
            96..97 => self.change(key, |_| _ = self.cache.remove(&key)),
            97..98 => _ = self.cache.purge(),
            98..99 => {
                for item in self.cache.iter().take(20) {
                    assert_eq!(*item.key(), item.value().0);
                }
            }
            _ if random.below(20) == 0 => self.change(key, |_| self.cache.clear()),
            _ => assert!(self.cache.stats().entries <= CAPACITY),
        }
        assert!(self.cache.len() as u64 <= CAPACITY);
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

fn no_value_is_wrong(threads: u64) {
    let cache = Cache::builder().capacity(CAPACITY).ttl(Duration::from_millis(20)).build();
    let sources = (0..KEYS).map(|_| Source::default()).collect();
    let over = AtomicBool::new(false);
    let world = World { cache, sources, over, calls: AtomicU64::new(0) };
    let end = Instant::now() + Duration::from_secs(seconds());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let world = &world;
            scope.spawn(move || {
                let mut random = Random(thread + 1);
                while !world.over.load(Ordering::Relaxed) && Instant::now() < end {
                    for _ in 0..100 {
                        world.step(&mut random);
                    }
                }
                world.over.store(true, Ordering::Relaxed);
            });
        }
    });
    println!("{threads} threads, {} calls: {}", world.calls.into_inner(), world.cache.stats());
}

#[test]
fn two_threads() {
    no_value_is_wrong(2);
}

#[test]
fn sixteen_threads() {
    no_value_is_wrong(16);
}

/// Pages that this process has in memory, in KiB.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn waiters_that_gave_up_leave_no_memory_behind() {
    // Two million in a long run. In a process of its own: others allocate as well.
    let waiters = if seconds() >= 60 { 2_000_000 } else { 100_000 };
    cachekit_tests::in_child(
        "calls::mixed_use::waiters_that_gave_up_leave_no_memory_behind",
        || {
            let cache = Cache::<u64, u64>::new(10);
            let gate = Gate::new();
            let slow = async {
                gate.passed().await;
                1
            };
            let mut leader = Polled::new(cache.get_or_insert_async(&1, slow));
            assert!(leader.poll().is_none());
            let wait = || {
                assert!(Polled::new(cache.get_or_insert_async(&1, async { 2 })).poll().is_none());
            };
            (0..1_000).for_each(|_| wait());
            let before = resident();
            (0..waiters).for_each(|_| wait());
            let after = resident();
            assert!(after < before + 1_024, "{before} KiB, and {after} after {waiters} waiters");
            gate.open();
            assert_eq!(leader.poll(), Some(1));
        },
    );
}
