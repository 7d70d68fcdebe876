//! Tests of what is particular to the memory backend; the contract is tested by `conformance`.

use super::entries::ENTRY_OVERHEAD;
use super::*;
use crate::{BatchEntry, InvalidationEvent};
use std::future::Future;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

fn run<T>(future: impl Future<Output = Result<T, BackendError>>) -> T {
    pollster::block_on(future).expect("the memory backend does not fail here")
}

fn bytes(len: usize) -> Bytes {
    Bytes::from(vec![7; len])
}

fn put(backend: &MemoryBackend, key: &str, len: usize, options: &SetOptions) {
    run(backend.set(key, bytes(len), options));
}

/// Room for this many entries with a key of one byte and a value of ten.
fn room_for(entries: usize) -> MemoryBackendBuilder {
    MemoryBackend::builder().max_bytes(entries * (1 + 10 + ENTRY_OVERHEAD))
}

fn seconds(count: u64) -> SetOptions {
    SetOptions::new().ttl(Duration::from_secs(count))
}

#[test]
fn evicts_what_was_not_used_for_longest() {
    let backend = room_for(3).build();
    for key in ["a", "b", "c"] {
        put(&backend, key, 10, &SetOptions::new());
    }
    run(backend.get("a"));
    put(&backend, "d", 10, &SetOptions::new());

    assert!(!run(backend.exists("b")), "the least recently used entry must go");
    for key in ["a", "c", "d"] {
        assert!(run(backend.exists(key)), "{key} must stay");
    }
    backend.store.validate();
}

#[test]
fn asking_whether_it_exists_is_no_use() {
    let backend = room_for(2).build();
    put(&backend, "a", 10, &SetOptions::new());
    put(&backend, "b", 10, &SetOptions::new());
    run(backend.exists("a"));
    put(&backend, "c", 10, &SetOptions::new());
    assert!(!run(backend.exists("a")));
}

#[test]
fn evicts_expired_entries_before_living_ones() {
    let hands = ManualClock::new();
    let backend = room_for(3).clock(hands.clock()).build();
    put(&backend, "a", 10, &SetOptions::new());
    put(&backend, "b", 10, &seconds(100));
    put(&backend, "x", 10, &seconds(1));
    hands.advance(Duration::from_secs(1));
    put(&backend, "c", 10, &SetOptions::new());

    for key in ["a", "b", "c"] {
        assert!(run(backend.exists(key)), "{key} must stay");
    }
    assert_eq!(backend.len(), 3);
    backend.store.validate();
}

#[test]
fn one_value_may_fill_the_whole_store_but_no_more() {
    let backend = MemoryBackend::builder().max_bytes(10_000).build();
    put(&backend, "a", 10, &SetOptions::new());
    let largest = 10_000 - ENTRY_OVERHEAD - 1;
    put(&backend, "b", largest, &SetOptions::new());
    assert_eq!((backend.len(), backend.used_bytes()), (1, 10_000));

    let refused = pollster::block_on(backend.set("c", bytes(largest + 1), &SetOptions::new()));
    assert!(refused.unwrap_err().is_too_large());
    assert!(run(backend.exists("b")), "a refused value must not evict anything");
}

#[test]
fn replacing_and_deleting_keep_the_count_right() {
    let backend = MemoryBackend::new();
    put(&backend, "a", 1_000, &seconds(5));
    put(&backend, "a", 10, &SetOptions::new());
    assert_eq!(backend.used_bytes(), 1 + 10 + ENTRY_OVERHEAD);
    backend.store.validate();
    run(backend.delete("a"));
    assert_eq!((backend.len(), backend.used_bytes()), (0, 0));
}

#[test]
fn times_beyond_reach_are_never() {
    let hands = ManualClock::new();
    let backend = MemoryBackend::builder().clock(hands.clock()).build();
    hands.advance(Duration::from_secs(1));
    let for_ever = SetOptions::new().ttl(Duration::MAX).stale_ttl(Duration::MAX);
    put(&backend, "a", 10, &for_ever);
    hands.advance(Duration::MAX);
    assert!(run(backend.get("a")).expect("kept for ever").is_fresh());
}

#[test]
fn stale_window_begins_and_ends_on_the_dot() {
    let hands = ManualClock::new();
    let backend = MemoryBackend::builder().clock(hands.clock()).build();
    put(&backend, "a", 10, &seconds(10).stale_ttl(Duration::from_secs(5)));

    hands.advance(Duration::from_nanos(9_999_999_999));
    let fresh = run(backend.get("a")).expect("within the time to live");
    assert_eq!(fresh.fresh_for(), Some(Duration::from_nanos(1)));
    hands.advance(Duration::from_nanos(1));
    assert!(!run(backend.get("a")).expect("within the stale window").is_fresh());
    assert!(!run(backend.refresh("a", Duration::from_secs(9))));
    hands.advance(Duration::from_secs(5));
    assert!(run(backend.get("a")).is_none());
    assert!(!run(backend.delete("a")), "what is gone cannot be deleted");
    backend.store.validate();
}

#[test]
fn abandoned_fences_and_leases_do_not_pile_up() {
    let hands = ManualClock::new();
    let backend = MemoryBackend::builder().max_bytes(256 * 1024).clock(hands.clock()).build();
    let first = run(backend.fence("first"));
    for number in 0..20_000 {
        let key = number.to_string();
        run(backend.fence(&key));
        run(backend.try_acquire(&key, Duration::from_secs(1)));
        hands.advance(Duration::from_millis(100));
    }
    assert!(backend.store.fences() < 1_000, "{} fences", backend.store.fences());
    assert!(backend.store.leases() < 2_000, "{} leases", backend.store.leases());

    let late = run(backend.set_fenced("first", bytes(1), &SetOptions::new(), &first));
    assert!(!late, "a fence given up refuses its fill");
}

#[test]
fn listeners_may_call_the_backend_and_unsubscribe_themselves() {
    let backend = MemoryBackend::new();
    let own = Arc::new(Mutex::new(None));
    let (caller, slot) = (backend.clone(), Arc::clone(&own));
    let subscription = backend.subscribe(Arc::new(move |event: &InvalidationEvent| {
        if event.key() == Some("a") {
            put(&caller, "told", 1, &SetOptions::new());
            drop(slot.lock().unwrap().take());
        }
    }));
    *own.lock().unwrap() = Some(subscription);
    run(backend.delete("a"));
    assert!(run(backend.delete("told")), "the listener was called");
    run(backend.delete("a"));
    assert!(!run(backend.exists("told")), "the listener was called after it unsubscribed");
}

#[test]
fn overwriting_and_clearing_are_announced_and_first_writes_are_not() {
    let backend = MemoryBackend::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let subscription =
        backend.subscribe(Arc::new(move |event: &_| log.lock().unwrap().push(Clone::clone(event))));
    put(&backend, "a", 1, &SetOptions::new());
    assert_eq!(*seen.lock().unwrap(), []);
    put(&backend, "a", 2, &SetOptions::new());
    backend.clear();
    let expected = [InvalidationEvent::Replaced { key: "a".into() }, InvalidationEvent::Cleared];
    assert_eq!(*seen.lock().unwrap(), expected);
    assert!(!format!("{:?}", InvalidationEvent::Deleted { key: "a".into() }).contains("\"a\""));
    drop(subscription);
}

#[test]
fn clear_moves_fences() {
    let backend = MemoryBackend::new();
    let fence = run(backend.fence("a"));
    backend.clear();
    assert!(!run(backend.set_fenced("a", bytes(1), &SetOptions::new(), &fence)));
}

#[test]
fn bound_holds_under_threads_that_write_and_delete() {
    let backend = MemoryBackend::builder().max_bytes(200 * 1024).build();
    thread::scope(|scope| {
        for seed in 0..4_usize {
            let backend = &backend;
            scope.spawn(move || {
                for step in 0..3_000_usize {
                    let key = format!("k{}", (step * 31 + seed * 7) % 500);
                    match (step + seed) % 5 {
                        0 => drop(run(backend.delete(&key))),
                        1 => drop(run(backend.get(&key))),
                        2 => {
                            let entry = BatchEntry::new(&key, bytes(step % 3_000));
                            for result in pollster::block_on(backend.set_many(&[entry])) {
                                result.expect("fits");
                            }
                        }
                        _ => put(backend, &key, step % 2_000, &seconds(1 + step as u64 % 3)),
                    }
                }
            });
        }
    });
    backend.store.validate();
    assert!(!backend.is_empty());
}

/// In each round a filler reads the data and stores it through a fence while an owner changes the
/// data and deletes the entry. Whatever the interleaving, nothing outdated may be left.
#[test]
fn a_delete_beats_every_fill_that_began_before_it() {
    const ROUNDS: u64 = 5_000;
    let backend = MemoryBackend::new();
    let data = AtomicU64::new(0);
    let (start, end) = (Barrier::new(2), Barrier::new(2));
    let (mut kept, mut refused, mut outdated) = (0_u64, 0_u64, 0_u64);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                start.wait();
                data.fetch_add(1, Ordering::SeqCst);
                run(backend.delete("a"));
                end.wait();
            }
        });
        for _ in 0..ROUNDS {
            start.wait();
            let fence = run(backend.fence("a"));
            let read = data.load(Ordering::SeqCst).to_be_bytes();
            thread::yield_now();
            let value = Bytes::copy_from_slice(&read);
            let stored = run(backend.set_fenced("a", value, &SetOptions::new(), &fence));
            end.wait();
            if let Some(found) = run(backend.get("a")) {
                let newest = data.load(Ordering::SeqCst).to_be_bytes();
                outdated += u64::from(found.value()[..] != newest);
                kept += 1;
            }
            refused += u64::from(!stored);
        }
    });
    // Not earlier: a panic between the barriers would leave the owner waiting.
    assert_eq!(outdated, 0, "rounds of {ROUNDS} that left an outdated value");
    assert!(kept + refused > 0, "every fill came before its delete: nothing was tested");
}
