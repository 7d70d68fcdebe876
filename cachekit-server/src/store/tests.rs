//! Both stores against the same promises.

use super::{
    DiskStore, ENTRY_OVERHEAD, Entry, EntryKey, Lifetime, Measured, MemoryStore, Store, StoreError,
};
use crate::clock::Timestamp;
use bytes::Bytes;
use proptest::prelude::*;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn key(name: &str) -> EntryKey {
    EntryKey::new("t", name)
}

fn entry(value: Vec<u8>, lifetime: Lifetime) -> Entry {
    Entry { value: Bytes::from(value), lifetime }
}

/// A capacity for this many entries with ten bytes of key and value.
const fn room_for(entries: u64) -> u64 {
    entries * (ENTRY_OVERHEAD + 10 + 3)
}

async fn in_both<F: AsyncFn(&dyn Store)>(capacity: u64, check: F) {
    check(&MemoryStore::new(capacity)).await;
    let directory = tempfile::tempdir().expect("a directory");
    let disk = DiskStore::open(directory.path(), capacity, START).expect("opens");
    check(&disk).await;
    disk.close().await;
}

/// Sweeps, and waits until that is done: a store may do it behind the changes that came before.
async fn sweep(store: &dyn Store, now: Timestamp) {
    store.sweep(now);
    store.delete(&key("none")).await.expect("works");
}

#[tokio::test]
async fn the_capacity_holds_and_what_is_read_stays() {
    in_both(room_for(10), async |store| {
        for at in 0..100_u8 {
            let name = format!("k{at:03}");
            let life = Lifetime::UNBOUNDED;
            store.put(&key(&name), entry(vec![at; 6], life), None, START).await.expect("stored");
            // Read every time: the others go before it.
            assert!(store.get(&key("k000"), START).await.expect("works").is_some(), "{at}");
            assert!(store.stats().usage.bytes <= room_for(10));
        }
        let stats = store.stats();
        assert_eq!((stats.usage.entries, stats.evicted), (10, 90));
        let large = entry(vec![0; 10_000], Lifetime::UNBOUNDED);
        let refused = store.put(&key("large"), large, None, START).await;
        assert!(matches!(refused, Err(StoreError::TooLarge)));
    })
    .await;
}

#[tokio::test]
async fn what_expired_leaves_no_room_taken() {
    in_both(room_for(1000), async |store| {
        for at in 0..100_u8 {
            let life = Lifetime::starting(START, 1 + u64::from(at % 2), 0);
            let name = key(&format!("k{at:03}"));
            store.put(&name, entry(vec![at; 6], life), None, START).await.expect("stored");
        }
        let later = START.plus_seconds(1);
        let entries = async || store.usage("t").await.expect("works").entries;
        assert_eq!(entries().await, 100);
        assert_eq!(store.stats().expired, 0, "who asks does not sweep");
        sweep(store, later).await;
        assert_eq!(entries().await, 50);
        // A longer life is counted anew, a deletion gives its room back.
        let longer = Lifetime::starting(later, 60, 0);
        store.set_lifetime(&key("k001"), longer, later).await.expect("works");
        store.delete(&key("k003")).await.expect("works");
        store.delete(&key("k003")).await.expect("works");
        let last = START.plus_seconds(2);
        sweep(store, last).await;
        assert_eq!(entries().await, 1);
        assert!(store.get(&key("k001"), last).await.expect("works").is_some());
        store.delete(&key("k001")).await.expect("works");
        let stats = store.stats();
        assert_eq!((stats.usage.entries, stats.usage.bytes), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_file_keeps_lives_and_forgets_what_does_not_fit() {
    let directory = tempfile::tempdir().expect("a directory");
    let open = |capacity, now| DiskStore::open(directory.path(), capacity, now).expect("opens");
    let store = open(room_for(100), START);
    let (short, long) = (Lifetime::starting(START, 1, 0), Lifetime::starting(START, 60, 5));
    store.put(&key("short"), entry(vec![1], short), None, START).await.expect("stored");
    store.put(&key("long"), entry(vec![2], long), None, START).await.expect("stored");
    // Written by a clock that was far ahead.
    let wrong = Lifetime::starting(START.plus_seconds(100 * 86_400), 2_592_000, 0);
    store.put(&key("wrong"), entry(vec![3], wrong), None, START).await.expect("stored");
    store.close().await;
    drop(store);

    let later = START.plus_seconds(1);
    let store = open(room_for(100), later);
    assert_eq!(store.usage("t").await.expect("works").entries, 1);
    let found = store.get(&key("long"), later).await.expect("works");
    assert_eq!(found, Some(entry(vec![2], long)));
    for at in 0..50_u8 {
        let name = key(&format!("k{at:03}"));
        store.put(&name, entry(vec![at; 6], long), None, later).await.expect("stored");
    }
    store.close().await;
    drop(store);
    let store = open(room_for(5), later);
    assert!(store.usage("t").await.expect("works").entries <= 5);
    store.close().await;
}

#[tokio::test]
async fn damage_on_the_disk_is_a_miss() {
    let directory = tempfile::tempdir().expect("a directory");
    let value: Vec<u8> = b"0123456789abcdef".repeat(200);
    let store = DiskStore::open(directory.path(), 1 << 20, START).expect("opens");
    let whole = entry(value.clone(), Lifetime::UNBOUNDED);
    store.put(&key("k"), whole.clone(), None, START).await.expect("stored");
    store.close().await;
    drop(store);

    let file = directory.path().join("entries.redb");
    let mut bytes = std::fs::read(&file).expect("the file");
    let at = bytes.windows(value.len()).position(|window| window == value).expect("the value");
    bytes[at + 1000] ^= 1;
    std::fs::write(&file, &bytes).expect("written");

    let store = DiskStore::open(directory.path(), 1 << 20, START).expect("opens");
    assert_eq!(store.get(&key("k"), START).await.expect("works"), None);
    assert_eq!(store.stats().damaged, 1);
    // The writer has taken it out by the time it does something else, and the key can be filled again.
    store.put(&key("k"), whole.clone(), None, START).await.expect("stored");
    assert_eq!(store.get(&key("k"), START).await.expect("works"), Some(whole));
    store.close().await;
}

#[test]
fn keys_of_entries_are_read_in_one_way() {
    for (tenant, name) in
        [("", ""), ("a", ""), ("", "a"), ("ab", "c"), ("a", "bc"), ("\0", "\0\u{1}")]
    {
        let key = EntryKey::new(tenant, name);
        assert_eq!((key.tenant(), key.key()), (tenant, name));
        assert_eq!(EntryKey::from_bytes(key.as_bytes()), Some(key));
    }
    for bytes in [&[][..], &[0], &[0, 2, b'a'], &[0, 1, 0xff], &[0, 0, 0xff]] {
        assert_eq!(EntryKey::from_bytes(bytes), None);
    }
}

#[tokio::test]
async fn a_value_that_is_too_long_is_measured_and_one_that_cannot_fit_is_refused_early() {
    in_both(room_for(100), async |store| {
        let (key, life) = (key("k"), Lifetime::starting(START, 60, 0));
        assert_eq!(store.get_up_to(&key, START, 10).await.expect("works"), None);
        let stored = entry(vec![1; 10], life);
        store.put(&key, stored.clone(), None, START).await.expect("stored");
        let found = store.get_up_to(&key, START, 10).await.expect("works");
        assert_eq!(found, Some(Measured::Whole(stored)));
        let found = store.get_up_to(&key, START, 9).await.expect("works");
        assert_eq!(found, Some(Measured::Longer { length: 10, lifetime: life }));
        let gone = START.plus_seconds(60);
        assert_eq!(store.get_up_to(&key, gone, 9).await.expect("works"), None);

        let refused = store.would_fit(&key, 1 << 20, None);
        assert!(matches!(refused, Err(StoreError::TooLarge)));
        let used = store.usage("t").await.expect("works").bytes;
        assert!(store.would_fit(&key, 10, Some(used)).is_ok(), "in its own place");
        let refused = store.would_fit(&key, 11, Some(used));
        assert!(matches!(refused, Err(StoreError::Quota)));
    })
    .await;
}

/// Calls of a store in memory are done when they return.
fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(done) => done,
        std::task::Poll::Pending => panic!("a store in memory waits for nothing"),
    }
}

/// What one thread does: the number of a key, the length of a value, or a deletion.
type Step = (u8, Option<usize>);

/// Has threads do their steps at once, while another one looks. Nothing may ever be above the capacity.
fn at_once(capacity: u64, quota: Option<u64>, threads: &[Vec<Step>]) {
    let store = MemoryStore::new(capacity);
    let barrier = Barrier::new(threads.len() + 1);
    let done = AtomicBool::new(false);
    let key = |at: u8| EntryKey::new(["t", "u"][usize::from(at % 2)], &format!("{at}"));
    std::thread::scope(|scope| {
        let workers: Vec<_> = threads
            .iter()
            .map(|steps| {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for (at, length) in steps {
                        let key = key(*at);
                        let Some(length) = length else {
                            now_or_never(store.delete(&key)).expect("works");
                            continue;
                        };
                        let entry = entry(vec![0; *length], Lifetime::UNBOUNDED);
                        match now_or_never(store.put(&key, entry, quota, START)) {
                            Ok(()) | Err(StoreError::TooLarge | StoreError::Quota) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                })
            })
            .collect();
        let watching = scope.spawn(|| {
            barrier.wait();
            while !done.load(Ordering::Relaxed) {
                let bytes = store.stats().usage.bytes;
                assert!(bytes <= capacity, "{bytes} of {capacity}");
            }
        });
        for worker in workers {
            worker.join().expect("no panic");
        }
        done.store(true, Ordering::Relaxed);
        watching.join().expect("never too much");
    });
    // At rest the counts are those of what is there.
    let (stats, mut found) = (store.stats(), (0, 0));
    for at in 0..=u8::MAX {
        let key = key(at);
        if let Some(entry) = now_or_never(store.get(&key, START)).expect("works") {
            found.0 += 1;
            found.1 += super::index::weight(&key, entry.value.len());
        }
    }
    assert_eq!((stats.usage.entries, stats.usage.bytes), found);
    assert!(found.1 <= capacity);
    let usage = |tenant| now_or_never(store.usage(tenant)).expect("works");
    let tenants = [usage("t"), usage("u")];
    assert_eq!(tenants.iter().map(|usage| usage.bytes).sum::<u64>(), found.1);
    assert_eq!(tenants.iter().map(|usage| usage.entries).sum::<u64>(), found.0);
    assert!(tenants.iter().all(|usage| quota.is_none_or(|quota| usage.bytes <= quota)));
}

#[test]
fn puts_at_once_into_an_empty_store_do_not_exceed_it() {
    // Each fits alone, no two together: of different keys, and of one.
    for _ in 0..100 {
        let keys: Vec<_> = (0..8).map(|at| vec![(at, Some(900_000))]).collect();
        at_once(1 << 20, None, &keys);
        let sizes: Vec<_> = (0..8).map(|at| vec![(0, Some(900_000 - at * 100_000))]).collect();
        at_once(1 << 20, None, &sizes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_put_and_deleted_at_once_stays_within_the_capacity(
        capacity in 1_000_u64..40_000,
        quota in proptest::option::of(1_000_u64..20_000),
        threads in proptest::collection::vec(
            proptest::collection::vec(
                (0..24_u8, proptest::option::weighted(0.9, 0..8_000_usize)),
                1..60,
            ),
            2..6,
        ),
    ) {
        at_once(capacity, quota, &threads);
    }
}
