//! A process hears of its own writes: its own fresh entry stays, and what another process has written since does not
//! hide behind that.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cachekit::cache;
use cachekit::testing::{Scope, settle};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{
    Backend, BackendErrorKind, Capability, InvalidationEvent, Operation, SetOptions,
};
use cachekit_tests::{Gate, Polled, block_on};
use serde::{Deserialize, Serialize};

use crate::coherence::{Source, call, last_key, read};
use crate::shared::tier::{machine, machines};

fn replaced(key: &str) -> InvalidationEvent {
    InvalidationEvent::Replaced { key: key.into() }
}

fn deleted(key: &str) -> InvalidationEvent {
    InvalidationEvent::Deleted { key: key.into() }
}

/// Whether the machine serves the value from its own memory.
fn keeps(scope: &Scope, backend: &FaultyBackend, source: &Source) -> bool {
    backend.forget_calls();
    call(scope, 1, source);
    backend.count(Operation::Get) == 0
}

/// A machine with a value that it wrote itself, and whose events get lost.
fn written() -> (Scope, FaultyBackend, Source, String) {
    let (a, _, backend) = machines();
    backend.lose_events(true);
    let source = Source::open();
    call(&a, 1, &source);
    a.run(|| block_on(read::set(&1, &source, 8)));
    let key = last_key(&backend);
    (a, backend, source, key)
}

#[test]
fn the_echo_that_comes_during_the_write_drops_nothing() {
    for hidden in [&[][..], &[Capability::Fencing], &[Capability::Fencing, Capability::Locks]] {
        let (a, _, backend) = machines();
        for capability in hidden {
            backend.hide(*capability);
        }
        let source = Source::open();
        call(&a, 1, &source);
        a.run(settle);
        a.run(|| block_on(read::set(&1, &source, 8)));
        a.run(settle);
        assert!(keeps(&a, &backend, &source), "set, without {hidden:?}");
        assert_eq!(call(&a, 1, &source), 8);
        source.set(9);
        assert_eq!(a.run(|| block_on(read::refresh(1, &source))), 9);
        a.run(settle);
        assert!(keeps(&a, &backend, &source), "refresh, without {hidden:?}");
        assert_eq!(a.run(read::stats).shared_invalidations, 0);
    }
}

#[test]
fn a_late_echo_drops_nothing_either() {
    let (a, backend, source, key) = written();
    backend.tell(replaced(&key));
    a.run(settle);
    assert!(keeps(&a, &backend, &source));
    assert_eq!((call(&a, 1, &source), a.run(read::stats).shared_invalidations), (8, 0));
    // It may come twice. Then it is taken for news: a miss, and the same value.
    backend.tell(replaced(&key));
    a.run(settle);
    assert!(!keeps(&a, &backend, &source));
    assert_eq!(call(&a, 1, &source), 8);
}

#[test]
fn nor_does_the_echo_of_an_own_removal_the_value_that_came_after_it() {
    let (a, backend, source, key) = written();
    assert!(a.run(|| block_on(read::invalidate(&1, &source))).is_confirmed());
    assert_eq!(call(&a, 1, &source), 0);
    backend.tell(deleted(&key));
    a.run(settle);
    assert!(keeps(&a, &backend, &source));
}

#[test]
fn what_another_process_has_done_since_shows_in_spite_of_an_own_write() {
    for (way, now) in [("set", 5), ("delete", 0), ("down", 8)] {
        let (a, backend, source, key) = written();
        let b = machine(&backend);
        match way {
            "set" => b.run(|| block_on(read::set(&1, &source, 5))),
            "delete" => drop(block_on(backend.delete(&key)).unwrap()),
            // It cannot be told what is there.
            _ => {
                let down = Fault::fail(BackendErrorKind::Transient);
                backend.inject(down.on(Operation::Get).times(1));
            }
        }
        backend.tell(replaced(&key));
        a.run(settle);
        assert_eq!(call(&a, 1, &source), now, "{way}");
        assert_eq!(a.run(read::stats).shared_invalidations, 1, "{way}");
    }
}

#[test]
fn while_it_is_not_known_whose_event_it_was_the_entry_is_not_served() {
    let (a, backend, source, key) = written();
    block_on(backend.delete(&key)).unwrap();
    let gate = Gate::new();
    let held = gate.clone();
    backend.inject(
        Fault::wait(move || {
            let gate = held.clone();
            async move { gate.passed().await }
        })
        .on(Operation::Get)
        .times(1),
    );
    backend.tell(deleted(&key));
    gate.wait_reached();
    source.set(3);
    assert_eq!(call(&a, 1, &source), 3);
    gate.open();
    a.run(settle);
    assert_eq!(call(&a, 1, &source), 3, "the younger one stays");
}

/// A write of another process that comes while an own one is under way, before it or after it.
#[test]
fn a_write_that_comes_between_an_own_write_and_its_answer_is_seen() {
    let (a, b, backend) = machines();
    let source = Source::open();
    call(&a, 1, &source);
    a.run(settle);
    let key = last_key(&backend);
    let other = backend.clone();
    // After the own value is there, and before the process that wrote it knows.
    let overtaken = Fault::corrupt_with(move |value| {
        let (other, key) = (other.clone(), key.clone());
        other.heal();
        block_on(other.set(&key, Bytes::from_static(b"newer"), &SetOptions::new())).unwrap();
        value
    });
    backend.inject(overtaken.on(Operation::Get).times(1));
    a.run(|| block_on(read::set(&1, &source, 8)));
    // It is dead already; it is taken away by another thread.
    let until = Instant::now() + Duration::from_secs(20);
    while a.run(read::stats).entries > 0 {
        assert!(Instant::now() < until, "the entry is still there");
        std::thread::yield_now();
    }
    source.set(2);
    // What was written there is no entry of ours: the function runs.
    assert_eq!((call(&a, 1, &source), call(&b, 1, &source)), (2, 2));
}

#[test]
fn a_call_that_goes_away_during_its_write_keeps_nothing_that_is_in_doubt() {
    let (a, _, backend) = machines();
    let source = Source::open();
    call(&a, 1, &source);
    a.run(settle);
    let key = last_key(&backend);
    let gate = Gate::new();
    backend.inject(
        Fault::wait(move || {
            let gate = gate.clone();
            async move { gate.passed().await }
        })
        .on(Operation::SetFenced)
        .times(1),
    );
    let mut set = Polled::new(a.wrap(read::set(&1, &source, 8)));
    assert!(set.poll().is_none());
    backend.tell(replaced(&key));
    drop(set);
    a.run(settle);
    assert_eq!(call(&a, 1, &source), 0, "what the backend has");
}

static DROPPED_BY: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());

static PANICS: AtomicBool = AtomicBool::new(false);

/// Its destructor is the user's code, and that of one of them panics.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Loud(u32);

impl Drop for Loud {
    fn drop(&mut self) {
        DROPPED_BY.lock().unwrap().push(std::thread::current().id());
        assert!(self.0 != 13 || !PANICS.load(Ordering::SeqCst), "a destructor that panics");
    }
}

#[cache(ttl = 60)]
fn loud(n: u32) -> Loud {
    Loud(n)
}

#[test]
fn no_destructor_runs_where_the_event_arrives() {
    let (a, _, backend) = machines();
    a.run(|| {
        (12..15).for_each(|n| std::mem::forget(loud(n)));
        settle();
    });
    // Only now: one that panics while a value is encoded keeps it from being stored.
    PANICS.store(true, Ordering::SeqCst);
    DROPPED_BY.lock().unwrap().clear();
    backend.tell(InvalidationEvent::Gap);
    a.run(settle);
    let here = std::thread::current().id();
    let by = DROPPED_BY.lock().unwrap().clone();
    assert!(by.len() == 3 && !by.contains(&here), "{by:?}");
    assert_eq!(a.run(loud::stats).entries, 0);
    // The next event finds everything in order.
    std::mem::forget(a.run(|| loud(14)));
    backend.tell(InvalidationEvent::Gap);
    a.run(settle);
    assert_eq!(a.run(loud::stats).entries, 0);
}
