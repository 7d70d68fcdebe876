//! No value is written without the guard that its backend offers, whatever the reason for the run; and where the guard
//! cannot be had, nothing old is left for other processes as if it had been replaced.

use std::sync::atomic::{AtomicU32, Ordering};

use cachekit::cache;
use cachekit::testing::{Scope, settle};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{
    Backend, BackendErrorKind, Capability, Fencing, Locks, MemoryBackend, Operation, SetOptions,
};
use cachekit_tests::{Gate, Polled, block_on};

use crate::shared::tier::machine;

/// What the functions read, and a gate between their reading and their end.
#[derive(Default)]
struct Source {
    now: AtomicU32,
    gate: Gate,
}

impl Source {
    async fn read(&self) -> u32 {
        let seen = self.now.load(Ordering::SeqCst);
        self.gate.passed().await;
        seen
    }

    fn open() -> Self {
        let source = Self::default();
        source.gate.open();
        source
    }

    fn set(&self, now: u32) {
        self.now.store(now, Ordering::SeqCst);
    }
}

#[cache(ttl = 600, key = ())]
async fn locked(source: &Source) -> u32 {
    source.read().await
}

#[cache(ttl = 600, key = (), fill_lock = off)]
async fn unlocked(source: &Source) -> u32 {
    source.read().await
}

#[cache(ttl = 600, key = (), fill_lock = "30ms")]
async fn impatient(source: &Source) -> u32 {
    source.read().await
}

/// Runs itself once more inside, beside its own flight.
#[cache(ttl = 600, key = (), fill_lock = "600s")]
async fn nested(depth: u32, source: &Source) -> u32 {
    if depth == 0 { source.read().await } else { Box::pin(nested(depth - 1, source)).await }
}

/// A backend with fences and locks, or with locks alone.
fn backend(fenced: bool) -> FaultyBackend {
    let backend = FaultyBackend::new(MemoryBackend::new());
    if !fenced {
        backend.hide(Capability::Fencing);
    }
    backend
}

fn writes(backend: &FaultyBackend) -> usize {
    backend.count(Operation::Set) + backend.count(Operation::SetFenced)
}

/// The one key that was asked for.
fn key(backend: &FaultyBackend) -> String {
    let calls = backend.calls();
    calls.iter().find_map(|call| call.key()).expect("a key").to_owned()
}

fn hold_lock(backend: &FaultyBackend) {
    let locks = backend.locks().unwrap();
    let lease = std::time::Duration::from_secs(600);
    block_on(locks.try_acquire(&key(backend), lease)).unwrap().expect("it is free");
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Run {
    Fill,
    FillWithoutLock,
    Forced,
    Nested,
}

impl Run {
    const ALL: [Self; 4] = [Self::Fill, Self::FillWithoutLock, Self::Forced, Self::Nested];

    async fn run(self, source: &Source) -> u32 {
        match self {
            Self::Fill => locked(source).await,
            Self::FillWithoutLock => unlocked(source).await,
            Self::Forced => locked::refresh(source).await,
            Self::Nested => nested(2, source).await,
        }
    }

    async fn call(self, source: &Source) -> u32 {
        match self {
            Self::Fill | Self::Forced => locked(source).await,
            Self::FillWithoutLock => unlocked(source).await,
            Self::Nested => nested(0, source).await,
        }
    }

    fn invalidate(self, source: &Source) {
        let done = match self {
            Self::Fill | Self::Forced => block_on(locked::invalidate(source)),
            Self::FillWithoutLock => block_on(unlocked::invalidate(source)),
            Self::Nested => block_on(nested::invalidate(&0, source)),
        };
        assert!(done.is_confirmed());
    }
}

/// Every kind of run on every kind of backend, with every step of the guard failing once or always: what it read before
/// another machine invalidated it is not found by a third one.
#[test]
fn no_run_undoes_another_machines_invalidation() {
    let faults = || {
        let fail = |on| Fault::fail(BackendErrorKind::Transient).on(on);
        let guard = [Operation::Fence, Operation::Lock];
        let once = guard.map(|on| Some(fail(on).times(1)));
        let always = guard.map(|on| Some(fail(on)));
        [None].into_iter().chain(once).chain(always)
    };
    let mut runs = 0;
    for fenced in [true, false] {
        for run in Run::ALL {
            for (index, fault) in faults().enumerate() {
                let backend = backend(fenced);
                let source = Source::default();
                let a = machine(&backend);
                if let Some(fault) = fault {
                    backend.inject(fault);
                }
                let mut call = Polled::new(a.wrap(run.run(&source)));
                assert!(call.poll().is_none());
                source.set(1);
                backend.heal();
                machine(&backend).run(|| run.invalidate(&source));
                source.gate.open();
                assert_eq!(call.poll(), Some(0));
                let seen = machine(&backend).run(|| block_on(run.call(&source)));
                assert_eq!(seen, 1, "{run:?}, fenced: {fenced}, fault {index}");
                runs += 1;
            }
        }
    }
    assert_eq!(runs, 40);
}

#[test]
fn without_a_guard_nothing_is_written() {
    for (fenced, operation) in [(true, Operation::Fence), (false, Operation::Lock)] {
        for run in Run::ALL {
            let backend = backend(fenced);
            backend.inject(Fault::fail(BackendErrorKind::Transient).on(operation));
            let source = Source::open();
            let a = machine(&backend);
            assert_eq!(a.run(|| block_on(run.run(&source))), 0);
            assert_eq!(writes(&backend), 0, "{run:?} {operation:?}");
            let stats = a.run(|| match run {
                Run::FillWithoutLock => unlocked::stats(),
                Run::Nested => nested::stats(),
                Run::Fill | Run::Forced => locked::stats(),
            });
            assert!(stats.shared_unguarded >= 1 && stats.entries == 1, "{run:?} {stats:?}");
            // With it, it is.
            backend.heal();
            let b = machine(&backend);
            b.run(|| block_on(run.run(&source)));
            assert!(writes(&backend) >= 1, "{run:?} {operation:?}");
        }
    }
}

#[test]
fn a_forced_run_without_its_guard_leaves_nothing_old() {
    for (fenced, contested) in [(true, false), (false, false), (false, true)] {
        let backend = backend(fenced);
        let source = Source::open();
        let a = machine(&backend);
        a.run(|| block_on(locked(&source)));
        a.run(settle);
        source.set(1);
        if contested {
            hold_lock(&backend);
        } else {
            let operation = if fenced { Operation::Fence } else { Operation::Lock };
            backend.inject(Fault::fail(BackendErrorKind::Transient).on(operation).times(1));
        }
        let before = writes(&backend);
        assert_eq!(a.run(|| block_on(locked::refresh(&source))), 1);
        assert_eq!((writes(&backend), backend.count(Operation::Delete)), (before, 1));
        assert_eq!(a.run(|| (locked::stats().shared_unguarded, block_on(locked(&source)))), (1, 1));
        let b = machine(&backend);
        assert_eq!(b.run(|| block_on(locked::peek(&source))), None, "fenced: {fenced}");
    }
}

#[test]
fn so_does_one_whose_write_fails_or_whose_time_was_used_up() {
    for operation in [Operation::SetFenced, Operation::Set] {
        let backend = backend(operation == Operation::SetFenced);
        let source = Source::open();
        let a = machine(&backend);
        a.run(|| block_on(locked(&source)));
        a.run(settle);
        source.set(1);
        backend.inject(Fault::fail(BackendErrorKind::TooLarge).on(operation).times(1));
        assert_eq!(a.run(|| block_on(locked::refresh(&source))), 1);
        assert_eq!(machine(&backend).run(|| block_on(locked::peek(&source))), None);
    }
    let backend = backend(true);
    let source = Source::open();
    let a = machine(&backend).with_shared_budget(std::time::Duration::from_millis(300));
    a.run(|| block_on(locked(&source)));
    a.run(settle);
    source.set(1);
    backend.inject(Fault::wait(std::future::pending).on(Operation::Fence));
    assert_eq!(a.run(|| block_on(locked::refresh(&source))), 1);
    backend.heal();
    assert_eq!(machine(&backend).run(|| block_on(locked::peek(&source))), None);
}

#[test]
fn so_does_one_whose_write_is_refused() {
    for fenced in [true, false] {
        let backend = backend(fenced);
        let source = Source::open();
        let a = machine(&backend);
        a.run(|| block_on(locked(&source)));
        a.run(settle);
        let source = Source { now: AtomicU32::new(1), gate: Gate::new() };
        let mut call = Polled::new(a.wrap(locked::refresh(&source)));
        assert_eq!(call.poll(), None);
        // Something else is written there meanwhile.
        let key = key(&backend);
        let value = block_on(backend.get(&key)).unwrap().unwrap().into_value();
        block_on(backend.set(&key, value, &SetOptions::new())).unwrap();
        source.gate.open();
        assert_eq!(call.poll(), Some(1));
        let left = machine(&backend).run(|| block_on(locked::peek(&source)));
        assert_eq!((left, a.run(locked::stats).shared_unguarded), (None, 0), "fenced: {fenced}");
        // Nor is the old value served here any more.
        source.set(2);
        assert_eq!(a.run(|| block_on(locked(&source))), 2, "fenced: {fenced}");
    }
}

#[test]
fn a_value_that_is_set_is_guarded_too() {
    for (fenced, operation) in [(true, Operation::Fence), (false, Operation::Lock)] {
        let backend = backend(fenced);
        let source = Source::open();
        let a = machine(&backend);
        a.run(|| block_on(locked(&source)));
        a.run(settle);
        backend.inject(Fault::fail(BackendErrorKind::Transient).on(operation).times(1));
        let before = writes(&backend);
        a.run(|| block_on(locked::set(&source, 7)));
        assert_eq!(writes(&backend), before);
        let b = machine(&backend);
        assert_eq!(b.run(|| block_on(locked::peek(&source))), None, "nothing old stays");
        assert_eq!(a.run(|| block_on(locked(&source))), 7);
        a.run(|| block_on(locked::set(&source, 8)));
        a.run(settle);
        assert_eq!(b.run(|| block_on(locked::peek(&source))), Some(8), "fenced: {fenced}");
        // Every write had its guard.
        assert_eq!(backend.count(Operation::Set) > 0, !fenced);
    }
}

#[test]
fn a_fill_that_has_waited_long_enough_is_not_written_without_the_lock() {
    let backend = backend(false);
    let source = Source::open();
    let a = machine(&backend);
    a.run(|| block_on(impatient(&source)));
    a.run(settle);
    block_on(backend.delete(&key(&backend))).unwrap();
    hold_lock(&backend);
    let before = writes(&backend);
    let b = machine(&backend);
    assert_eq!(b.run(|| block_on(impatient(&source))), 0);
    let stats = b.run(impatient::stats);
    assert_eq!((stats.lock_waits, stats.shared_unguarded, stats.entries), (1, 1, 1));
    assert_eq!(writes(&backend), before);
}

#[test]
fn off_takes_the_lock_only_where_it_guards_the_write() {
    let source = Source::open();
    let fenced = backend(true);
    machine(&fenced).run(|| block_on(unlocked(&source)));
    assert_eq!(fenced.count(Operation::Lock), 0);
    let locks = backend(false);
    let a = machine(&locks);
    a.run(|| block_on(unlocked(&source)));
    a.run(settle);
    assert_eq!((locks.count(Operation::Lock), locks.count(Operation::Unlock)), (1, 1));
    // A hit asks for nothing but the value, and to be told when that changes.
    locks.forget_calls();
    machine(&locks).run(|| block_on(unlocked(&source)));
    let asked: Vec<_> = locks.calls().iter().map(|call| call.operation).collect();
    assert_eq!(asked, [Operation::Subscribe, Operation::Get]);
    // It does not wait for the holder.
    block_on(locks.delete(&key(&locks))).unwrap();
    hold_lock(&locks);
    let c = machine(&locks);
    c.run(|| block_on(unlocked(&source)));
    let stats = c.run(unlocked::stats);
    assert_eq!((stats.lock_waits, stats.shared_unguarded), (0, 1));
}

/// Has fences, and panics when it is asked for them.
#[derive(Debug, Default)]
struct Odd(MemoryBackend);

impl Backend for Odd {
    cachekit_tests::delegate!(0: get set delete exists health);

    fn fencing(&self) -> Option<&dyn Fencing> {
        panic!("on purpose")
    }
    fn locks(&self) -> Option<&dyn Locks> {
        self.0.locks()
    }
}

#[test]
fn a_backend_that_panics_when_it_is_asked_for_fences_has_no_unguarded_writes() {
    let backend = std::sync::Arc::new(Odd::default());
    let source = Source::open();
    let scope = Scope::new().with_backend(backend.clone());
    assert_eq!(scope.run(|| block_on(locked(&source))), 0);
    scope.run(settle);
    assert!(backend.0.is_empty());
}
