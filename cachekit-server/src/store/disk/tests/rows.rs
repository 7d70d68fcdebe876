//! The rows of the file: those of the index and no others, and none that outlives what it was given.

use super::super::DiskStore;
use super::super::table::Tables;
use super::model::Disk;
use crate::clock::Timestamp;
use crate::store::{Entry, EntryKey, Lifetime, Store, StoreError};
use bytes::Bytes;
use proptest::prelude::*;
use redb::{Database, TableDefinition, TableHandle};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const CAPACITY: u64 = 16 << 20;

fn open(disk: &Disk, capacity: u64, now: Timestamp) -> DiskStore {
    DiskStore::open_on(disk.clone(), capacity, now).expect("opens")
}

fn entry(length: usize, lifetime: Lifetime) -> Entry {
    Entry { value: Bytes::from(vec![7; length]), lifetime }
}

/// Every row of the file is an entry of the index, and there are as many rows as entries.
fn check_rows(store: &DiskStore) {
    let names = store.shared.volume.read(Tables::names).expect("reads");
    for name in &names {
        let key = EntryKey::from_bytes(name).expect("a key");
        let found = store.shared.index.get(&key, Timestamp::from_millis(0));
        assert!(found.is_some(), "{:?} is in the file only", key.key());
    }
    assert_eq!(names.len() as u64, store.stats().usage.entries, "as many as the index has");
}

#[tokio::test]
async fn a_put_over_the_quota_removes_what_expired_from_the_file_as_well() {
    let store = open(&Disk::new(), CAPACITY, START);
    for at in 0..200 {
        let key = EntryKey::new("other", &format!("k{at}"));
        let short = entry(10, Lifetime::starting(START, 1, 0));
        store.put(&key, short, None, START).await.expect("stored");
    }
    let later = START.plus_seconds(2);
    // Many keys, so that they meet the expired entries whichever way keys are spread.
    for at in 0..400 {
        let key = EntryKey::new("t", &format!("k{at}"));
        let refused = store.put(&key, entry(10, Lifetime::UNBOUNDED), Some(1), later).await;
        assert!(matches!(refused, Err(StoreError::Quota)));
    }
    assert!(store.stats().expired > 0, "the puts met what had expired");
    // The writer has done all of that once it answers this.
    store.delete(&EntryKey::new("t", "none")).await.expect("works");
    check_rows(&store);
    store.close().await;
}

/// A store that was written while the clock was at `written`, opened again when it is at `opened`.
async fn reopened(
    disk: &Disk,
    written: Timestamp,
    opened: Timestamp,
    ttl: Option<u64>,
) -> (DiskStore, EntryKey) {
    let key = EntryKey::new("t", "k");
    let life = ttl.map_or(Lifetime::UNBOUNDED, |ttl| Lifetime::starting(written, ttl, 10));
    let store = open(disk, CAPACITY, written);
    store.put(&key, entry(10, life), None, written).await.expect("stored");
    store.close().await;
    drop(store);
    (open(disk, CAPACITY, opened), key)
}

#[tokio::test]
async fn what_a_clock_ahead_wrote_does_not_outlive_its_ttl() {
    for ahead in [1, 61, 3 * 3600, 20 * 86_400] {
        let disk = Disk::new();
        let (store, key) = reopened(&disk, START.plus_seconds(ahead), START, Some(60)).await;
        assert_eq!(store.get(&key, START).await.expect("works"), None, "ahead by {ahead} s");
        assert_eq!(store.stats().usage.entries, 0);
        store.delete(&EntryKey::new("t", "none")).await.expect("works");
        check_rows(&store);
        store.close().await;
    }
}

#[tokio::test]
async fn what_a_clock_that_was_right_wrote_is_kept() {
    for (later, ttl) in [(0, Some(60)), (30, Some(60)), (0, None), (30, None)] {
        let now = START.plus_seconds(later);
        let (store, key) = reopened(&Disk::new(), START, now, ttl).await;
        assert!(store.get(&key, now).await.expect("works").is_some());
        store.close().await;
    }
    // An entry without a TTL is kept: it has no end that it could outlive.
    let (store, key) = reopened(&Disk::new(), START.plus_seconds(60), START, None).await;
    assert!(store.get(&key, START).await.expect("works").is_some());
    store.close().await;
}

#[tokio::test]
async fn a_ttl_that_a_clock_ahead_renewed_does_not_last_longer() {
    let disk = Disk::new();
    let (store, key) = reopened(&disk, START, START, Some(60)).await;
    let ahead = START.plus_seconds(50);
    store.set_lifetime(&key, Lifetime::starting(ahead, 60, 0), ahead).await.expect("works");
    store.close().await;
    drop(store);
    let store = open(&disk, CAPACITY, START.plus_seconds(10));
    assert_eq!(store.stats().usage.entries, 0);
    store.close().await;
}

#[tokio::test]
async fn a_file_of_an_older_version_opens_empty_and_is_used() {
    type Row = (u64, u64, u64, u64, u64);
    const ROWS: TableDefinition<'static, &[u8], Row> = TableDefinition::new("rows-1");
    const VALUES: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("values-1");
    let (disk, key) = (Disk::new(), EntryKey::new("t", "k"));
    let database = Database::builder().create_with_backend(disk.clone()).expect("a file");
    let writing = database.begin_write().expect("begins");
    let row = (START.plus_seconds(60).as_millis(), START.plus_seconds(60).as_millis(), 1, 2, 3);
    writing.open_table(ROWS).expect("opens").insert(key.as_bytes(), row).expect("a row");
    let value: &[u8] = &[1];
    writing.open_table(VALUES).expect("opens").insert(key.as_bytes(), value).expect("a value");
    writing.commit().expect("written");
    drop(database);

    let store = open(&disk, CAPACITY, START);
    assert_eq!(store.get(&key, START).await.expect("works"), None);
    assert_eq!((store.stats().usage.entries, store.stats().damaged), (0, 0));
    let new = entry(10, Lifetime::starting(START, 60, 0));
    store.put(&key, new.clone(), None, START).await.expect("stored");
    store.close().await;
    drop(store);
    let store = open(&disk, CAPACITY, START);
    assert_eq!(store.get(&key, START).await.expect("works"), Some(new));
    store.close().await;
    drop(store);
    let database = Database::builder().create_with_backend(disk).expect("opens");
    let reading = database.begin_read().expect("begins");
    let tables: Vec<_> =
        reading.list_tables().expect("reads").map(|t| t.name().to_owned()).collect();
    assert!(!tables.iter().any(|name| name.ends_with("-1")), "{tables:?}");
}

#[derive(Clone, Debug)]
enum Step {
    Put { tenant: bool, key: u8, length: usize, ttl: Option<u64>, quota: Option<u64> },
    Delete { tenant: bool, key: u8 },
    SetLifetime { tenant: bool, key: u8, ttl: u64 },
    Sweep,
    Wait(u64),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (tenant, key) = (any::<bool>, || 0..12_u8);
    let maybe = proptest::option::of::<std::ops::Range<u64>>;
    let put = (tenant(), key(), 0..3000_usize, maybe(1..4), maybe(500..4000));
    let step = prop_oneof![
        6 => put.prop_map(|(tenant, key, length, ttl, quota)| {
            Step::Put { tenant, key, length, ttl, quota }
        }),
        1 => (tenant(), key()).prop_map(|(tenant, key)| Step::Delete { tenant, key }),
        1 => (tenant(), key(), 1..4_u64)
            .prop_map(|(tenant, key, ttl)| Step::SetLifetime { tenant, key, ttl }),
        1 => Just(Step::Sweep),
        3 => (1..3_u64).prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..60)
}

async fn follow(steps: Vec<Step>) {
    const SMALL: u64 = 8000;
    let (disk, mut now) = (Disk::new(), START);
    let mut store = open(&disk, SMALL, now);
    let name = |tenant, key| EntryKey::new(if tenant { "t" } else { "u" }, &format!("k{key}"));
    for step in steps {
        match step {
            Step::Put { tenant, key, length, ttl, quota } => {
                let life = ttl.map_or(Lifetime::UNBOUNDED, |ttl| Lifetime::starting(now, ttl, 0));
                match store.put(&name(tenant, key), entry(length, life), quota, now).await {
                    Ok(()) | Err(StoreError::Quota) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Delete { tenant, key } => {
                store.delete(&name(tenant, key)).await.expect("works");
            }
            Step::SetLifetime { tenant, key, ttl } => {
                let life = Lifetime::starting(now, ttl, 0);
                store.set_lifetime(&name(tenant, key), life, now).await.expect("works");
            }
            Step::Sweep => store.sweep(now),
            Step::Wait(seconds) => now = now.plus_seconds(seconds),
            Step::Reopen => {
                store.close().await;
                drop(store);
                store = open(&disk, SMALL, now);
            }
        }
        // The writer has done all of that once it answers this.
        store.delete(&name(true, u8::MAX)).await.expect("works");
        check_rows(&store);
    }
    store.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_file_has_the_rows_of_the_index(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(follow(steps));
    }
}
