//! A disk that is full or fails, and comes back.

use super::super::DiskStore;
use super::model::Disk;
use crate::clock::Timestamp;
use crate::store::{Entry, EntryKey, Lifetime, Store, StoreError};
use bytes::Bytes;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const CAPACITY: u64 = 64 << 20;

fn key(name: &str) -> EntryKey {
    EntryKey::new("t", name)
}

fn entry(value: impl Into<Vec<u8>>) -> Entry {
    Entry { value: Bytes::from(value.into()), lifetime: Lifetime::starting(START, 600, 0) }
}

fn open(disk: &Disk) -> DiskStore {
    DiskStore::open_on(disk.clone(), CAPACITY, START).expect("opens")
}

async fn put(store: &DiskStore, name: &str, value: &[u8]) -> bool {
    match store.put(&key(name), entry(value), None, START).await {
        Ok(()) => true,
        Err(StoreError::Unavailable(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

async fn value(store: &DiskStore, name: &str) -> Option<Vec<u8>> {
    let found = store.get(&key(name), START).await.expect("reads go on");
    found.map(|entry| entry.value.to_vec())
}

/// Writes until it is taken; the pauses between attempts are short.
async fn back(store: &DiskStore) {
    let begun = Instant::now();
    while !put(store, "probe", b"p").await {
        assert!(begun.elapsed() < Duration::from_secs(60), "the store comes back");
        tokio::task::yield_now().await;
    }
    assert!(store.is_writable());
}

/// The ways in which a disk can fail.
const FAULTS: [fn(&Disk, bool); 4] = [
    |disk, fails| disk.state().fails_writes.store(fails, SeqCst),
    |disk, fails| disk.state().fails_syncs.store(fails, SeqCst),
    |disk, fails| {
        disk.state().fails_writes.store(fails, SeqCst);
        disk.state().fails_syncs.store(fails, SeqCst);
    },
    |disk, fails| disk.state().fuse.store(if fails { 0 } else { usize::MAX }, SeqCst),
];

#[tokio::test]
async fn a_disk_that_fails_refuses_writes_serves_reads_and_comes_back() {
    for (at, fault) in FAULTS.into_iter().enumerate() {
        let disk = Disk::new();
        let store = open(&disk);
        for name in ["a", "b", "gone"] {
            assert!(put(&store, name, name.as_bytes()).await);
        }
        assert!(store.is_writable(), "fault {at}");

        fault(&disk, true);
        assert!(!put(&store, "a", b"new").await, "fault {at}");
        assert!(!store.is_writable());
        for _ in 0..3 {
            assert!(!put(&store, "c", b"c").await);
            assert_eq!(value(&store, "b").await.as_deref(), Some(b"b".as_slice()), "fault {at}");
        }
        let refused = store.delete(&key("gone")).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "no deletion is confirmed");
        assert_eq!(value(&store, "gone").await, None, "nor served as if it had not been asked for");
        let refused = store.set_lifetime(&key("b"), Lifetime::UNBOUNDED, START).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))));
        assert!(store.usage("t").await.is_ok());
        assert_eq!(store.stats().failures, 1, "one state");

        fault(&disk, false);
        back(&store).await;
        assert_eq!(store.stats().failures, 1);
        // What was refused is there or not, what was answered is there.
        let a = value(&store, "a").await;
        assert!([Some(b"a".to_vec()), Some(b"new".to_vec())].contains(&a), "fault {at}: {a:?}");
        assert_eq!(value(&store, "b").await.as_deref(), Some(b"b".as_slice()));
        assert_eq!(value(&store, "gone").await, None);
        assert!(put(&store, "a", b"newer").await);
        store.close().await;

        // The same after a loss of power: what was answered was synchronised, also after a
        // synchronisation that failed.
        for disk in [disk.after_power_loss(), disk.after_kill()] {
            let store = open(&disk);
            assert_eq!(value(&store, "a").await.as_deref(), Some(b"newer".as_slice()), "{at}");
            assert_eq!(value(&store, "b").await.as_deref(), Some(b"b".as_slice()), "fault {at}");
            assert_eq!(value(&store, "gone").await, None, "fault {at}");
            store.close().await;
        }
    }
}

#[tokio::test]
async fn a_full_disk_takes_no_values_until_they_fit() {
    let disk = Disk::new();
    let store = open(&disk);
    for at in 0..8 {
        assert!(put(&store, &format!("k{at}"), &vec![at; 300_000]).await);
    }
    disk.state().room.store(disk.length(), SeqCst);
    let mut at = 8;
    while put(&store, &format!("k{at}"), &vec![at; 300_000]).await {
        at += 1;
    }
    assert!(!store.is_writable());
    for kept in 0..at {
        let found = value(&store, &format!("k{kept}")).await;
        assert!(found == Some(vec![kept; 300_000]), "k{kept} was answered");
    }
    assert_eq!(value(&store, &format!("k{at}")).await, None);

    // A small value would fit. It is refused as well: taking turns with refusals would be no state.
    assert!(!put(&store, "small", b"s").await);
    // Deletions are tried, since they may fit and make room. Confirmed or not, they are not served.
    let mut confirmed = Vec::new();
    for gone in 0..4 {
        if store.delete(&key(&format!("k{gone}"))).await.is_ok() {
            confirmed.push(gone);
        }
        assert_eq!(value(&store, &format!("k{gone}")).await, None);
    }
    // A start on the full disk serves what is there.
    let again = disk.after_kill();
    again.state().room.store(disk.state().room.load(SeqCst), SeqCst);
    let started = open(&again);
    for kept in 4..at {
        assert!(value(&started, &format!("k{kept}")).await == Some(vec![kept; 300_000]), "k{kept}");
    }
    for gone in confirmed {
        assert_eq!(value(&started, &format!("k{gone}")).await, None);
    }
    started.close().await;

    disk.state().room.store(u64::MAX, SeqCst);
    back(&store).await;
    assert!(put(&store, "again", &vec![7; 300_000]).await);
    assert_eq!(store.stats().failures, 1);
    store.close().await;
    let store = open(&disk.after_power_loss());
    for gone in 0..4 {
        assert_eq!(value(&store, &format!("k{gone}")).await, None, "it left the file as well");
    }
    for kept in 4..at {
        assert!(value(&store, &format!("k{kept}")).await == Some(vec![kept; 300_000]), "k{kept}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_disk_that_cannot_be_read_for_a_while_loses_nothing() {
    let disk = Disk::new();
    let store = open(&disk);
    for at in 0..20_u8 {
        assert!(put(&store, &format!("k{at}"), &vec![at; 9000]).await);
    }
    // Without the pages that redb has in memory.
    store.shared.volume.reopen().expect("opens");
    disk.state().fails_reads.store(true, SeqCst);
    let refused = store.get(&key("k1"), START).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "no miss: it is there");
    assert!(!put(&store, "k1", b"new").await);
    disk.state().fails_reads.store(false, SeqCst);
    back(&store).await;
    for at in 0..20_u8 {
        assert_eq!(value(&store, &format!("k{at}")).await, Some(vec![at; 9000]), "k{at}");
    }
    store.close().await;
}

#[tokio::test]
async fn wherever_it_breaks_nothing_that_was_answered_is_lost() {
    for fuse in 0..120 {
        let disk = Disk::new();
        let store = open(&disk);
        assert!(put(&store, "kept", b"kept").await);
        assert!(put(&store, "deleted", b"deleted").await);
        disk.state().fuse.store(fuse, SeqCst);
        let mut answered = Vec::new();
        let mut confirmed = false;
        for at in 0..10_u8 {
            if put(&store, &format!("k{at}"), &vec![at; 5000]).await {
                answered.push(at);
            }
            if at == 5 {
                confirmed = store.delete(&key("deleted")).await.is_ok();
                let is_served = value(&store, "deleted").await.is_some();
                assert!(!is_served, "fuse {fuse}");
            }
        }
        // Killed, or without power, in the middle of it; or it comes back.
        let [killed, dark] = [disk.after_kill(), disk.after_power_loss()];
        disk.state().fuse.store(usize::MAX, SeqCst);
        back(&store).await;
        assert_eq!(value(&store, "deleted").await, None, "fuse {fuse}");
        check(&store, &answered, true, fuse).await;
        store.close().await;
        for disk in [killed, dark] {
            let store = open(&disk);
            check(&store, &answered, confirmed, fuse).await;
            store.close().await;
        }
    }
}

async fn check(store: &DiskStore, answered: &[u8], confirmed: bool, fuse: usize) {
    assert_eq!(value(store, "kept").await.as_deref(), Some(b"kept".as_slice()), "fuse {fuse}");
    for at in answered {
        assert_eq!(value(store, &format!("k{at}")).await, Some(vec![*at; 5000]), "fuse {fuse}");
    }
    if confirmed {
        assert_eq!(value(store, "deleted").await, None, "fuse {fuse}");
    }
}
