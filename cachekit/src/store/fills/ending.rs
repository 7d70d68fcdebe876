//! How a fill ends: overtaken by a newer value, killed, replaced by an old value for its waiters, or landed.

use std::sync::Arc;

use super::row::{ALONE, ASKING, ASYNCHRONOUS, CHANGING, KILLED, PASSED, REFRESHING, Rare, Row};
use crate::clock::Ticks;
use crate::entry::Resident;
use crate::flight::{Landing, Wait, wait_graph};
use crate::store::out::{Cause, Out};
use crate::store::shard::Inner;
use crate::store::slot::{LONE, NONE};

/// What a fill may be that ends plainly.
const PLAIN: u8 = ALONE | ASYNCHRONOUS | CHANGING;

/// What a fill comes to at its end.
#[derive(Default)]
pub(in crate::store) struct Ended {
    /// Where its waiters stand, if they are to learn of it.
    pub(in crate::store) wait: Option<Arc<Wait>>,
    /// To be dropped without the lock: wakers, for one.
    rare: Option<Box<Rare>>,
}

impl Ended {
    /// Wakes the waiters. Without the lock.
    #[inline]
    pub(in crate::store) fn land(mut self, landing: impl FnOnce() -> Landing) {
        if let Some(wait) = self.wait.take() {
            wait.complete(landing()).wake();
        }
    }
}

impl Drop for Ended {
    #[inline]
    fn drop(&mut self) {
        // There was nothing to tell them: they try again.
        if let Some(wait) = self.wait.take() {
            wait.complete(Landing::Cancelled).wake();
        }
    }
}

impl Inner {
    /// Puts an end to the fills of this key that started before: this one has a value to be kept, and a newer one. The
    /// fills that it runs inside of are spared; they end later, and have used what this one has. If it changes a value, all
    /// others end, as for a value that is put here: a run that started meanwhile has not seen the change.
    ///
    /// True if a run is under way that started later: its value is to replace this one in every tier.
    pub(in crate::store) fn overtake(&mut self, row: Row, out: &mut Out) -> bool {
        let Some(fill) = self.fill(row).filter(|fill| !fill.is(KILLED)) else { return false };
        let (at, start, changes) = (fill.at, fill.start, fill.is(CHANGING));
        let (mut younger, mut changing) = (false, false);
        self.each_fill(at, |other, fill| {
            if other == row || fill.is(KILLED) || wait_graph::contains(other.flight()) {
                return;
            }
            if changes {
                fill.kill();
                return;
            }
            if fill.is(CHANGING) {
                // It works on what was there, and no run is to come in between.
                changing = true;
                return;
            }
            if fill.is(ASKING | PASSED) {
                // What it finds may be older. If it finds nothing, it starts its run now; one that will run in any
                // case has as good as started.
                fill.bits |= PASSED;
                younger |= fill.is(ALONE) && fill.start > start;
            } else if fill.start < start {
                fill.kill();
            } else {
                younger = true;
            }
        });
        if changing && let Some(fill) = self.fill(row) {
            fill.kill();
        }
        // A value that was put here, and is on its way to the shared tier, has a fill as well.
        let condemned =
            |entry: &Resident| entry.head().fate().is_some_and(|it| it.is_invalidated());
        if self.slot(at).entry.as_ref().is_some_and(condemned) {
            self.take(at, Cause::Replaced, out);
        }
        younger
    }

    /// The same at the end of a run, if there are others. False if the function did not run: what was found in the
    /// shared tier is older than every run.
    #[inline]
    pub(in crate::store) fn overtake_by_run(&mut self, row: Row, out: &mut Out) -> bool {
        let Some(own) = self.row_of(row) else { return false };
        let fill = &self.fills.rows[own as usize];
        let (at, next) = (fill.at, fill.next);
        if fill.is(ASKING | PASSED) {
            return false;
        }
        if next != NONE || self.slot(at).fills != own {
            self.overtake(row, out);
        }
        true
    }

    /// Ends a lone fill that has an entry with this end, where entries have no weight and none has expired: what most fills
    /// come to. The slot waits for the entry. Else nothing is done.
    #[inline(always)]
    pub(in crate::store) fn ends_lone(&mut self, row: Row, ends: Ticks, now: Ticks) -> bool {
        let Some(slot) = self.slots.get_mut(row.at as usize) else { return false };
        let is_plain = slot.fills == LONE && slot.lone() == (row.ticket, slot.lone().1 & PLAIN);
        if !is_plain || self.weighted || self.room == 0 || self.sweep.earliest.min(ends) <= now {
            return false;
        }
        slot.fills = NONE;
        self.sweep.expects(ends);
        self.fills.running -= 1;
        self.counts.loads += 1;
        true
    }

    /// Ends a fill that has nothing to it: the function ran, no other fill of the hash is under way, and no caller waits.
    /// Gives its slot. `None`: there is something, and it goes on.
    #[inline(never)]
    pub(in crate::store) fn ends_plain(&mut self, row: Row) -> Option<u32> {
        let first = self.row_of(row)?;
        let fill = &self.fills.rows[first as usize];
        let is_plain = !fill.is(!PLAIN) && fill.rare.is_none() && fill.next == NONE;
        let slot = &mut self.slots[row.at as usize];
        if !is_plain || slot.fills != first {
            return None;
        }
        slot.fills = NONE;
        self.fills.give_back(first);
        Some(row.at)
    }

    /// Whether callers may wait for a fill.
    #[inline]
    pub(in crate::store) fn has_wait(&mut self, row: Row) -> bool {
        self.fill(row).is_some_and(|fill| fill.wait().is_some())
    }

    /// Ends every fill of a slot.
    #[inline]
    pub(in crate::store) fn kill_fills(&mut self, at: u32) {
        if self.slot(at).fills != NONE {
            self.each_fill(at, |_, fill| fill.kill());
        }
    }

    /// Whether what a fill has may be stored.
    #[inline]
    pub(in crate::store) fn may_store(&mut self, row: Row) -> bool {
        self.fill(row).is_some_and(|fill| !fill.is(KILLED | PASSED))
    }

    /// Lets the callers that wait for a fill continue with the stale value while the fill replaces it. `None`, and
    /// nothing changes, if another fill of the hash already does that.
    pub(in crate::store) fn refreshes(&mut self, row: Row) -> Option<Ended> {
        let at = self.fill(row)?.at;
        if self.fills_at(at).any(|(_, fill)| fill.is(REFRESHING)) {
            return None;
        }
        let fill = self.fill(row)?;
        fill.bits |= REFRESHING | ALONE;
        let wait = fill.take_wait();
        let wait = wait.and_then(|wait| self.leave(at, wait, true));
        Some(Ended { wait, rare: None })
    }

    /// Ends a fill. Gives its waiters, if they are to learn of it: with `answers` they get what they wait for.
    #[inline]
    pub(in crate::store) fn end(&mut self, row: Row, answers: bool) -> Ended {
        let Some(row) = self.row_of(row) else { return Ended::default() };
        let fill = &mut self.fills.rows[row as usize];
        let (at, next, rare) = (fill.at, fill.next, fill.rare.take());
        if self.slot(at).fills == row {
            self.slot_mut(at).fills = next;
        } else {
            self.unchain(at, row, next);
        }
        self.fills.give_back(row);
        let mut ended = Ended { wait: None, rare };
        if let Some(wait) = ended.rare.as_mut().and_then(|rare| rare.wait.take()) {
            ended.wait = self.leave(at, wait, answers);
        }
        ended
    }

    #[cold]
    fn unchain(&mut self, at: u32, row: u32, next: u32) {
        let mut before = self.slot(at).fills;
        while let Some(fill) = self.fills.rows.get_mut(before as usize) {
            if fill.next == row {
                fill.next = next;
                return;
            }
            before = fill.next;
        }
    }

    /// A fill leaves the waiters that it may share with others. Gives them if their wait is over: then no fill has it, and no
    /// caller can come to it any more.
    #[cold]
    fn leave(&mut self, at: u32, wait: Arc<Wait>, answers: bool) -> Option<Arc<Wait>> {
        if !answers {
            let mut goes_on = false;
            self.each_fill(at, |_, fill| {
                if !goes_on && fill.waits_at(&wait) && !fill.is_abandoned() {
                    // They wait on: another run is under way.
                    fill.bits &= !ALONE;
                    goes_on = true;
                }
            });
            if goes_on {
                return None;
            }
        }
        // Callers that come to the others later must not get an answer that was there before they asked.
        self.each_fill(at, |_, fill| {
            if fill.waits_at(&wait) {
                fill.take_wait();
            }
        });
        Some(wait)
    }
}
