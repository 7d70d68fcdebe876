use std::any::TypeId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Front, SLOTS};
use crate::clock;
use crate::counters::HitCounter;
use crate::entry::{AnyEntry, Entry, Head, Owner};

const OWNER: Owner = Owner { function: TypeId::of::<Front>(), instance: 0 };

fn counted_front() -> Front {
    let front = Front::new();
    front.counters.get_or_init(crate::counters::ThreadCounters::register);
    front
}

fn entry<V: Send + Sync + 'static>(
    hits: &HitCounter,
    hash: u64,
    key: u64,
    value: V,
) -> Arc<AnyEntry> {
    let head = Head::new(OWNER, hash, hits.id());
    let entry = Entry::new(head, key);
    assert!(entry.body.value.set(value).is_ok());
    assert!(entry.head.publish());
    Arc::new(entry)
}

fn get(front: &Front, owner: Owner, hash: u64, key: u64) -> Option<u64> {
    let hit = front.get::<u64, u64, u64>(owner, hash, clock::coarse_now, |k| *k == key, |v| *v);
    hit.map(|hit| hit.value)
}

#[test]
fn serves_only_what_is_asked_for() {
    let hits = HitCounter::new();
    let front = Front::new();
    assert_eq!(get(&front, OWNER, 5, 1), None);
    let held = entry(&hits, 5, 1, 10u64);
    for _ in 0..super::HITS_PER_ADMISSION {
        assert_eq!(get(&front, OWNER, 5, 1), None);
        front.served(&held);
    }
    assert_eq!(get(&front, OWNER, 5, 1), Some(10));
    assert_eq!(get(&front, OWNER, 5, 2), None, "another key of the same hash");
    assert_eq!(get(&front, OWNER, 6, 1), None, "another hash");
    let other = Owner { instance: 1, ..OWNER };
    assert_eq!(get(&front, other, 5, 1), None, "another owner");
    let typed = front.get::<u64, u32, u32>(OWNER, 5, clock::coarse_now, |_| true, |v| *v);
    assert!(typed.is_none(), "another type");
    assert_eq!(hits.total(), u64::from(super::HITS_PER_ADMISSION) + 1);
}

#[test]
fn a_dead_or_expired_entry_is_a_miss() {
    let hits = HitCounter::new();
    let front = counted_front();
    let killed = entry(&hits, 5, 1, 10u64);
    front.remember(&killed);
    killed.head.kill();
    assert_eq!(get(&front, OWNER, 5, 1), None);

    let expiring = entry(&hits, 5, 1, 11u64);
    expiring.head.set_expires(100);
    front.remember(&expiring);
    let at =
        |now| front.get::<u64, u64, u64>(OWNER, 5, || now, |_| true, |v| *v).map(|hit| hit.value);
    assert_eq!(at(99), Some(11));
    assert_eq!(at(100), None);
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn what_the_front_keeps_alive_is_bounded() {
    let hits = HitCounter::new();
    let front = Front::new();
    let alive = Arc::new(AtomicUsize::new(0));
    let remember = |n: u64| {
        alive.fetch_add(1, Ordering::SeqCst);
        let hash = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let entry = entry(&hits, hash, n, Counted(Arc::clone(&alive)));
        front.remember(&entry);
        entry
    };
    // Miri takes a minute for what the processor does in a millisecond.
    let (many, some) = if cfg!(miri) { (300, 50) } else { (20_000, 500) };
    for n in 0..many {
        drop(remember(n));
        assert!(alive.load(Ordering::SeqCst) <= SLOTS);
    }
    let dead: Vec<_> = (many..many + some).map(remember).collect();
    for entry in &dead {
        entry.head.kill();
    }
    drop(dead);
    let before = alive.load(Ordering::SeqCst);
    front.sweep();
    let after = alive.load(Ordering::SeqCst);
    let some = usize::try_from(some).unwrap();
    assert!(after < before && after >= before - some, "{before} to {after}");
    drop(front);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn used_entries_outlast_a_few_newcomers() {
    let hits = HitCounter::new();
    let front = counted_front();
    // Same set, different hashes: only the bits below the set's index differ in the upper half.
    let hash = |n: u64| n << 52;
    front.remember(&entry(&hits, hash(1), 1, 1u64));
    front.remember(&entry(&hits, hash(2), 2, 2u64));
    // Enough hits for one of them to be in the sample.
    for _ in 0..super::HITS_PER_TOUCH {
        assert_eq!(get(&front, OWNER, hash(1), 1), Some(1));
    }
    front.remember(&entry(&hits, hash(3), 3, 3u64));
    assert_eq!(get(&front, OWNER, hash(1), 1), Some(1), "the used one stays");
    assert_eq!(get(&front, OWNER, hash(2), 2), None, "the unused one gave way");
    assert_eq!(get(&front, OWNER, hash(3), 3), Some(3));
}

#[test]
fn hits_of_ended_threads_stay_counted() {
    let hits = HitCounter::new();
    let id = hits.id();
    let before = hits.total();
    std::thread::spawn(move || {
        super::with(|front| {
            let head = Head::new(OWNER, 77, id);
            let entry: Arc<AnyEntry> = Arc::new(Entry::<u64, u64>::new(head, 1));
            for _ in 0..3 {
                front.served(&entry);
            }
        });
    })
    .join()
    .unwrap();
    assert_eq!(hits.total() - before, 3);
}
