//! A leader's hold on its flight.

use std::sync::Arc;
use std::task::Waker;

use super::wait::Wakers;
use super::{Failure, FlightId, Flights, Landing, Phase, Row, Shard, chain};
use crate::entry::AnyEntry;
use crate::sync::MutexGuard;
use crate::sync::lock;

/// Where a flight is, for the poll that drives its leader.
#[derive(Clone, Copy)]
pub(crate) struct Pilot {
    pub(super) flights: &'static Flights,
    pub(super) hash: u64,
    pub(super) id: FlightId,
}

impl Pilot {
    fn shard(&self) -> &'static Shard {
        self.flights.shard(self.hash)
    }

    /// Does something to the flight's row.
    fn at<R>(&self, f: impl FnOnce(&mut Row) -> R) -> Option<R> {
        let mut rows = lock(&self.shard().rows);
        self.find(&mut rows).map(f)
    }

    fn find<'a>(&self, rows: &'a mut MutexGuard<'_, Vec<Row>>) -> Option<&'a mut Row> {
        rows.iter_mut().find(|row| FlightId::of(&row.entry) == self.id)
    }

    /// A poll of the leader begins, not its first one.
    pub(super) fn polled(&self) {
        // Dropped without our lock.
        let _former = self.at(|row| row.pulse.polled());
    }

    /// A poll of the leader ended without a result.
    pub(super) fn pending(&self, waker: &Waker) {
        let waker = waker.clone();
        self.at(|row| row.pulse.pending(waker));
    }
}

/// The leader's hold on its flight. Dropping it (cancellation, panic) releases the waiters to try again.
pub(crate) struct Flight {
    pilot: Pilot,
    /// It leads for its caller alone.
    alone: bool,
    landed: bool,
}

impl Flight {
    pub(super) fn new(pilot: Pilot, alone: bool) -> Self {
        Self { pilot, alone, landed: false }
    }

    pub(super) fn stands_alone(&mut self) {
        self.alone = true;
    }

    pub(crate) fn id(&self) -> FlightId {
        self.pilot.id
    }

    pub(crate) fn pilot(&self) -> Pilot {
        self.pilot
    }

    /// Whether it runs beside another of its key, that may even be waiting for it.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone
    }

    /// Whether a caller waits right now: worth cloning a value or an error for.
    pub(crate) fn has_waiters(&self) -> bool {
        let mut rows = lock(&self.pilot.shard().rows);
        let Some(wait) = self.pilot.find(&mut rows).and_then(|row| row.wait.clone()) else {
            return false;
        };
        // Waiters hold it, beside its rows and ourselves.
        let ours = 1 + rows.iter().filter(|row| row.waits_at(&wait)).count();
        Arc::strong_count(&wait) > ours
    }

    /// The shared tier had nothing to end the call with, and the function runs now. What it returns is as new as
    /// this moment.
    pub(crate) fn runs(&self) {
        let shard = self.pilot.shard();
        self.pilot.at(|row| {
            if row.phase != Phase::Running {
                row.phase = Phase::Running;
                row.start = shard.next_start();
            }
        });
    }

    /// Puts an end to the flights of this key that started before: this one has a value to be kept, and a newer
    /// one. The flights that it runs inside of are spared; they end later, and have used what this one has.
    ///
    /// True if a run is under way that started later: its value is to replace this one in every tier.
    pub(crate) fn overtake(&self, same: &dyn Fn(&AnyEntry) -> bool) -> bool {
        let shard = self.pilot.shard();
        let mut rows = lock(&shard.rows);
        let Some(start) = self.pilot.find(&mut rows).map(|row| row.start) else { return false };
        let others: Vec<_> = rows
            .iter()
            // One whose copy alone was ended may still write to the shared tier.
            .filter(|row| row.hash == self.pilot.hash && !row.entry.head.is_invalidated())
            .filter(|row| FlightId::of(&row.entry) != self.pilot.id)
            .map(|row| Arc::clone(&row.entry))
            .collect();
        drop(rows);
        let mut younger = false;
        // The user's `Eq` runs without our lock.
        for entry in others {
            let other = Pilot { id: FlightId::of(&entry), ..self.pilot };
            if chain::contains(other.id) || !same(&entry) {
                continue;
            }
            other.at(|row| {
                if row.phase != Phase::Running {
                    // What it finds may be older. If it finds nothing, it starts its run now; one that will run in
                    // any case has as good as started.
                    row.phase = Phase::Passed;
                    younger |= !row.joinable && row.start > start;
                } else if row.start < start {
                    row.entry.head.kill();
                } else {
                    younger = true;
                }
            });
        }
        younger
    }

    /// Runs `commit`, which stores the entry and says whether it did, with no other publication of the key
    /// meanwhile. Unless this flight is still asking and a run was faster.
    pub(crate) fn publish(&self, commit: impl FnOnce() -> bool) -> bool {
        let mut rows = lock(&self.pilot.shard().rows);
        let passed = self.pilot.find(&mut rows).is_some_and(|row| row.phase == Phase::Passed);
        !passed && commit()
    }

    /// Has the callers that wait go on with an old value while this flight replaces it. False, and nothing is
    /// done, if another one is at it.
    pub(crate) fn refreshes(&self, landing: Landing) -> bool {
        let mut rows = lock(&self.pilot.shard().rows);
        // By the hash alone: another key of the same hash is served its old value a little longer.
        if rows.iter().any(|row| row.refreshing && row.hash == self.pilot.hash) {
            return false;
        }
        let Some(row) = self.pilot.find(&mut rows) else { return false };
        row.refreshing = true;
        let wakers = release(row, landing);
        drop(rows);
        wakers.wake();
        true
    }

    /// Wakes the waiters with the result. The flight goes on, so that younger ones can put an end to it.
    pub(crate) fn release(&self, landing: Landing) {
        let shard = self.pilot.shard();
        let wakers = self.pilot.at(|row| {
            // Its value is there: a caller that looked before looks again.
            shard.count_landing();
            release(row, landing)
        });
        if let Some(wakers) = wakers {
            wakers.wake();
        }
    }

    /// Ends the flight and wakes the waiters with its result.
    #[inline]
    pub(crate) fn land(mut self, landing: Landing) {
        self.finish(landing).wake();
    }

    /// Takes the flight off the table.
    fn finish(&mut self, landing: Landing) -> Wakers {
        self.landed = true;
        let shard = self.pilot.shard();
        let mut rows = lock(&shard.rows);
        let at = rows.iter().position(|row| FlightId::of(&row.entry) == self.pilot.id);
        let row = at.map(|at| rows.swap_remove(at));
        shard.count_landing();
        let Some(mut row) = row else { return Wakers::default() };
        let Some(wait) = row.wait.take() else {
            drop(rows);
            return Wakers::default();
        };
        let answers = landing.is_an_answer();
        let mut beside = rows.iter_mut().filter(|row| row.waits_at(&wait));
        let wakers = if answers {
            // Callers that come to these later must not get an answer that was there before they asked.
            beside.for_each(|row| row.wait = None);
            wait.complete(landing, Arc::clone(&row.entry))
        } else if let Some(other) = beside.find(|row| !row.pulse.abandoned) {
            // They wait on: another run is under way.
            other.joinable = true;
            Wakers::default()
        } else {
            beside_none(&mut rows, &wait);
            wait.complete(landing, Arc::clone(&row.entry))
        };
        drop(rows);
        drop(row);
        wakers
    }
}

/// Takes a wait from all rows.
fn beside_none(rows: &mut [Row], wait: &Arc<super::Wait>) {
    for row in rows.iter_mut().filter(|row| row.waits_at(wait)) {
        row.wait = None;
    }
}

fn release(row: &mut Row, landing: Landing) -> Wakers {
    row.joinable = false;
    match row.wait.take() {
        Some(wait) => wait.complete(landing, Arc::clone(&row.entry)),
        None => Wakers::default(),
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
            self.finish(landing).wake();
        }
    }
}
