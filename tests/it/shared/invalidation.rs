//! An invalidation reaches the shared tier and beats the fills that started before it there, too.

use std::sync::atomic::{AtomicU32, Ordering};

use cachekit::cache;
use cachekit::testing::settle;
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{BackendErrorKind, Capability, Operation};
use cachekit_tests::{Gate, Polled, block_on};

use crate::shared::tier::{machine, machines};

/// What the cached functions read.
#[derive(Default)]
struct Source {
    now: AtomicU32,
    gate: Gate,
}

impl Source {
    fn open() -> Self {
        let source = Self::default();
        source.gate.open();
        source
    }
}

#[cache(ttl = 600, key = id)]
async fn read(id: u32, source: &Source) -> u32 {
    let seen = source.now.load(Ordering::SeqCst);
    source.gate.passed().await;
    seen
}

#[cache(ttl = 600)]
fn sync(id: u32) -> u32 {
    id
}

/// With room for one entry.
#[cache(ttl = 600, capacity = 1)]
async fn crowded(id: u32) -> u32 {
    id
}

/// With room for ten small values.
#[cache(ttl = 600, weight = |_, weight| u64::from(*weight), capacity = 10)]
fn weighed(id: u32) -> u32 {
    id
}

/// Makes one kind of operation wait until the gate opens.
fn hold(backend: &FaultyBackend, operation: Operation) -> Gate {
    let gate = Gate::new();
    let hook = gate.clone();
    let wait = Fault::wait(move || {
        let gate = hook.clone();
        async move { gate.passed().await }
    });
    backend.inject(wait.on(operation));
    gate
}

#[test]
fn invalidate_deletes_there_and_says_so() {
    let (a, b, backend) = machines();
    let source = Source::open();
    a.run(|| block_on(read(1, &source)));
    a.run(settle);
    source.now.store(1, Ordering::SeqCst);
    let done = a.run(|| block_on(read::invalidate(&1, &source)));
    assert!(done.was_cached() && done.is_confirmed());
    assert_eq!(backend.count(Operation::Delete), 1);
    assert_eq!(b.run(|| block_on(read(1, &source))), 1);
    // A machine that never had it can remove it as well.
    let done = machine(&backend).run(|| block_on(read::invalidate(&1, &source)));
    assert!(!done.was_cached() && done.is_confirmed());
    assert_eq!(machine(&backend).run(|| block_on(read::peek(&1, &source))), None);
}

#[test]
fn a_removal_that_failed_is_not_confirmed() {
    let (a, b, backend) = machines();
    a.run(|| sync(1));
    backend.inject(Fault::fail(BackendErrorKind::Timeout).on(Operation::Delete).times(1));
    a.run(|| {
        let done = sync::invalidate(&1);
        assert!(done.was_cached() && !done.is_confirmed());
        assert!(!done.is_confirmed(), "asking changes nothing");
        assert_eq!(sync::stats().shared_errors, 1);
        assert!(sync::invalidate(&1).is_confirmed(), "the second try went through");
    });
    b.run(|| {
        sync(1);
        assert_eq!(sync::stats().shared_hits, 0);
    });
}

#[test]
fn clear_is_confirmed_only_without_a_shared_tier() {
    #[cache::local]
    fn local(id: u32) -> u32 {
        id
    }
    let (a, _, _) = machines();
    a.run(|| {
        assert_eq!((sync(1), local(1)), (1, 1));
        let done = sync::clear();
        assert!(!done.is_confirmed(), "a backend cannot list a function's keys");
        assert_eq!(done.removed(), 1);
        assert!(local::clear().is_confirmed());
    });
}

#[test]
fn a_removal_during_a_fill_beats_the_late_write() {
    for fenced in [true, false] {
        let (a, b, backend) = machines();
        if !fenced {
            backend.hide(Capability::Fencing);
        }
        let source = Source::default();
        a.run(|| {
            let mut fill = Polled::new(read(1, &source));
            assert_eq!(fill.poll(), None);
            source.now.store(1, Ordering::SeqCst);
            assert!(block_on(read::invalidate(&1, &source)).is_confirmed());
            source.gate.open();
            assert_eq!(fill.poll(), Some(0));
            assert_eq!(block_on(read::peek(&1, &source)), None, "fenced: {fenced}");
        });
        assert_eq!(b.run(|| block_on(read(1, &source))), 1, "fenced: {fenced}");
    }
}

#[test]
fn a_removal_on_another_machine_beats_the_late_write() {
    let (a, b, backend) = machines();
    let source = Source::default();
    let mut fill = Polled::new(a.wrap(read(1, &source)));
    assert_eq!(fill.poll(), None);
    source.now.store(1, Ordering::SeqCst);
    assert!(b.run(|| block_on(read::invalidate(&1, &source))).is_confirmed());
    source.gate.open();
    assert_eq!(fill.poll(), Some(0));
    assert_eq!(machine(&backend).run(|| block_on(read(1, &source))), 1);
}

#[test]
fn a_removal_while_the_write_is_under_way() {
    for operation in [Operation::SetFenced, Operation::Set] {
        let (a, _, backend) = machines();
        if operation == Operation::Set {
            backend.hide(Capability::Fencing);
        }
        let source = Source::open();
        let gate = hold(&backend, operation);
        a.run(|| {
            let mut fill = Polled::new(read(1, &source));
            assert_eq!(fill.poll(), None, "the value is on its way");
            source.now.store(1, Ordering::SeqCst);
            assert!(block_on(read::invalidate(&1, &source)).is_confirmed());
            gate.open();
            assert_eq!(fill.poll(), Some(0));
        });
        let value = machine(&backend).run(|| block_on(read(1, &source)));
        assert_eq!(value, 1, "{operation:?}");
    }
}

#[test]
fn a_removal_between_fence_and_look() {
    let (a, _, backend) = machines();
    let source = Source::open();
    a.run(|| block_on(read(1, &source)));
    a.run(settle);
    let b = machine(&backend);
    let gate = hold(&backend, Operation::Get);
    let mut fill = Polled::new(b.wrap(read(1, &source)));
    assert_eq!(fill.poll(), None);
    source.now.store(1, Ordering::SeqCst);
    assert!(b.run(|| block_on(read::invalidate(&1, &source))).is_confirmed());
    gate.open();
    assert_eq!(fill.poll(), Some(1));
}

#[test]
fn a_call_while_the_removal_is_under_way_brings_nothing_back() {
    let (a, _, backend) = machines();
    let source = Source::open();
    a.run(|| block_on(read(1, &source)));
    a.run(settle);
    source.now.store(1, Ordering::SeqCst);
    let gate = hold(&backend, Operation::Delete);
    a.run(|| {
        let mut removal = Polled::new(read::invalidate(&1, &source));
        assert!(removal.poll().is_none());
        // Not removed there yet, so this may still give the old value.
        let _either = block_on(read(1, &source));
        gate.open();
        assert!(removal.poll().unwrap().is_confirmed());
        assert_eq!(
            block_on(read(1, &source)),
            1,
            "after a confirmed removal nothing old is served"
        );
    });
}

#[test]
fn a_set_during_a_fill_stays() {
    let (a, b, _) = machines();
    let source = Source::default();
    a.run(|| {
        let mut fill = Polled::new(read(1, &source));
        assert_eq!(fill.poll(), None);
        block_on(read::set(&1, &source, 50));
        source.gate.open();
        assert_eq!(fill.poll(), Some(0));
        assert_eq!(block_on(read(1, &source)), 50);
    });
    assert_eq!(b.run(|| block_on(read::peek(&1, &source))), Some(50), "in the shared tier as well");
}

#[test]
fn a_fill_that_starts_while_a_set_is_under_way_does_not_undo_it() {
    for operation in [Operation::SetFenced, Operation::Set] {
        a_fill_starts_while_a_set_is_under_way(operation);
    }
}

fn a_fill_starts_while_a_set_is_under_way(operation: Operation) {
    let (a, _, backend) = machines();
    if operation == Operation::Set {
        backend.hide(Capability::Fencing);
    }
    let source = Source::default();
    let gate = hold(&backend, operation);
    a.run(|| {
        let mut set = Polled::new(read::set(&1, &source, 50));
        assert!(set.poll().is_none());
        // This may see the new value already, or run.
        let mut fill = Polled::new(read(1, &source));
        let seen = fill.poll();
        gate.open();
        assert!(set.poll().is_some());
        source.gate.open();
        let seen = seen.or_else(|| fill.poll());
        assert!(matches!(seen, Some(0 | 50)), "{seen:?}");
        assert_eq!(block_on(read(1, &source)), 50);
    });
}

#[test]
fn a_value_that_has_no_room_here_stays_in_the_shared_tier() {
    for (operation, fenced) in [(Operation::SetFenced, true), (Operation::Set, false)] {
        let (a, b, backend) = machines();
        if !fenced {
            backend.hide(Capability::Fencing);
        }
        a.run(|| weighed::set(&1, 11));
        let gate = hold(&backend, operation);
        a.run(|| {
            let mut first = Polled::new(crowded::set(&1, 10));
            assert!(first.poll().is_none());
            // Makes the first one leave while it is on its way.
            let mut second = Polled::new(crowded::set(&2, 20));
            assert!(second.poll().is_none());
            gate.open();
            assert!(first.poll().is_some() && second.poll().is_some());
        });
        b.run(|| {
            assert_eq!(weighed(1), 11, "fenced: {fenced}");
            assert_eq!(block_on(crowded(1)), 10, "fenced: {fenced}");
            assert_eq!(block_on(crowded(2)), 20, "fenced: {fenced}");
        });
        // What is on its way and has left this process is invalidated all the same.
        backend.heal();
        let gate = hold(&backend, operation);
        a.run(|| {
            let mut first = Polled::new(crowded::set(&3, 30));
            assert!(first.poll().is_none());
            let mut second = Polled::new(crowded::set(&4, 40));
            assert!(second.poll().is_none());
            let mut gone = Polled::new(crowded::invalidate(&3));
            let confirmed = gone.poll();
            gate.open();
            assert!(first.poll().is_some() && second.poll().is_some());
            assert!(confirmed.or_else(|| gone.poll()).is_some_and(|gone| gone.is_confirmed()));
            settle();
        });
        b.run(|| {
            assert_eq!(block_on(crowded::peek(&3)), None, "fenced: {fenced}");
            assert_eq!(block_on(crowded::peek(&4)), Some(40), "fenced: {fenced}");
        });
    }
}

#[test]
fn an_invalidation_after_a_failed_write() {
    let (a, b, backend) = machines();
    backend.inject(Fault::fail(BackendErrorKind::Transient).on(Operation::SetFenced));
    a.run(|| sync(1));
    backend.heal();
    assert!(a.run(|| sync::invalidate(&1)).is_confirmed());
    b.run(|| {
        sync(1);
        assert_eq!(sync::stats().loads, 1);
    });
}

#[test]
fn a_refresh_replaces_what_is_there() {
    let (a, b, backend) = machines();
    let source = Source::open();
    a.run(|| block_on(read(1, &source)));
    a.run(settle);
    source.now.store(1, Ordering::SeqCst);
    assert_eq!(a.run(|| block_on(read::refresh(1, &source))), 1);
    assert_eq!(b.run(|| block_on(read(1, &source))), 1);
    assert_eq!(b.run(read::stats).shared_hits, 1);
    assert_eq!(backend.count(Operation::Delete), 0);
}

/// How often the page at a path was read.
static PAGES: AtomicU32 = AtomicU32::new(0);

#[cache(ttl = 600)]
fn page(path: &std::path::Path) -> u32 {
    let _ = path;
    PAGES.fetch_add(1, Ordering::SeqCst)
}

#[test]
fn equal_paths_are_one_entry_in_every_tier_however_they_are_spelled() {
    use std::path::Path;
    let (one, other, _) = machines();
    let at = |scope: &cachekit::testing::Scope, path: &str| scope.run(|| page(Path::new(path)));
    let first = at(&one, "a//b");
    assert_eq!(at(&other, "a/./b"), first, "it is in the shared tier");
    let ended = one.run(|| page::invalidate(Path::new("a/b/")));
    assert!(ended.was_cached() && ended.is_confirmed());
    assert!(at(&one, "a//b") > first);
    one.run(|| page::set(Path::new("a/b"), 99));
    other.run(|| {
        for function in cachekit::functions() {
            function.clear_local();
        }
    });
    assert_eq!(at(&other, "a/b/."), 99);
}
