//! Backends that refuse no write: one that reaches them after the removal meant for its value is taken back, whatever
//! becomes of its caller, and until then no call of the process looks there. The same holds for one that reaches them after
//! the write of a newer run.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cachekit::cache;
use cachekit::testing::{Scope, settle};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{
    Backend, BackendError, BackendErrorKind, BoxFuture, Capability, Fetched, Health, Locks,
    MemoryBackend, Operation, SetOptions,
};
use cachekit_tests::{Gate, Polled, block_on};

use crate::secure::{keyring, machine_with};

/// What the functions read, for each test.
static NOW: [AtomicU32; 9] = [const { AtomicU32::new(0) }; 9];

fn now(test: u32) -> u32 {
    NOW[test as usize].load(Ordering::SeqCst)
}

fn change(test: u32) {
    NOW[test as usize].fetch_add(1, Ordering::SeqCst);
}

#[cache(ttl = 60)]
fn sync(test: u32) -> u32 {
    now(test)
}

#[cache(ttl = 60)]
async fn later(test: u32) -> u32 {
    now(test)
}

/// A store with the five operations, whose client ends every write that it has begun: at once, or when the gates are
/// opened. It may have locks that save work and guard nothing.
#[derive(Debug, Default)]
struct Plain {
    state: Arc<(Mutex<State>, Condvar)>,
    /// A write takes effect when this is open, and is answered when the other one is.
    lands: Gate,
    answered: Gate,
    locks: Option<MemoryBackend>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<String, Bytes>,
    deletes: u32,
    failing: u32,
}

impl Plain {
    fn new(has_locks: bool) -> Arc<Self> {
        Arc::new(Self { locks: has_locks.then(MemoryBackend::new), ..Self::default() })
    }

    fn open(&self) {
        self.lands.open();
        self.answered.open();
    }

    /// Waits until so many deletions were answered.
    fn wait_deletes(&self, number: u32) {
        let (state, changed) = &*self.state;
        let waited =
            changed.wait_timeout_while(state.lock().unwrap(), Duration::from_secs(60), |state| {
                state.deletes < number
            });
        assert!(!waited.unwrap().1.timed_out(), "the value was not taken back");
    }

    fn is_empty(&self) -> bool {
        self.state.0.lock().unwrap().entries.is_empty()
    }
}

impl Backend for Plain {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        Box::pin(async move {
            Ok(self.state.0.lock().unwrap().entries.get(key).cloned().map(Fetched::fresh))
        })
    }
    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        _: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let (state, key) = (Arc::clone(&self.state), key.to_owned());
            let (lands, answered, answer) =
                (self.lands.clone(), self.answered.clone(), Gate::new());
            let done = answer.clone();
            std::thread::spawn(move || {
                lands.pass();
                state.0.lock().unwrap().entries.insert(key, value);
                answered.pass();
                done.open();
            });
            answer.passed().await;
            Ok(())
        })
    }
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let mut state = self.state.0.lock().unwrap();
            if let Some(left) = state.failing.checked_sub(1) {
                state.failing = left;
                return Err(BackendError::new(BackendErrorKind::Transient, Operation::Delete));
            }
            state.deletes += 1;
            let had = state.entries.remove(key).is_some();
            self.state.1.notify_all();
            Ok(had)
        })
    }
    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move { Ok(self.state.0.lock().unwrap().entries.contains_key(key)) })
    }
    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        Box::pin(async { Ok(Health::new("plain", Duration::ZERO)) })
    }
    fn locks(&self) -> Option<&dyn Locks> {
        self.locks.as_ref().and_then(Backend::locks)
    }
}

fn machine(backend: &Arc<Plain>) -> Scope {
    Scope::new().with_backend(backend.clone()).with_keyring(keyring(1, &[]))
}

/// How a value comes to be written, and how it is read and removed.
#[derive(Clone, Copy, Debug)]
enum Way {
    Sync,
    Async,
    Set,
    Refresh,
}

impl Way {
    const ALL: [Self; 4] = [Self::Sync, Self::Async, Self::Set, Self::Refresh];

    fn write(self, test: u32) -> u32 {
        match self {
            Self::Sync => sync(test),
            Self::Async => block_on(later(test)),
            Self::Set => {
                let value = now(test);
                sync::set(&test, value);
                value
            }
            Self::Refresh => block_on(later::refresh(test)),
        }
    }

    fn read(self, test: u32) -> u32 {
        if matches!(self, Self::Sync | Self::Set) { sync(test) } else { block_on(later(test)) }
    }

    fn peek(self, test: u32) -> Option<u32> {
        if matches!(self, Self::Sync | Self::Set) {
            sync::peek(&test)
        } else {
            block_on(later::peek(&test))
        }
    }

    fn invalidate(self, test: u32) {
        let done = if matches!(self, Self::Sync | Self::Set) {
            sync::invalidate(&test)
        } else {
            block_on(later::invalidate(&test))
        };
        assert!(done.is_confirmed());
    }
}

#[test]
fn a_late_write_is_neither_read_nor_left_there() {
    for (way, has_locks) in Way::ALL.into_iter().flat_map(|way| [(way, false), (way, true)]) {
        let backend = Plain::new(has_locks);
        let scope = machine(&backend);
        std::thread::scope(|threads| {
            let before = now(1);
            let fill = threads.spawn(|| scope.run(|| way.write(1)));
            backend.lands.wait_reached();
            change(1);
            scope.run(|| way.invalidate(1));
            // The old value takes effect now, and its writer does not know yet.
            backend.lands.open();
            backend.answered.wait_reached();
            assert!(!backend.is_empty());
            scope.run(|| {
                assert_eq!(way.peek(1), None, "{way:?}");
                assert!(way.read(1) > before, "{way:?}, locks: {has_locks}");
            });
            backend.answered.open();
            assert_eq!(fill.join().unwrap(), before);
            backend.wait_deletes(2);
            scope.run(settle);
            assert!(scope.run(|| way.read(1)) > before);
            assert!(machine(&backend).run(|| way.read(1)) > before, "{way:?}");
        });
    }
}

#[test]
fn a_write_whose_caller_is_dropped_or_stops_is_taken_back() {
    for (dropped, has_locks) in [(true, false), (true, true), (false, false)] {
        for set in [false, true] {
            let backend = Plain::new(has_locks);
            let scope = machine(&backend);
            let before = now(2);
            let mut call = Polled::new(scope.wrap(async move {
                if set {
                    later::set(&2, before).await;
                } else {
                    later(2).await;
                }
            }));
            assert!(call.poll().is_none());
            backend.lands.wait_reached();
            change(2);
            scope.run(|| assert!(block_on(later::invalidate(&2)).is_confirmed()));
            let mut call = Some(call);
            if dropped {
                call = None;
            }
            backend.open();
            backend.wait_deletes(2);
            assert!(machine(&backend).run(|| block_on(later(2))) > before);
            assert!(scope.run(|| block_on(later(2))) > before, "{dropped} {has_locks} {set}");
            drop(call);
        }
    }
}

#[test]
fn a_write_whose_runtime_is_shut_down_is_taken_back() {
    let backend = Plain::new(false);
    let scope = machine(&backend);
    let before = now(3);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.spawn(scope.wrap(later(3)));
    backend.lands.wait_reached();
    change(3);
    scope.run(|| assert!(block_on(later::invalidate(&3)).is_confirmed()));
    runtime.shutdown_background();
    backend.open();
    backend.wait_deletes(2);
    assert!(machine(&backend).run(|| block_on(later(3))) > before);
}

#[test]
fn a_write_that_outlasts_its_budget_is_taken_back() {
    for (way, has_locks) in Way::ALL.into_iter().flat_map(|way| [(way, false), (way, true)]) {
        let backend = Plain::new(has_locks);
        let scope = machine(&backend).with_shared_budget(Duration::from_millis(300));
        let before = now(4);
        // It returns without an answer.
        scope.run(|| way.write(4));
        change(4);
        // A run that was to replace something and got no answer has its place emptied behind its back.
        scope.run(settle);
        let removed = backend.state.0.lock().unwrap().deletes;
        scope.run(|| way.invalidate(4));
        backend.open();
        backend.wait_deletes(removed + 2);
        assert!(scope.run(|| way.read(4)) > before, "{way:?}");
        assert!(machine(&backend).run(|| way.read(4)) > before, "{way:?}, locks: {has_locks}");
    }
}

#[test]
fn a_taking_back_that_fails_is_tried_again() {
    let backend = Plain::new(false);
    let scope = machine(&backend);
    let before = now(5);
    std::thread::scope(|threads| {
        let fill = threads.spawn(|| scope.run(|| sync(5)));
        backend.lands.wait_reached();
        change(5);
        scope.run(|| assert!(sync::invalidate(&5).is_confirmed()));
        backend.state.0.lock().unwrap().failing = 2;
        backend.open();
        backend.wait_deletes(2);
        assert_eq!(fill.join().unwrap(), before);
        assert!(machine(&backend).run(|| sync(5)) > before);
    });
}

#[test]
fn what_is_not_invalidated_is_not_taken_back() {
    for way in Way::ALL {
        let backend = Plain::new(false);
        backend.open();
        let scope = machine(&backend);
        let value = scope.run(|| way.write(6));
        scope.run(settle);
        change(6);
        assert_eq!(machine(&backend).run(|| way.read(6)), value, "{way:?}");
    }
}

/// A way to this store that refuses no write.
fn plain(store: &MemoryBackend) -> FaultyBackend {
    let way = FaultyBackend::new(store.clone());
    way.hide(Capability::Fencing);
    way.hide(Capability::Locks);
    way
}

/// Writes begin when the gate is open.
fn waits_for(gate: &Gate) -> Fault {
    let gate = gate.clone();
    let wait = Fault::wait(move || {
        let gate = gate.clone();
        async move { gate.passed().await }
    });
    wait.on(Operation::Set)
}

#[test]
fn a_write_of_an_older_run_is_taken_back() {
    // Nothing in this process says that its value is gone.
    #[cache::secure(ttl = 60, namespace = "late", l1 = off)]
    fn uncopied(test: u32) -> u32 {
        now(test)
    }
    let (store, gate) = (MemoryBackend::new(), Gate::new());
    let slow = plain(&store);
    slow.inject(waits_for(&gate).times(1));
    let scope = machine_with(&slow, keyring(1, &[]));
    let scope = scope.with_shared_budget(Duration::from_millis(500));
    let before = now(8);
    // It returns without an answer.
    assert_eq!(scope.run(|| uncopied(8)), before);
    gate.wait_reached();
    change(8);
    assert!(scope.run(|| uncopied(8)) > before);
    gate.open();
    let until = Instant::now() + Duration::from_secs(20);
    let other = machine_with(&plain(&store), keyring(1, &[]));
    while slow.count(Operation::Delete) == 0 || other.run(|| uncopied::peek(&8)) == Some(before) {
        assert!(Instant::now() < until, "it was not taken back");
        std::thread::yield_now();
    }
    assert!(other.run(|| uncopied(8)) > before);
}

#[test]
fn a_move_to_a_new_keys_place_is_taken_back() {
    #[cache::secure(ttl = 60, namespace = "late")]
    async fn sealed(test: u32) -> u32 {
        now(test)
    }
    let store = MemoryBackend::new();
    let plain = || plain(&store);
    let before = machine_with(&plain(), keyring(1, &[])).run(|| {
        let before = block_on(sealed(7));
        settle();
        before
    });
    change(7);
    let (way, gate) = (plain(), Gate::new());
    way.inject(waits_for(&gate));
    let rotated = machine_with(&way, keyring(2, &[1]));
    let mut call = Polled::new(rotated.wrap(sealed(7)));
    assert!(call.poll().is_none(), "it is being moved");
    gate.wait_reached();
    rotated.run(|| assert!(block_on(sealed::invalidate(&7)).is_confirmed()));
    drop(call);
    gate.open();
    rotated.run(settle);
    let left = machine_with(&plain(), keyring(2, &[1])).run(|| block_on(sealed::peek(&7)));
    assert_ne!(left, Some(before), "what was removed came back");
}
