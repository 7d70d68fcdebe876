//! How much one insertion does under the lock of its shard, whatever the shard's size: counted, not timed.

use super::*;
use crate::store::eviction::{MOST_PASSED, MOST_PROMOTED, MOST_SPARED};
use crate::store::shard::Inner;

/// Of its only shard.
fn inner<R>(store: &Store, f: impl FnOnce(&Inner) -> R) -> R {
    assert_eq!(store.shards.len(), 1);
    f(&lock(&store.shards[0].inner))
}

fn in_main(inner: &Inner) -> u64 {
    inner.held - inner.in_window
}

fn visited(inner: &Inner) -> usize {
    let entries = inner.slots.iter().filter_map(|slot| slot.entry.as_ref());
    entries.filter(|entry| entry.head().is_visited()).count()
}

/// Stores with one shard: the one takes short ways that the other does not.
fn one_shard() -> [(StoreRef, u64); 2] {
    let room = if cfg!(miri) { 200 } else { 5_000 };
    [(store_of(Capacity::Entries(1_000)).0, 1_000), (store_of(Capacity::Weight(room)).0, room)]
}

#[test]
fn a_shard_that_becomes_full_has_filled_main_step_by_step() {
    for (store, room) in one_shard() {
        let mut next = 0;
        let mut fill = |count: u64, uses: usize| {
            for _ in 0..count {
                let before = inner(&store, in_main);
                (0..=uses).for_each(|_| _ = call(&store, next, None));
                next += 1;
                let moved = inner(&store, in_main).abs_diff(before);
                assert!(moved <= u64::from(MOST_PROMOTED), "{moved} of {room}");
            }
        };
        fill(2 * room, 0);
        // Uses make the window large, and keys that do not come back small.
        fill(2 * room, 1);
        assert!(inner(&store, |inner| inner.in_window * 20 > room), "the window has grown");
        fill(2 * room, 0);
        assert!(inner(&store, |inner| inner.in_window * 50 < room), "it has shrunk");
        store.resize(room * 3);
        fill(4 * room, 0);
        store.resize(room);
        fill(room, 0);
        check(&store);
        assert_eq!(store.len() as u64, room);
    }
}

#[test]
fn an_insertion_looks_at_a_few_used_entries_of_main_and_no_more() {
    for (store, room) in one_shard() {
        (0..room).for_each(|n| _ = call(&store, n, None));
        // Each has been used since eviction looked at it last.
        (0..room).for_each(|n| _ = call(&store, n, None));
        let mut most = 0;
        for n in room..2 * room {
            let before = inner(&store, visited);
            call(&store, n, None);
            most = most.max(before.saturating_sub(inner(&store, visited)));
            // Used in the window, which grows, so that main has to give way.
            call(&store, n, None);
        }
        assert!(most > MOST_PASSED, "main gave way: {most}");
        assert!(most <= MOST_PASSED + MOST_SPARED + 2, "{most} of {room}");
        check(&store);
    }
}

#[test]
fn an_insertion_that_comes_across_an_expired_entry_evicts_no_other() {
    let (store, clock) = store(100);
    for n in 0..100 {
        call(&store, n, Some(Duration::from_secs(if n == 50 { 1 } else { 60 })));
    }
    clock.advance(Duration::from_secs(2));
    // Each looks at two others in passing.
    let gone = (1..=60).find(|n| {
        call(&store, 1_000 + n, None);
        assert_eq!(store.len(), 100);
        store.stats().expirations == 1
    });
    assert!(gone.is_some_and(|n| store.stats().evictions == n - 1), "{gone:?}");
}
