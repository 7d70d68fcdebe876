//! Single-flight: one running fill per key in the process; whoever else asks for the key waits for it.
//!
//! A flight *is* the still unpublished entry. The leader computes its value; an invalidation kills the
//! entry, which both detaches the flight (later callers start a new one) and makes its commit fail. So an
//! invalidation beats every fill that started before it.

use std::sync::Arc;

use crate::entry::{AnyEntry, Owner};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, lock};

pub(crate) mod chain;
mod wait;

#[cfg(all(test, not(cachekit_model)))]
mod tests;

pub(crate) use wait::{Failure, Landing, Wait};

/// So many that a shard rarely holds more than a few rows: they are searched one by one.
const SHARDS: usize = 256;

struct Row {
    hash: u64,
    entry: Arc<AnyEntry>,
    /// Only ordinary fills can be joined; a forced or re-entrant one runs for its caller alone.
    joinable: bool,
    /// The leader is a future: a thread must not block until somebody polls it.
    asynchronous: bool,
    /// Made by the first waiter.
    wait: Option<Arc<Wait>>,
}

/// On a cache line of its own: fills of other keys do not disturb.
#[derive(Default)]
#[repr(align(64))]
struct Shard {
    rows: Mutex<Vec<Row>>,
    /// Counts landings, so that a leader knows whether one happened since it looked into the store.
    landed: AtomicU64,
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

    /// Takes the lead for `entry`'s key or joins whoever has it. `same` compares keys.
    pub(crate) fn join(
        &'static self,
        entry: Arc<AnyEntry>,
        hash: u64,
        caller: Caller,
        same: &dyn Fn(&AnyEntry) -> bool,
    ) -> Join {
        let shard = self.shard(hash);
        let mut others: Vec<FlightId> = Vec::new();
        loop {
            let mut rows = lock(&shard.rows);
            let candidate = rows.iter().find(|row| {
                row.hash == hash
                    && row.joinable
                    && !row.entry.head.is_dead()
                    && !others.contains(&FlightId::of(&row.entry))
            });
            let Some(candidate) = candidate.map(|row| Arc::clone(&row.entry)) else {
                let recheck = shard.landed.load(Ordering::Acquire) != caller.seen;
                let flight = self.take_off(&mut rows, hash, entry, true, caller.asynchronous);
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
            let Some(row) = rows.iter_mut().find(|row| FlightId::of(&row.entry) == id) else {
                // It landed meanwhile; somebody else may have taken the lead since.
                continue;
            };
            // A thread that blocked for a future could keep the executor from ever polling it.
            let blocks = row.asynchronous && !caller.asynchronous;
            if blocks || chain::would_deadlock(id) {
                let flight = self.take_off(&mut rows, hash, entry, false, caller.asynchronous);
                return Join::Lead { flight, recheck: false };
            }
            let wait = Arc::clone(row.wait.get_or_insert_with(Arc::default));
            return Join::Wait(wait, candidate);
        }
    }

    /// A fill that nobody can join, beside any that is running: forced, or re-entrant.
    pub(crate) fn lead_alone(&'static self, entry: Arc<AnyEntry>) -> Flight {
        let hash = entry.head.hash;
        self.take_off(&mut lock(&self.shard(hash).rows), hash, entry, false, true)
    }

    /// Puts a value that is already known in the place of every running fill of its key: those are
    /// killed, and callers from here on join this one.
    pub(crate) fn supersede(
        &'static self,
        entry: Arc<AnyEntry>,
        same: &dyn Fn(&AnyEntry) -> bool,
    ) -> Flight {
        let hash = entry.head.hash;
        let flight = self.take_off(&mut lock(&self.shard(hash).rows), hash, entry, true, false);
        flight.overtake(same);
        flight
    }

    fn take_off(
        &'static self,
        rows: &mut Vec<Row>,
        hash: u64,
        entry: Arc<AnyEntry>,
        joinable: bool,
        asynchronous: bool,
    ) -> Flight {
        let id = FlightId::of(&entry);
        rows.push(Row { hash, entry, joinable, asynchronous, wait: None });
        Flight { flights: self, hash, id, joinable, landed: false }
    }

    /// Kills every running fill under `hash` that `same` accepts. What they compute is never stored.
    pub(crate) fn kill(&self, hash: u64, same: &dyn Fn(&AnyEntry) -> bool) {
        self.kill_except(hash, None, same);
    }

    fn kill_except(&self, hash: u64, kept: Option<FlightId>, same: &dyn Fn(&AnyEntry) -> bool) {
        let rows = lock(&self.shard(hash).rows);
        let candidates: Vec<_> = rows
            .iter()
            .filter(|row| row.hash == hash && Some(FlightId::of(&row.entry)) != kept)
            .map(|row| Arc::clone(&row.entry))
            .collect();
        drop(rows);
        // The user's `Eq` runs without our lock. A fill that lands meanwhile dies all the same.
        for entry in candidates {
            if same(&*entry) {
                entry.head.kill();
            }
        }
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

/// The leader's hold on its flight. Dropping it (cancellation, panic) releases the waiters to try again.
pub(crate) struct Flight {
    flights: &'static Flights,
    hash: u64,
    id: FlightId,
    /// Whether it is the one that others of its key wait for.
    joinable: bool,
    landed: bool,
}

impl Flight {
    pub(crate) fn id(&self) -> FlightId {
        self.id
    }

    /// Whether it leads for its caller alone: beside another of its key, that may even be waiting for it.
    pub(crate) fn is_alone(&self) -> bool {
        !self.joinable
    }

    /// Whether somebody waits right now: worth cloning a value or an error for.
    pub(crate) fn has_waiters(&self) -> bool {
        let rows = lock(&self.flights.shard(self.hash).rows);
        rows.iter().any(|row| FlightId::of(&row.entry) == self.id && row.wait.is_some())
    }

    /// Kills the other fills of this key: this one started later and knows better.
    pub(crate) fn overtake(&self, same: &dyn Fn(&AnyEntry) -> bool) {
        self.flights.kill_except(self.hash, Some(self.id), same);
    }

    /// Ends the flight and wakes the waiters with its result.
    #[inline]
    pub(crate) fn land(mut self, landing: Landing) {
        if let Some(wait) = self.finish() {
            wait.complete(landing);
        }
    }

    /// Takes the flight off the table. Who waits for it still has to be told.
    fn finish(&mut self) -> Option<Arc<Wait>> {
        self.landed = true;
        let shard = self.flights.shard(self.hash);
        let mut rows = lock(&shard.rows);
        let at = rows.iter().position(|row| FlightId::of(&row.entry) == self.id);
        let row = at.map(|at| rows.swap_remove(at));
        // Under the lock, so a load and a store will do.
        shard.landed.store(shard.landed.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
        drop(rows);
        row?.wait
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.landed {
            let landing = if std::thread::panicking() {
                Landing::Failed(Failure::Unshared)
            } else {
                Landing::Cancelled
            };
            if let Some(wait) = self.finish() {
                wait.complete(landing);
            }
        }
    }
}
