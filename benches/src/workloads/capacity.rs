//! Whether a cache keeps to its capacity while two threads insert as fast as they can.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::harness::as_f64;
use crate::options::Options;
use crate::peers::{self, Moka, Quick};
use crate::report::{OURS_STORE, Overshoot, REFERENCE, Report};
use crate::subjects::{CAPACITY, TTL};

const THREADS: u64 = 2;
/// How many inserts lie between two looks at the length, and between two look-ups.
const LOOK: u64 = 64;
const READ: u64 = 16;

/// The part of a cache this workload needs.
trait Bounded: Sync {
    fn insert(&self, key: u64, value: Held);
    fn read(&self, key: u64);
    fn entries(&self) -> u64;
}

impl Bounded for cachekit::Cache<u64, Held> {
    fn insert(&self, key: u64, value: Held) {
        cachekit::Cache::insert(self, key, value);
    }

    fn read(&self, key: u64) {
        self.get(&key);
    }

    fn entries(&self) -> u64 {
        self.len() as u64
    }
}

impl Bounded for Quick<u64, Held> {
    fn insert(&self, key: u64, value: Held) {
        Quick::insert(self, key, value);
    }

    fn read(&self, key: u64) {
        self.get(&key);
    }

    fn entries(&self) -> u64 {
        self.len() as u64
    }
}

impl Bounded for Moka<u64, Held> {
    fn insert(&self, key: u64, value: Held) {
        Moka::insert(self, key, value);
    }

    fn read(&self, key: u64) {
        self.get(&key);
    }

    fn entries(&self) -> u64 {
        self.entry_count()
    }
}

/// A value that knows how many of its kind are in memory.
struct Held(Arc<AtomicI64>);

impl Held {
    fn new(alive: &Arc<AtomicI64>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Held(alive.clone())
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        Held::new(&self.0)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn run(options: &Options, report: &mut Report) {
    let inserts = options.pick(200_000, 10_000_000);
    let fewer = inserts / 10;
    println!("\ninserts of fresh keys from two threads, capacity {CAPACITY}");
    println!(
        "  {:<36} {:>9} {:>11} {:>9} {:>9}",
        "contender", "inserts", "ns/insert", "entries", "in memory"
    );
    let store = cachekit::Cache::builder().capacity(CAPACITY).ttl(TTL).build();
    let largest = fill(OURS_STORE, &store, inserts);
    fill(REFERENCE, &peers::quick(), fewer);
    fill("moka(ttl)", &peers::moka(), fewer);

    if largest > CAPACITY + CAPACITY / 100 {
        report.fail(format!("capacity: {largest} entries in a cache for {CAPACITY}"));
    }
    report.overshoot = Some(Overshoot { capacity: CAPACITY, largest });
}

/// Inserts from all threads and returns the largest number of entries seen.
fn fill(name: &str, cache: &impl Bounded, inserts: u64) -> u64 {
    let alive = Arc::new(AtomicI64::new(0));
    let entries = AtomicU64::new(0);
    let held = AtomicI64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (alive, entries, held) = (&alive, &entries, &held);
            scope.spawn(move || {
                for index in 0..inserts / THREADS {
                    let key = (thread << 48) | index;
                    cache.insert(key, Held::new(alive));
                    // Reads pull entries into whatever a cache keeps besides its table.
                    if index % READ == 0 {
                        cache.read(key);
                    }
                    if index % LOOK == 0 {
                        entries.fetch_max(cache.entries(), Ordering::Relaxed);
                        held.fetch_max(alive.load(Ordering::Relaxed), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let elapsed = start.elapsed().as_secs_f64() * 1e9 / as_f64(inserts);
    let entries = entries.into_inner().max(cache.entries());
    println!(
        "  {name:<36} {inserts:>9} {elapsed:>11.1} {entries:>9} {:>9}",
        held.into_inner().max(alive.load(Ordering::Relaxed))
    );
    entries
}
