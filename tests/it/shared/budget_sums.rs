//! One budget before the function and one after it, whatever the number of steps, and what is decoded counts, too.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use cachekit::cache;
use cachekit::testing::{Scope, settle};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{Capability, MemoryBackend, Operation};
use cachekit_tests::{Polled, Runs, block_on};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::secure::{keyring, machine_with};
use crate::shared::tier::machine;

static RUNS: Runs = Runs::new();

/// Small enough for a test that waits for its end, and far more than an answer from memory takes.
const BUDGET: Duration = Duration::from_millis(250);

#[cache::secure(ttl = 60, namespace = "sums")]
fn sealed(n: u32) -> u32 {
    RUNS.add();
    n
}

#[cache::secure(ttl = 60, namespace = "sums")]
async fn sealed_later(n: u32) -> u32 {
    RUNS.add();
    n
}

fn backend() -> FaultyBackend {
    FaultyBackend::new(MemoryBackend::new())
}

/// The places that were to be emptied, and how many deletions were begun.
fn deletes(backend: &FaultyBackend) -> (usize, usize) {
    let calls = backend.calls();
    let deletes = calls.iter().filter(|call| call.operation == Operation::Delete);
    let keys: Vec<_> = deletes.filter_map(|call| call.key()).collect();
    (keys.iter().collect::<HashSet<_>>().len(), keys.len())
}

#[test]
fn removals_begin_together_and_none_after_the_budget() {
    let backend = backend();
    backend.inject(Fault::wait(std::future::pending).on(Operation::Delete));
    let scope = machine_with(&backend, keyring(4, &[3, 2, 1])).with_shared_budget(BUDGET);
    scope.run(|| {
        // None of them is answered, so each of four places is asked for once.
        assert!(!sealed::invalidate(&1).is_confirmed());
        assert_eq!(deletes(&backend), (4, 4));
        backend.forget_calls();
        assert!(!block_on(sealed_later::invalidate(&1)).is_confirmed());
        assert_eq!(deletes(&backend), (4, 4));
        backend.forget_calls();
        // After a forced run, the three previous places.
        sealed::refresh(1);
        assert_eq!(deletes(&backend), (3, 3));
    });
}

#[test]
fn a_place_that_is_slow_to_empty_does_not_keep_the_others_waiting() {
    let backend = backend();
    let writer = machine_with(&backend, keyring(1, &[]));
    writer.run(|| {
        sealed(2);
        settle();
    });
    backend.inject(Fault::wait(std::future::pending).on(Operation::Delete).times(1));
    let scope = machine_with(&backend, keyring(4, &[3, 2, 1])).with_shared_budget(BUDGET);
    assert!(!scope.run(|| sealed::invalidate(&2)).is_confirmed());
    backend.heal();
    let reader = machine_with(&backend, keyring(1, &[]));
    assert_eq!(reader.run(|| sealed::peek(&2)), None, "the last place was emptied");
}

#[test]
fn nothing_begins_when_the_budget_after_the_function_is_spent() {
    let backend = backend();
    let scope = machine_with(&backend, keyring(4, &[3, 2, 1])).with_shared_budget(BUDGET);
    backend.inject(Fault::wait(std::future::pending).on(Operation::SetFenced));
    scope.run(|| {
        assert_eq!(sealed(3), 3);
        assert_eq!(block_on(sealed_later(3)), 3);
    });
    assert_eq!(deletes(&backend).1, 0);
}

thread_local! {
    static SLOW: Cell<bool> = const { Cell::new(false) };
}

/// Takes longer to encode and to decode than a call may take.
#[derive(Clone, Debug, PartialEq)]
struct Heavy(u32);

impl Serialize for Heavy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if SLOW.get() {
            std::thread::sleep(2 * BUDGET);
        }
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for Heavy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u32::deserialize(deserializer)?;
        if SLOW.get() {
            std::thread::sleep(2 * BUDGET);
        }
        Ok(Self(value))
    }
}

#[cache(ttl = 60)]
fn heavy(n: u32) -> Heavy {
    RUNS.add();
    Heavy(n)
}

#[cache(ttl = 60)]
async fn heavy_later(n: u32) -> Heavy {
    RUNS.add();
    Heavy(n)
}

#[test]
fn a_value_that_is_decoded_too_late_is_none() {
    let backend = backend();
    machine(&backend).run(|| {
        heavy(1);
        block_on(heavy_later(1));
        settle();
    });
    RUNS.take();
    backend.forget_calls();
    let reader = machine(&backend).with_shared_budget(BUDGET);
    reader.run(|| {
        SLOW.set(true);
        assert_eq!((heavy(1), RUNS.take()), (Heavy(1), 1));
        assert_eq!((block_on(heavy_later(1)), RUNS.take()), (Heavy(1), 1));
        assert_eq!(heavy::peek(&1), Some(Heavy(1)), "from this process");
        SLOW.set(false);
        assert!(heavy::stats().shared_errors >= 1);
    });
    // Nothing was begun after that.
    assert_eq!(backend.count(Operation::Get), 2);
    assert_eq!(backend.count(Operation::Lock) + backend.count(Operation::SetFenced), 0);
}

#[test]
fn encoding_is_part_of_the_time_after_the_function() {
    let backend = backend();
    let scope = machine(&backend).with_shared_budget(BUDGET);
    scope.run(|| {
        SLOW.set(true);
        assert_eq!(heavy(2), Heavy(2));
        SLOW.set(false);
    });
    assert_eq!(backend.count(Operation::SetFenced), 0);
}

#[test]
fn waiting_for_another_process_adds_no_budgets() {
    #[cache(ttl = 60, key = (), fill_lock = "1ms")]
    async fn waits() -> u32 {
        RUNS.add();
        7
    }
    let backend = backend();
    backend.hide(Capability::Fencing);
    let scope: Scope = machine(&backend).with_shared_budget(BUDGET);
    scope.run(|| {
        block_on(waits());
        settle();
    });
    // Another process has the lock, and from the second on a look never ends.
    let key = backend.calls().iter().find_map(|call| call.key().map(str::to_owned)).unwrap();
    let other: Arc<dyn cachekit_io::Backend> = Arc::new(backend.clone());
    block_on(other.delete(&key)).unwrap();
    // The process that wrote it may look there once more.
    scope.run(settle);
    let lease = Duration::from_secs(600);
    block_on(other.locks().unwrap().try_acquire(&key, lease)).unwrap().expect("it is free");
    backend.forget_calls();
    let reader = machine(&backend).with_shared_budget(BUDGET);
    let mut call = Polled::new(reader.wrap(waits()));
    assert_eq!(call.poll(), None, "it waits");
    backend.inject(Fault::wait(std::future::pending).on(Operation::Get));
    let started = std::time::Instant::now();
    while call.poll().is_none() {
        std::thread::yield_now();
    }
    // Far from two budgets: what was left of the first, and the wait.
    assert!(backend.count(Operation::Get) <= 2, "{:?}", started.elapsed());
}
