//! Single-flight: one running fill per key in the process; other callers that ask for the key wait for it.
//!
//! A flight *is* the still unpublished entry. The leader computes its value; an invalidation kills the
//! entry, which both detaches the flight (later callers start a new one) and makes its commit fail. So an
//! invalidation beats every fill that started before it.
//!
//! Several flights of one key can be under way: refreshes, runs beside another, waiters that run the function
//! themselves. Each has the number of its start, and a value that is kept puts an end to every older flight.

use std::sync::Arc;

use crate::entry::{AnyEntry, Owner};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, lock};

pub(crate) mod chain;
mod leader;
mod wait;
mod watch;

#[cfg(all(test, not(cachekit_model)))]
mod tests;

pub(crate) use leader::{Flight, Pilot};
pub(crate) use wait::{Failure, Landing, Wait, Waited};

/// So many that a shard rarely holds more than a few rows: they are searched one by one. In the model one will do,
/// and a look at all of them is not lost in locks that matter to no test.
// One under Miri, too: each step is slow there, and threads are meant to meet.
const SHARDS: usize = if cfg!(any(cachekit_model, miri)) { 1 } else { 256 };

/// One flight.
struct Row {
    hash: u64,
    entry: Arc<AnyEntry>,
    /// The number of its start, higher than that of every flight that started before.
    start: u64,
    phase: Phase,
    /// The values of other calls do not come from here: its caller has been told to go on with an old one.
    refreshing: bool,
    /// Only ordinary fills can be joined; a forced or re-entrant one runs for its caller alone.
    joinable: bool,
    /// The leader is a future: a thread must not block until it is polled.
    asynchronous: bool,
    pulse: watch::Pulse,
    /// Made by the first waiter.
    wait: Option<Arc<Wait>>,
}

/// How far a flight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The shared tier is being asked and the function does not run yet: what comes of it may be older than every
    /// run.
    Asking,
    /// The same, and a run has kept its value meanwhile.
    Passed,
    /// The function runs.
    Running,
}

impl Row {
    fn waits_at(&self, wait: &Arc<Wait>) -> bool {
        self.wait.as_ref().is_some_and(|own| Arc::ptr_eq(own, wait))
    }

    fn is_joinable(&self) -> bool {
        self.joinable && !self.entry.head.is_dead()
    }
}

/// On a cache line of its own: fills of other keys do not disturb.
#[derive(Default)]
#[repr(align(64))]
struct Shard {
    rows: Mutex<Vec<Row>>,
    /// Counts landings, so that a leader knows whether one happened since it looked into the store.
    landed: AtomicU64,
    /// Counts starts. Written under the lock of the rows.
    started: AtomicU64,
}

impl Shard {
    /// The number of a start, under the lock of the rows.
    fn next_start(&self) -> u64 {
        // Under the lock, so a load and a store will do.
        let start = self.started.load(Ordering::Relaxed).wrapping_add(1);
        self.started.store(start, Ordering::Relaxed);
        start
    }

    /// Counts a landing, under the lock of the rows.
    fn count_landing(&self) {
        self.landed.store(self.landed.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }
}

/// All running fills of the process (or of one model run).
pub(crate) struct Flights {
    shards: [Shard; SHARDS],
}

/// Identifies a flight while it lasts: the address of its entry, which the flight's row keeps alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlightId(usize);

impl FlightId {
    pub(crate) fn of<T: ?Sized>(entry: &Arc<T>) -> Self {
        Self(Arc::as_ptr(entry).cast::<()>() as usize)
    }
}

/// How a caller gets its value.
pub(crate) enum Join {
    /// Run the function. `recheck`: another fill landed since the store was looked into.
    Lead { flight: Flight, recheck: bool },
    /// Wait for the leader's entry.
    Wait(Arc<Wait>, Arc<AnyEntry>),
}

/// What the caller of [`Flights::join`] is.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) asynchronous: bool,
    /// It will ask the shared tier before it runs the function.
    pub(crate) asks: bool,
    /// The number of landings when the store was looked into.
    pub(crate) seen: u64,
}

impl Flights {
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Shard::default()) }
    }

    /// The table of this process.
    pub(crate) fn global() -> &'static Self {
        #[cfg(not(cachekit_model))]
        static GLOBAL: std::sync::LazyLock<Flights> = std::sync::LazyLock::new(Flights::new);
        // One table per explored schedule.
        #[cfg(cachekit_model)]
        shuttle::lazy_static! {
            static ref GLOBAL: Flights = Flights::new();
        }
        &GLOBAL
    }

    fn shard(&self, hash: u64) -> &Shard {
        // The lowest bits place the entry in the front, the middle ones in the store's shards.
        #[allow(clippy::cast_possible_truncation)]
        let index = (hash >> 48) as usize % SHARDS;
        &self.shards[index]
    }

    /// Landings so far near `hash`; to be read before looking into the store.
    pub(crate) fn landed(&self, hash: u64) -> u64 {
        self.shard(hash).landed.load(Ordering::Acquire)
    }

    /// Takes the lead for `entry`'s key or joins the caller that has it. `same` compares keys.
    pub(crate) fn join(
        &'static self,
        entry: Arc<AnyEntry>,
        caller: Caller,
        same: &dyn Fn(&AnyEntry) -> bool,
    ) -> Join {
        let hash = entry.head.hash;
        let shard = self.shard(hash);
        let mut others: Vec<FlightId> = Vec::new();
        loop {
            let mut rows = lock(&shard.rows);
            let candidate = rows.iter().find(|row| {
                row.hash == hash && row.is_joinable() && !others.contains(&FlightId::of(&row.entry))
            });
            let Some(candidate) = candidate.map(|row| Arc::clone(&row.entry)) else {
                let recheck = shard.landed.load(Ordering::Acquire) != caller.seen;
                let flight = self.take_off(&mut rows, entry, caller, true);
                return Join::Lead { flight, recheck };
            };
            drop(rows);
            // The user's `Eq` runs without our lock: it may call a cached function itself.
            let id = FlightId::of(&candidate);
            if !same(&*candidate) {
                others.push(id);
                continue;
            }
            let mut rows = lock(&shard.rows);
            let found = rows.iter_mut().find(|row| FlightId::of(&row.entry) == id);
            let Some(row) = found.filter(|row| row.joinable) else {
                // It landed meanwhile, or is left behind; there may be another leader since.
                continue;
            };
            // A thread that blocked for a future could keep the executor from ever polling it.
            let blocks = row.asynchronous && !caller.asynchronous;
            if blocks || chain::would_deadlock(id) {
                return Join::Lead {
                    flight: self.take_off(&mut rows, entry, caller, false),
                    recheck: false,
                };
            }
            let asynchronous = row.asynchronous;
            let wait = row.wait.get_or_insert_with(|| Arc::new(Wait::new(asynchronous)));
            return Join::Wait(Arc::clone(wait), candidate);
        }
    }

    /// A fill that others cannot join, beside any that is running: forced, or re-entrant.
    pub(crate) fn lead_alone(&'static self, entry: Arc<AnyEntry>, caller: Caller) -> Flight {
        let mut rows = lock(&self.shard(entry.head.hash).rows);
        self.take_off(&mut rows, entry, caller, false)
    }

    /// A waiter's own run, beside the leader that it waited for in vain. Its answer ends the wait of all others,
    /// and so does the leader's. `None`: the wait is over.
    pub(crate) fn relieve(
        &'static self,
        entry: Arc<AnyEntry>,
        caller: Caller,
        wait: &Arc<Wait>,
    ) -> Option<Flight> {
        let mut rows = lock(&self.shard(entry.head.hash).rows);
        if wait.is_over() {
            return None;
        }
        // Callers that come later join the leader, unless that one is left behind.
        let joinable = !rows.iter().any(|row| row.waits_at(wait) && row.is_joinable());
        let mut flight = self.take_off(&mut rows, entry, caller, joinable);
        flight.stands_alone();
        if let Some(row) = rows.last_mut() {
            row.wait = Some(Arc::clone(wait));
        }
        Some(flight)
    }

    /// Puts a value that is already known in the place of every older fill of its key: those are killed, and
    /// callers from here on join this one.
    pub(crate) fn supersede(
        &'static self,
        entry: Arc<AnyEntry>,
        same: &dyn Fn(&AnyEntry) -> bool,
    ) -> Flight {
        let hash = entry.head.hash;
        let caller = Caller { asynchronous: false, asks: false, seen: 0 };
        let mut rows = lock(&self.shard(hash).rows);
        let flight = self.take_off(&mut rows, entry, caller, true);
        let start = rows.last().map_or(0, |row| row.start);
        let older: Vec<_> = rows
            .iter()
            .filter(|row| row.hash == hash && row.start < start)
            .map(|row| Arc::clone(&row.entry))
            .collect();
        drop(rows);
        kill_same(&older, same);
        flight
    }

    /// Appends a row.
    fn take_off(
        &'static self,
        rows: &mut Vec<Row>,
        entry: Arc<AnyEntry>,
        caller: Caller,
        joinable: bool,
    ) -> Flight {
        let hash = entry.head.hash;
        let pilot = Pilot { flights: self, hash, id: FlightId::of(&entry) };
        rows.push(Row {
            hash,
            entry,
            start: self.shard(hash).next_start(),
            phase: if caller.asks { Phase::Asking } else { Phase::Running },
            refreshing: false,
            joinable,
            asynchronous: caller.asynchronous,
            pulse: watch::Pulse::default(),
            wait: None,
        });
        Flight::new(pilot, !joinable)
    }

    /// Kills every running fill under `hash` that `same` accepts. What they compute is never stored.
    pub(crate) fn kill(&self, hash: u64, same: &dyn Fn(&AnyEntry) -> bool) {
        let rows = lock(&self.shard(hash).rows);
        let running: Vec<_> =
            rows.iter().filter(|row| row.hash == hash).map(|row| Arc::clone(&row.entry)).collect();
        drop(rows);
        kill_same(&running, same);
    }

    /// Kills every running fill of one cache.
    pub(crate) fn kill_owner(&self, owner: Owner) {
        for shard in &self.shards {
            for row in lock(&shard.rows).iter() {
                if row.entry.head.owner == owner {
                    row.entry.head.kill();
                }
            }
        }
    }

    /// Running fills, for tests.
    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.shards.iter().map(|shard| lock(&shard.rows).len()).sum()
    }
}

/// The user's `Eq` runs without our lock. A fill that lands meanwhile dies all the same.
fn kill_same(entries: &[Arc<AnyEntry>], same: &dyn Fn(&AnyEntry) -> bool) {
    for entry in entries {
        if same(entry) {
            entry.head.kill();
        }
    }
}
