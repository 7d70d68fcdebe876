use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::table::SLOTS;
use super::{ThreadCache, Wanted};
use crate::clock::{self, NEVER};
use crate::counters::HitCounter;
use crate::entry::{Entry, Head, Plan, Resident, StoreNumber};

/// Of a store that there is not.
const STORE: StoreNumber = StoreNumber::MAX;

fn counted_thread_cache() -> ThreadCache {
    let thread_cache = ThreadCache::new();
    thread_cache.counters.get_or_init(crate::counters::ThreadCounters::register);
    thread_cache
}

fn entry<V: Send + Sync + 'static>(hits: &HitCounter, key: u64, value: V) -> Resident {
    entry_until(NEVER, hits, key, value)
}

fn entry_until<V: Send + Sync + 'static>(
    expires: u64,
    hits: &HitCounter,
    key: u64,
    value: V,
) -> Resident {
    Arc::new(Entry { head: Head::new(STORE, hits.id(), Plan::until(expires)), key, value })
}

fn wanted(store: StoreNumber, hash: u64) -> Wanted {
    Wanted { store, hash, quietly: false }
}

fn get(thread_cache: &ThreadCache, store: StoreNumber, hash: u64, key: u64) -> Option<u64> {
    thread_cache.get::<u64, u64, u64>(
        wanted(store, hash),
        clock::coarse_now,
        |k| *k == key,
        |v| *v,
        |_| true,
    )
}

#[test]
fn serves_only_what_is_asked_for() {
    let hits = HitCounter::new();
    let thread_cache = ThreadCache::new();
    assert_eq!(get(&thread_cache, STORE, 5, 1), None);
    let held = entry(&hits, 1, 10u64);
    for _ in 0..super::HITS_PER_ADMISSION {
        assert_eq!(get(&thread_cache, STORE, 5, 1), None);
        thread_cache.served(hits.id(), 5, &held);
    }
    assert_eq!(get(&thread_cache, STORE, 5, 1), Some(10));
    assert_eq!(get(&thread_cache, STORE, 5, 2), None, "another key of the same hash");
    assert_eq!(get(&thread_cache, STORE, 6, 1), None, "another hash");
    assert_eq!(get(&thread_cache, STORE - 1, 5, 1), None, "another store");
    let typed = thread_cache.get::<u64, u32, u32>(
        wanted(STORE, 5),
        clock::coarse_now,
        |_| true,
        |v| *v,
        |_| true,
    );
    assert!(typed.is_none(), "another type");
    assert_eq!(hits.total(), u64::from(super::HITS_PER_ADMISSION) + 1);
}

#[test]
fn what_turns_out_not_to_be_served_is_no_hit() {
    let hits = HitCounter::new();
    let thread_cache = counted_thread_cache();
    thread_cache.remember(5, &entry(&hits, 1, 10u64));
    let look = |serves: bool| {
        thread_cache.get::<u64, u64, u64>(
            wanted(STORE, 5),
            clock::coarse_now,
            |_| true,
            |v| *v,
            |_| serves,
        )
    };
    assert_eq!((look(false), hits.total()), (Some(10), 0));
    assert_eq!((look(true), hits.total()), (Some(10), 1));
}

#[test]
fn a_dead_or_expired_entry_is_a_miss() {
    let hits = HitCounter::new();
    let thread_cache = counted_thread_cache();
    let killed = entry(&hits, 1, 10u64);
    thread_cache.remember(5, &killed);
    killed.head().kill();
    assert_eq!(get(&thread_cache, STORE, 5, 1), None);

    thread_cache.remember(5, &entry_until(100, &hits, 1, 11u64));
    let at = |now| {
        thread_cache.get::<u64, u64, u64>(wanted(STORE, 5), || now, |_| true, |v| *v, |_| true)
    };
    assert_eq!(at(99), Some(11));
    assert_eq!(at(100), None);
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn spread(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Ends an entry as a store does.
fn end(hash: u64, entry: &Resident) {
    entry.head().kill();
    super::ended(std::iter::once((hash, entry.head())));
}

#[test]
fn what_ended_is_let_go_of_at_the_next_call() {
    let hits = HitCounter::new();
    let thread_cache = counted_thread_cache();
    let alive = Arc::new(AtomicUsize::new(0));
    let remember = |n: u64| {
        alive.fetch_add(1, Ordering::SeqCst);
        let entry = entry(&hits, n, Counted(Arc::clone(&alive)));
        thread_cache.remember(spread(n), &entry);
        entry
    };
    // A few, and more than are known one by one.
    for many in [1, 10, 200, 300, 1_000] {
        let entries: Vec<_> = (0..many).map(remember).collect();
        for (n, entry) in (0..many).zip(&entries) {
            end(spread(n), entry);
        }
        drop(entries);
        assert_eq!(get(&thread_cache, STORE, 5, 1), None, "any call will do");
        assert_eq!(alive.load(Ordering::SeqCst), 0, "{many}");
    }
    let (many, most) = if cfg!(miri) { (300, 300) } else { (20_000, SLOTS) };
    for n in 0..many {
        drop(remember(n));
        assert!(alive.load(Ordering::SeqCst) <= most);
    }
    drop(thread_cache);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_destructor_that_panics_keeps_nothing_else_in_the_thread_cache() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let hits = HitCounter::new();
    let thread_cache = counted_thread_cache();
    let alive = Arc::new(AtomicUsize::new(9));
    let entries: Vec<_> = (0..10)
        .map(|n| match n {
            4 => entry(&hits, n, Panics),
            _ => entry(&hits, n, Counted(Arc::clone(&alive))),
        })
        .collect();
    for (n, entry) in (0..).zip(entries) {
        thread_cache.remember(spread(n), &entry);
        end(spread(n), &entry);
        // The thread cache is the last to hold it.
        drop(entry);
    }
    let call = || get(&thread_cache, STORE, 5, 1);
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(call(), None);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn what_ends_while_it_is_remembered_does_not_stay() {
    let hits = HitCounter::new();
    let thread_cache = counted_thread_cache();
    let alive = Arc::new(AtomicUsize::new(1));
    let entry = entry(&hits, 1, Counted(Arc::clone(&alive)));
    end(5, &entry);
    thread_cache.remember(5, &entry);
    drop(entry);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_used_entry_outlasts_one_newcomer() {
    let hits = HitCounter::new();
    let thread_cache = counted_thread_cache();
    // Same set, different hashes: none of the bits that choose it differ.
    let hash = |n: u64| n << 16;
    thread_cache.remember(hash(1), &entry(&hits, 1, 1u64));
    thread_cache.remember(hash(2), &entry(&hits, 2, 2u64));
    assert_eq!(get(&thread_cache, STORE, hash(1), 1), Some(1));
    thread_cache.remember(hash(3), &entry(&hits, 3, 3u64));
    assert_eq!(get(&thread_cache, STORE, hash(1), 1), Some(1), "the used one stays");
    assert_eq!(get(&thread_cache, STORE, hash(2), 2), None, "the unused one gave way");
    assert_eq!(get(&thread_cache, STORE, hash(3), 3), Some(3));
    // Both are used: a newcomer is turned away, the next one is not.
    thread_cache.remember(hash(4), &entry(&hits, 4, 4u64));
    assert_eq!(get(&thread_cache, STORE, hash(4), 4), None);
    thread_cache.remember(hash(4), &entry(&hits, 4, 4u64));
    assert_eq!(get(&thread_cache, STORE, hash(4), 4), Some(4));
}

#[test]
fn hits_of_ended_threads_stay_counted() {
    let hits = HitCounter::new();
    let id = hits.id();
    let before = hits.total();
    std::thread::spawn(move || {
        super::with(|thread_cache| {
            let head = Head::new(STORE, id, Plan::until(NEVER));
            let entry: Resident = Arc::new(Entry { head, key: 1_u64, value: 1_u64 });
            for _ in 0..3 {
                thread_cache.served(id, 77, &entry);
            }
        });
    })
    .join()
    .unwrap();
    assert_eq!(hits.total() - before, 3);
}

#[cfg(feature = "tracing")]
#[test]
fn a_look_up_that_tells_no_observer_passes_by_where_observers_may_want_to_hear_of_the_hit() {
    let hits = HitCounter::new();
    let thread_cache = counted_thread_cache();
    thread_cache.remember(5, &entry(&hits, 1, 10u64));
    let look = |quietly| {
        let wanted = Wanted { quietly, ..wanted(STORE, 5) };
        thread_cache.get::<u64, u64, u64>(wanted, clock::coarse_now, |_| true, |v| *v, |_| true)
    };
    thread_cache.settle();
    assert_eq!((look(true), look(false), hits.total()), (Some(10), Some(10), 2));

    thread_cache.sampling.turn_on();
    thread_cache.set_special();
    assert!(thread_cache.is_special());
    assert_eq!((look(true), look(false), hits.total()), (None, Some(10), 3));

    thread_cache.force(true);
    assert_eq!((look(true), look(false)), (None, None), "the next call runs its function");
}
