//! Entries that move to a new key's place while somebody invalidates them: whatever comes between the steps, what
//! was invalidated does not come back.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use cachekit::cache;
use cachekit::secure::Keyring;
use cachekit::testing::settle;
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{BackendErrorKind, Capability, MemoryBackend, Operation};
use cachekit_tests::{Polled, Runs, block_on};

use crate::secure::{keyring, machine, machine_with};

static RUNS: Runs = Runs::new();

/// More polls than any of the two needs.
const STEPS: usize = 40;

/// No two runs return the same.
static SERIAL: AtomicU64 = AtomicU64::new(0);

#[cache::secure(ttl = 60, namespace = "moves")]
async fn record(id: u64) -> String {
    RUNS.add();
    format!("record {id}, run {}", SERIAL.fetch_add(1, Ordering::Relaxed))
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

/// Seals a value with key 1, and returns it.
fn seal_first(store: &FaultyBackend) -> String {
    let value = machine(store).run(|| {
        let value = block_on(record(1));
        settle();
        value
    });
    RUNS.take();
    value
}

/// Polls the call that moves the entry, and the removal as soon as the call has been polled so often as `at` says for
/// each of the removal's polls. The value that was there before, and how many polls each took.
fn interleave(
    store: &MemoryBackend,
    hidden: &[Capability],
    remover: Arc<Keyring>,
    at: &[usize],
) -> (String, usize, usize) {
    let before = seal_first(&FaultyBackend::new(store.clone()));
    let reader = machine_with(&way(store, hidden), keyring(2, &[1]));
    let other = machine_with(&way(store, hidden), remover);
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
    assert_eq!(value.unwrap() == before, RUNS.take() == 0);
    assert!(outcome.unwrap().is_confirmed());
    reader.run(settle);
    (before, reads, removals)
}

/// The removal empties one place and then the other, twice, and has a step that begins it.
const REMOVAL: usize = 5;

fn in_every_order(hidden: &[Capability], remover: impl Fn() -> Arc<Keyring>) {
    let (_, reads, removals) = interleave(&MemoryBackend::new(), hidden, remover(), &[STEPS]);
    // If the machine stalls, the second place does not wait for the first one.
    assert!(reads > 3 && (3..=REMOVAL).contains(&removals), "{reads} and {removals} steps");
    let (mut orders, mut gone) = (0, 0);
    let mut at = [0; REMOVAL];
    loop {
        let store = MemoryBackend::new();
        let (before, ..) = interleave(&store, hidden, remover(), &at);
        let after = machine_with(&FaultyBackend::new(store.clone()), keyring(2, &[1]));
        let left = after.run(|| block_on(record::peek(&1)));
        assert_ne!(left, Some(before), "what was removed came back: {at:?}");
        orders += 1;
        gone += usize::from(left.is_none());
        // The next one of all non-decreasing sequences.
        let Some(last) = at.iter().rposition(|step| *step < reads) else { break };
        let next = at[last] + 1;
        at[last..].fill(next);
    }
    assert!(orders > 80 && (1..orders).contains(&gone), "{orders} orders, {gone} left nothing");
}

#[test]
fn a_fence_keeps_removed_entries_from_moving() {
    in_every_order(&[], || keyring(2, &[1]));
    // Also where the remover does not have the reader's new key as its current one yet.
    in_every_order(&[], || keyring(1, &[2]));
}

#[test]
fn so_does_a_lock_where_there_are_no_fences() {
    in_every_order(&[Capability::Fencing], || keyring(2, &[1]));
    in_every_order(&[Capability::Fencing], || keyring(1, &[2]));
}

#[test]
fn where_the_lock_cannot_be_had_it_is_served_and_stays() {
    let store = MemoryBackend::new();
    let first = FaultyBackend::new(store.clone());
    let before = seal_first(&first);
    let place = crate::secure::written(&first).remove(0);
    let way = FaultyBackend::new(store.clone());
    way.hide(Capability::Fencing);
    way.inject(Fault::fail(BackendErrorKind::Transient).on(Operation::Lock));
    let rotated = machine_with(&way, keyring(2, &[1]));
    rotated.run(|| assert_eq!(block_on(record(1)), before));
    assert_eq!(RUNS.take(), 0);
    assert!(crate::secure::entry(&first, &place).is_some() && way.count(Operation::Set) == 0);
    // The next machine that can lock it moves it.
    way.heal();
    machine_with(&way, keyring(2, &[1])).run(|| {
        assert_eq!(block_on(record(1)), before);
        settle();
    });
    assert_eq!((RUNS.take(), way.count(Operation::Set)), (0, 1));
    assert!(crate::secure::entry(&first, &place).is_none());
}

#[test]
fn without_either_it_moves_all_the_same() {
    let store = MemoryBackend::new();
    let first = FaultyBackend::new(store.clone());
    let before = seal_first(&first);
    let way = way(&store, &[Capability::Fencing, Capability::Locks]);
    machine_with(&way, keyring(2, &[1])).run(|| assert_eq!(block_on(record(1)), before));
    assert_eq!((RUNS.take(), way.count(Operation::Set)), (0, 1), "nothing is computed again");
}
