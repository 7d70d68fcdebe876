//! Entries that move to a new key's place while somebody invalidates them: whatever comes between the steps, what
//! was invalidated does not come back.

use std::future::poll_fn;
use std::task::Poll;

use cachekit::cache;
use cachekit::testing::settle;
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{BackendErrorKind, Capability, MemoryBackend, Operation};
use cachekit_tests::{Polled, Runs, block_on};

use crate::secure::{keyring, machine, machine_with};

static RUNS: Runs = Runs::new();

/// More polls than any of the two needs.
const STEPS: usize = 40;

#[cache::secure(ttl = 60, namespace = "moves")]
async fn record(id: u64) -> String {
    RUNS.add();
    format!("record {id}")
}

/// A way to the store on which every operation begins with a pause.
fn way(store: &MemoryBackend, hidden: &[Capability]) -> FaultyBackend {
    let way = FaultyBackend::new(store.clone());
    for capability in hidden {
        way.hide(*capability);
    }
    way.inject(Fault::wait(|| {
        let mut paused = false;
        poll_fn(move |context| {
            if std::mem::replace(&mut paused, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }));
    way
}

/// Polls the call that moves the entry, and the removal as soon as the call has been polled so often as `at` says for
/// each of the removal's polls. How many polls each took.
fn interleave(store: &MemoryBackend, hidden: &[Capability], at: &[usize]) -> (usize, usize) {
    machine(&FaultyBackend::new(store.clone())).run(|| {
        block_on(record(1));
        settle();
    });
    RUNS.take();
    let reader = machine_with(&way(store, hidden), keyring(2, &[1]));
    let other = machine_with(&way(store, hidden), keyring(2, &[1]));
    let (mut value, mut outcome) = (None, None);
    let (mut reads, mut removals) = (0, 0);
    {
        let mut reading = Polled::new(reader.wrap(record(1)));
        let mut removing = Polled::new(other.wrap(record::invalidate(&1)));
        while value.is_none() || outcome.is_none() {
            let due = at.get(removals).is_none_or(|at| *at <= reads);
            if outcome.is_none() && (due || value.is_some()) {
                outcome = removing.poll();
                removals += 1;
            } else {
                value = reading.poll();
                reads += 1;
            }
            assert!(reads + removals < 2 * STEPS, "it does not end");
        }
    }
    assert_eq!(value.unwrap(), "record 1");
    assert!(outcome.unwrap().is_confirmed());
    reader.run(settle);
    (reads, removals)
}

fn in_every_order(hidden: &[Capability]) {
    let alone = interleave(&MemoryBackend::new(), hidden, &[STEPS]);
    assert!(alone.0 > 3 && alone.1 > 2, "there is nothing between the steps: {alone:?}");
    let mut orders = 0;
    let mut ran = 0;
    // The removal has a step for each of its two places, and the one that begins it.
    for first in 0..=alone.0 {
        for second in first..=alone.0 {
            for third in second..=alone.0 {
                let store = MemoryBackend::new();
                interleave(&store, hidden, &[first, second, third]);
                let runs = RUNS.take();
                let after = machine_with(&FaultyBackend::new(store.clone()), keyring(2, &[1]));
                let left = after.run(|| block_on(record::peek(&1)));
                assert!(
                    left.is_none() || runs == 1,
                    "what was removed came back: {:?}",
                    (first, second, third)
                );
                orders += 1;
                ran += usize::from(runs == 1);
            }
        }
    }
    assert!(orders > 50 && (1..orders).contains(&ran), "{orders} orders, {ran} runs");
}

#[test]
fn a_fence_keeps_removed_entries_from_moving() {
    in_every_order(&[]);
}

#[test]
fn so_does_a_lock_where_there_are_no_fences() {
    in_every_order(&[Capability::Fencing]);
}

#[test]
fn where_the_lock_cannot_be_had_it_is_served_and_stays() {
    let store = MemoryBackend::new();
    let first = FaultyBackend::new(store.clone());
    machine(&first).run(|| {
        block_on(record(1));
        settle();
    });
    RUNS.take();
    let place = crate::secure::written(&first).remove(0);
    let way = FaultyBackend::new(store.clone());
    way.hide(Capability::Fencing);
    way.inject(Fault::fail(BackendErrorKind::Transient).on(Operation::Lock));
    let rotated = machine_with(&way, keyring(2, &[1]));
    rotated.run(|| assert_eq!(block_on(record(1)), "record 1"));
    assert_eq!(RUNS.take(), 0);
    assert!(crate::secure::entry(&first, &place).is_some() && way.count(Operation::Set) == 0);
    // The next machine that can lock it moves it.
    way.heal();
    machine_with(&way, keyring(2, &[1])).run(|| {
        assert_eq!(block_on(record(1)), "record 1");
        settle();
    });
    assert_eq!((RUNS.take(), way.count(Operation::Set)), (0, 1));
    assert!(crate::secure::entry(&first, &place).is_none());
}

#[test]
fn without_either_it_moves_all_the_same() {
    interleave(&MemoryBackend::new(), &[Capability::Fencing, Capability::Locks], &[STEPS]);
    assert_eq!(RUNS.take(), 0, "a rotation computes nothing again");
}
