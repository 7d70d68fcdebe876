//! A process drops its copy of what another process has deleted or replaced in the shared tier.

mod own;
mod places;
pub(crate) mod subscriptions;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cachekit::cache;
use cachekit::testing::{Scope, settle};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{Backend, BackendErrorKind, InvalidationEvent, MemoryBackend, Operation};
use cachekit_tests::{Gate, Polled, block_on};

use crate::shared::tier::{machine, machines};

/// What the cached functions read, and a gate between their reading and their end.
#[derive(Default)]
pub(crate) struct Source {
    pub(crate) now: AtomicU32,
    pub(crate) gate: Gate,
}

impl Source {
    pub(crate) fn open() -> Self {
        let source = Self::default();
        source.gate.open();
        source
    }

    pub(crate) fn set(&self, now: u32) {
        self.now.store(now, Ordering::SeqCst);
    }
}

#[cache(ttl = 600, key = id, fill_lock = off)]
pub(crate) async fn read(id: u32, source: &Source) -> u32 {
    let seen = source.now.load(Ordering::SeqCst);
    source.gate.passed().await;
    seen
}

#[cache::local(ttl = 600, key = id)]
fn local(id: u32, source: &Source) -> u32 {
    source.now.load(Ordering::SeqCst)
}

/// A call, whose value is there at once.
pub(crate) fn call(scope: &Scope, id: u32, source: &Source) -> u32 {
    scope.run(|| block_on(read(id, source)))
}

/// The storage keys that the backend was asked for, the last one first.
pub(crate) fn last_key(backend: &FaultyBackend) -> String {
    let calls = backend.calls();
    calls.iter().rev().find_map(|call| call.key().map(str::to_owned)).unwrap()
}

#[test]
fn what_another_process_invalidates_or_replaces_is_dropped_here() {
    let (a, b, _) = machines();
    let source = Source::open();
    for id in 1..=3 {
        assert_eq!((call(&a, id, &source), call(&b, id, &source)), (0, 0));
    }
    assert_eq!(b.run(|| local(1, &source)), 0);
    a.run(settle);
    source.set(1);
    assert_eq!(call(&b, 1, &source), 0, "its own copy");

    assert!(a.run(|| block_on(read::invalidate(&1, &source))).is_confirmed());
    assert_eq!(call(&b, 1, &source), 1, "the copy is gone when the answer is there");
    a.run(|| block_on(read::set(&2, &source, 7)));
    assert_eq!(call(&b, 2, &source), 7);
    source.set(2);
    assert_eq!(a.run(|| block_on(read::refresh(3, &source))), 2);
    assert_eq!(call(&b, 3, &source), 2);

    let stats = b.run(read::stats);
    assert_eq!((stats.shared_invalidations, stats.shared_flushes), (3, 0));
    b.run(settle);
    assert_eq!(b.run(read::stats).entries, 3, "the dead ones take no room");
    assert_eq!(b.run(|| local(1, &source)), 0, "this one never left the process");
}

#[test]
fn other_keys_stay() {
    let (a, b, backend) = machines();
    let source = Source::open();
    for id in 0..100 {
        call(&a, id, &source);
        call(&b, id, &source);
    }
    a.run(settle);
    assert!(a.run(|| block_on(read::invalidate(&50, &source))).is_confirmed());
    backend.forget_calls();
    for id in (0..100).filter(|id| *id != 50) {
        call(&b, id, &source);
    }
    assert_eq!(backend.calls().len(), 0);
}

#[test]
fn an_event_between_the_look_and_the_insertion_keeps_the_value_from_being_kept() {
    let (a, b, backend) = machines();
    let source = Source::open();
    call(&a, 1, &source);
    a.run(settle);
    source.set(1);
    // The value has been read there, and is on its way.
    let (key, other) = (last_key(&backend), backend.clone());
    let deleted = Fault::corrupt_with(move |value| {
        block_on(other.delete(&key)).unwrap();
        value
    });
    backend.inject(deleted.on(Operation::Get).times(1));
    assert_eq!(call(&b, 1, &source), 0, "the caller asked before");
    assert_eq!(b.run(read::stats).shared_hits, 1);
    assert_eq!(call(&b, 1, &source), 1, "and nothing was kept");
}

#[test]
fn so_does_one_while_the_function_runs_and_a_later_call_does_not_join_it() {
    let (_, b, backend) = machines();
    let (old, new) = (Source::default(), Source::open());
    let mut fill = Polled::new(b.wrap(read(1, &old)));
    assert_eq!(fill.poll(), None);
    let key = last_key(&backend);
    new.set(1);
    block_on(backend.delete(&key)).unwrap();
    assert_eq!(call(&b, 1, &new), 1);
    old.gate.open();
    assert_eq!(fill.poll(), Some(0), "its own value");
    assert_eq!(call(&b, 1, &old), 1, "the younger one stays");
    assert_eq!(call(&machine(&backend), 1, &old), 1, "there, too");
}

#[test]
fn a_gap_or_an_emptied_backend_drops_every_copy_of_its_values_and_nothing_else() {
    for cleared in [false, true] {
        let (a, b, backend) = machines();
        let source = Source::open();
        for id in 0..100 {
            call(&a, id, &source);
            call(&b, id, &source);
        }
        a.run(settle);
        assert_eq!(b.run(|| local(1, &source)), 0);
        source.set(1);
        // A fill whose value has been read already, and one whose function runs.
        let other = backend.clone();
        let told = Fault::corrupt_with(move |value| {
            let event = if cleared { InvalidationEvent::Cleared } else { InvalidationEvent::Gap };
            other.tell(event);
            value
        });
        call(&machine(&backend), 100, &source);
        let running = Source::default();
        let mut fill = Polled::new(b.wrap(read(101, &running)));
        assert_eq!(fill.poll(), None);
        backend.inject(told.on(Operation::Get).times(1));
        assert_eq!(call(&b, 100, &source), 1);
        running.gate.open();
        assert_eq!(fill.poll(), Some(0));

        assert_eq!(b.run(read::stats).shared_flushes, 102);
        b.run(settle);
        assert_eq!(b.run(read::stats).entries, 0, "cleared: {cleared}");
        assert_eq!(b.run(|| local(1, &source)), 0, "this one never left the process");
        // Nothing is read again before it is asked for.
        backend.forget_calls();
        b.run(settle);
        assert_eq!(backend.calls().len(), 0);
        assert_eq!(call(&b, 5, &source), 0, "it is still there");
        assert_eq!(backend.count(Operation::Get), 1);
    }
}

/// News ends the copy in this process. Whether what the function returned may be written is for the fence to say: a
/// process whose connection for news is down must still fill the shared tier.
#[test]
fn a_fill_that_only_loses_its_copy_is_written_and_one_that_was_overtaken_is_not() {
    type Happens = fn(&Scope, &FaultyBackend, &str);
    let happenings: [(&str, Happens, Option<u32>); 6] = [
        ("a gap", |_, backend, _| backend.tell(InvalidationEvent::Gap), Some(0)),
        (
            "an event about an older change",
            |_, backend, key| backend.tell(InvalidationEvent::Deleted { key: key.into() }),
            Some(0),
        ),
        ("a delete", |_, backend, key| assert!(!block_on(backend.delete(key)).unwrap()), None),
        (
            "an invalidation here",
            |scope, _, _| scope.run(|| block_on(read::invalidate(&1, &Source::open()))).ignore(),
            None,
        ),
        (
            "a gap and an invalidation here",
            |scope, backend, _| {
                backend.tell(InvalidationEvent::Gap);
                scope.run(|| block_on(read::invalidate(&1, &Source::open()))).ignore();
            },
            None,
        ),
        (
            "an invalidation that does not reach the backend",
            |scope, backend, _| {
                backend.tell(InvalidationEvent::Gap);
                let down = Fault::fail(BackendErrorKind::Permanent).on(Operation::Delete);
                backend.inject(down.times(1));
                scope.run(|| block_on(read::invalidate(&1, &Source::open()))).ignore();
            },
            None,
        ),
    ];
    for (what, happens, there) in happenings {
        let (a, b, backend) = machines();
        let source = Source::default();
        let mut fill = Polled::new(a.wrap(read(1, &source)));
        assert_eq!(fill.poll(), None);
        happens(&a, &backend, &last_key(&backend));
        source.gate.open();
        assert_eq!(fill.poll(), Some(0), "{what}: its own value");
        drop(fill);
        a.run(settle);
        assert_eq!(a.run(read::stats).entries, 0, "{what}: not kept here");
        assert_eq!(block_on(a.wrap(read::peek(&1, &source))), there, "{what}: written");
        source.set(1);
        assert_eq!(call(&b, 1, &source), there.unwrap_or(1), "{what}");
    }
}

/// A backend tells of changes of what it has. What it does not have is served until it answers.
#[test]
fn what_was_not_written_goes_at_the_next_answer_of_the_backend() {
    for operation in [Operation::Fence, Operation::SetFenced] {
        let (a, _, backend) = machines();
        let source = Source::open();
        let fails = Fault::fail(BackendErrorKind::Backpressure).on(operation);
        backend.inject(fails.times(2));
        assert_eq!(call(&a, 1, &source), 0);
        a.run(|| block_on(read::set(&2, &source, 7)));
        // Another process's invalidation would find nothing there, and no event would come.
        source.set(1);
        call(&a, 3, &source);
        let seen = [1, 2].map(|id| call(&a, id, &source));
        assert_eq!(seen, [1, 1], "{operation:?}");
    }
}

#[test]
fn after_an_invalidation_only_the_next_caller_reads() {
    let (a, b, backend) = machines();
    let source = Source::open();
    call(&a, 1, &source);
    call(&b, 1, &source);
    a.run(settle);
    let key = last_key(&backend);
    backend.forget_calls();
    a.run(|| block_on(read::set(&1, &source, 3)));
    a.run(settle);
    b.run(settle);
    let read_by_others = |backend: &FaultyBackend| backend.count(Operation::Get);
    let before = read_by_others(&backend);
    // One read at most: that of the process which wrote, if it heard of its own write.
    assert!(before <= 1);
    // All callers together read once.
    let gate = Gate::new();
    let held = gate.clone();
    backend.inject(
        Fault::wait(move || {
            let gate = held.clone();
            async move { gate.passed().await }
        })
        .on(Operation::Get),
    );
    let mut calls: Vec<_> = (0..5).map(|_| Polled::new(b.wrap(read(1, &source)))).collect();
    assert!(calls.iter_mut().all(|call| call.poll().is_none()));
    gate.open();
    assert!(calls.iter_mut().all(|call| call.poll() == Some(3)));
    assert_eq!(read_by_others(&backend), before + 1, "{key}");
}

#[test]
fn the_own_copy_is_gone_before_the_backend_has_answered() {
    let (a, _, backend) = machines();
    let source = Source::open();
    call(&a, 1, &source);
    a.run(settle);
    let gate = Gate::new();
    let held = gate.clone();
    backend.inject(
        Fault::wait(move || {
            let gate = held.clone();
            async move { gate.passed().await }
        })
        .on(Operation::Delete),
    );
    let mut removal = Polled::new(a.wrap(read::invalidate(&1, &source)));
    assert!(removal.poll().is_none());
    assert_eq!(a.run(read::stats).entries, 0);
    gate.open();
    assert!(removal.poll().unwrap().is_confirmed());
    // The same for a value that is handed in: it is there at once.
    let gate = Gate::new();
    let held = gate.clone();
    backend.heal();
    backend.inject(
        Fault::wait(move || {
            let gate = held.clone();
            async move { gate.passed().await }
        })
        .on(Operation::SetFenced),
    );
    let mut set = Polled::new(a.wrap(read::set(&1, &source, 5)));
    assert!(set.poll().is_none());
    assert_eq!(call(&a, 1, &source), 5);
    gate.open();
    assert!(set.poll().is_some());
}

#[test]
fn a_backend_that_panics_when_it_is_asked_for_events_is_used_without() {
    let backend = FaultyBackend::new(MemoryBackend::new());
    let scope =
        Scope::new().with_backend(Arc::new(crate::coherence::subscriptions::Panics(backend)));
    let source = Source::open();
    assert_eq!((call(&scope, 1, &source), call(&scope, 1, &source)), (0, 0));
    assert_eq!(scope.run(read::stats).hits, 1);
}
