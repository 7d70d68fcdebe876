//! The running fills of a shard: how a caller leads one or joins it, and what kills it.
//!
//! Several fills of one key can be under way: refreshes, runs beside another, waiters that run the function themselves.
//! Each has the number of its start, and a value that is kept puts an end to every older one. All fills of a hash hang
//! at its slot; of two keys with one hash, the fills of either end those of the other, which then are run once more.

use std::sync::Arc;

use self::row::{ALONE, ASKING, ASYNCHRONOUS, CHANGING, Fill, PASSED};
pub(crate) use self::row::{Caller, Row};
pub(super) use self::row::{Fills, KILLED};
use super::index::Hole;
use super::shard::Inner;
use super::slot::{LONE, NONE, Slot};
use crate::entry::Fate;
use crate::flight::Wait;
use crate::flight::wait_graph::{self, Waiting};

mod ending;
mod row;

/// Whose turn it is to change a value by what is there.
pub(crate) enum Turn {
    /// The caller's.
    Mine(Row),
    /// The caller is inside of another that does: beside it.
    Alone(Row),
    /// Another's.
    Wait(Waiting),
}

/// What a caller that wants to join a fill is to do.
pub(crate) enum Join {
    /// Wait for its leader.
    Wait(Waiting),
    /// Waiting could go on forever: run the function beside the leader.
    Alone,
    /// It has ended, or is left behind: look again.
    Gone,
}

impl Inner {
    /// Starts a fill.
    #[inline]
    pub(super) fn start(&mut self, at: u32, caller: Caller, joinable: bool) -> Row {
        self.settle(at);
        let ticket = self.fills.next_start();
        self.fills.running += 1;
        let bits = caller.bits() | if joinable { 0 } else { ALONE };
        let next = self.slot(at).fills;
        let row = self.fills.add(Fill { ticket, start: ticket, rare: None, at, next, bits });
        self.slot_mut(at).fills = row;
        Row { at, ticket }
    }

    /// Starts the fill of a hash that has no slot yet. Usually only its leader ever looks at it; then it needs no row
    /// and stays in the slot until it ends.
    #[inline(always)]
    pub(super) fn start_new(&mut self, hash: u64, hole: Hole, bits: u8) -> Row {
        let ticket = self.fills.next_start();
        self.fills.running += 1;
        let at = self.free_slot();
        self.use_slot(at, hash, hole).begin(ticket, bits);
        Row { at, ticket }
    }

    /// Gives the lone fill of a slot a row, if it has one.
    #[inline]
    fn settle(&mut self, at: u32) {
        if self.slot(at).fills == LONE {
            self.settle_lone(at);
        }
    }

    #[inline(never)]
    fn settle_lone(&mut self, at: u32) {
        let (ticket, bits) = self.slot(at).lone();
        let row = self.fills.add(Fill { ticket, start: ticket, rare: None, at, next: NONE, bits });
        self.slot_mut(at).fills = row;
    }

    /// Which row a fill is in.
    fn row_of(&mut self, Row { at, ticket }: Row) -> Option<u32> {
        // Where it has ended, the shard may have become smaller since.
        self.slots.get(at as usize)?;
        self.settle(at);
        let mut row = self.slot(at).fills;
        loop {
            let fill = self.fills.rows.get(row as usize)?;
            if fill.ticket == ticket {
                return Some(row);
            }
            row = fill.next;
        }
    }

    /// A fill, if it is still under way.
    pub(super) fn fill(&mut self, row: Row) -> Option<&mut Fill> {
        let row = self.row_of(row)?;
        self.fills.rows.get_mut(row as usize)
    }

    /// The fills of a slot, which have been settled.
    fn fills_at(&self, at: u32) -> impl Iterator<Item = (Row, &Fill)> {
        let mut next = self.slot(at).fills;
        std::iter::from_fn(move || {
            let fill = self.fills.rows.get(next as usize)?;
            next = fill.next;
            Some((Row { at, ticket: fill.ticket }, fill))
        })
    }

    /// Does something to every fill of a slot.
    pub(super) fn each_fill(&mut self, at: u32, mut f: impl FnMut(Row, &mut Fill)) {
        self.settle(at);
        let mut next = self.slot(at).fills;
        while let Some(fill) = self.fills.rows.get_mut(next as usize) {
            next = fill.next;
            f(Row { at, ticket: fill.ticket }, fill);
        }
    }

    /// Ends every fill of the shard.
    pub(super) fn kill_all(&mut self) {
        if self.fills.running == 0 {
            return;
        }
        self.fills.rows.iter_mut().filter(|fill| fill.ticket != 0).for_each(Fill::kill);
        self.slots.iter_mut().filter(|slot| slot.fills == LONE).for_each(Slot::kill_lone);
    }

    /// A fill that a caller can wait for.
    #[inline]
    pub(super) fn joinable(&mut self, at: u32) -> Option<Row> {
        if self.slot(at).fills == NONE {
            return None;
        }
        self.settle(at);
        self.fills_at(at).find(|(_, fill)| self.takes_newcomers(at, fill)).map(|(row, _)| row)
    }

    /// Whether a caller that comes now may wait for a fill. Not if its waiters wait for another as well that
    /// was ended: they began before that, and may have its value; a newcomer may not. A wait that is over is at no fill.
    fn takes_newcomers(&self, at: u32, fill: &Fill) -> bool {
        let ended = |wait| {
            let ended = |fill: &Fill| fill.is(KILLED) || fill.is_outdated();
            self.fills_at(at).any(|(_, other)| other.waits_at(wait) && ended(other))
        };
        fill.is_joinable() && !fill.wait().is_some_and(ended)
    }

    /// Joins a fill, unless waiting for it would hold something up.
    pub(super) fn join(&mut self, row: Row, asynchronous: bool) -> Join {
        let at = self.row_of(row);
        let fill = at.and_then(|at| self.fills.rows.get(at as usize));
        if !fill.is_some_and(|fill| self.takes_newcomers(fill.at, fill)) {
            return Join::Gone;
        }
        let Some(fill) = self.fill(row) else { return Join::Gone };
        // A thread that blocked for a future could keep the executor from ever polling it.
        let blocks = fill.is(ASYNCHRONOUS) && !asynchronous;
        if blocks {
            return Join::Alone;
        }
        let waiting = wait_graph::wait_for(row.flight(), || Arc::clone(fill.wait_to_join()));
        waiting.map_or(Join::Alone, Join::Wait)
    }

    /// Starts a fill that changes a value by what is there. Another that does is joined; all others end.
    pub(super) fn turn(&mut self, at: u32) -> Turn {
        self.settle(at);
        let changing = self.fills_at(at).find(|(_, fill)| fill.is(CHANGING) && fill.is_joinable());
        let caller = Caller { asynchronous: false, asks: false };
        if let Some((row, _)) = changing
            && let Some(fill) = self.fill(row)
        {
            // It waits for the end alone, and looks again: that others wait for an answer from before makes no difference.
            let waiting = wait_graph::wait_for(row.flight(), || Arc::clone(fill.wait_to_join()));
            return match waiting {
                Some(waiting) => Turn::Wait(waiting),
                // It is the caller's own, or waits for the caller.
                None => Turn::Alone(self.start(at, caller, false)),
            };
        }
        self.kill_fills(at);
        let row = self.start(at, caller, true);
        if let Some(fill) = self.fill(row) {
            fill.bits |= CHANGING;
        }
        Turn::Mine(row)
    }

    /// Whether a fill that changes the value, and that callers wait for here, was not killed.
    pub(super) fn is_changing(&mut self, at: u32, wait: &Arc<Wait>) -> bool {
        self.settle(at);
        self.fills_at(at)
            .any(|(_, fill)| fill.is(CHANGING) && fill.is_joinable() && fill.waits_at(wait))
    }

    /// A waiter's own run, beside the leader that it waited for in vain. Its answer ends the wait of all others, and so
    /// does the leader's. `None`: the wait is over.
    ///
    /// A wait is over from when no fill has it any more ([`leave`](Self::leave)). Its waiters are told a moment later, without
    /// the lock; were it taken up meanwhile, callers that come now would be told as well.
    pub(super) fn relieve(&mut self, at: u32, caller: Caller, wait: &Arc<Wait>) -> Option<Row> {
        self.settle(at);
        let (mut goes_on, mut led) = (false, false);
        for (_, fill) in self.fills_at(at).filter(|(_, fill)| fill.waits_at(wait)) {
            goes_on = true;
            // Callers that come later join the leader, unless that one is left behind.
            led |= fill.is_joinable();
        }
        if !goes_on {
            return None;
        }
        let row = self.start(at, caller, !led);
        if let Some(fill) = self.fill(row) {
            fill.rare().wait = Some(Arc::clone(wait));
        }
        Some(row)
    }

    /// Whether a caller waits for a fill right now: worth cloning a value or an error for.
    pub(super) fn has_waiters(&mut self, row: Row) -> bool {
        let Some(fill) = self.fill(row) else { return false };
        let (at, Some(wait)) = (fill.at, fill.wait().cloned()) else { return false };
        // Waiters hold it, beside its fills and ourselves.
        let ours = 1 + self.fills_at(at).filter(|(_, fill)| fill.waits_at(&wait)).count();
        Arc::strong_count(&wait) > ours
    }

    /// The shared tier is consulted for this fill, so its events about the key can kill the fill.
    pub(super) fn asks(&mut self, row: Row, fate: &Arc<Fate>) {
        let Some(fill) = self.fill(row) else { return };
        fill.rare().fate = Some(Arc::clone(fate));
        if fill.is(KILLED) {
            fate.condemn();
        }
    }

    /// The shared tier had nothing to end the call with, and the function runs now. What it returns is as new as
    /// this moment.
    pub(super) fn runs(&mut self, row: Row) {
        let start = self.fills.next_start();
        if let Some(fill) = self.fill(row).filter(|fill| fill.is(ASKING | PASSED)) {
            fill.bits &= !(ASKING | PASSED);
            fill.start = start;
        }
    }

    /// One look at the leaders that share these waiters: what wakes them, and whether none of them moves any more.
    pub(super) fn look_after(
        &mut self,
        hash: u64,
        wait: &Arc<Wait>,
    ) -> (Vec<std::task::Waker>, bool) {
        let (mut knocks, mut abandoned, mut any) = (Vec::new(), true, false);
        let Some(at) = self.find(hash) else { return (knocks, false) };
        self.each_fill(at, |_, fill| {
            if !fill.waits_at(wait) {
                return;
            }
            any = true;
            knocks.extend(fill.pulse().look());
            if fill.is_abandoned() {
                // Callers that come from here on need not wait for that to be found out again.
                fill.bits |= ALONE;
            } else {
                abandoned = false;
            }
        });
        (knocks, any && abandoned)
    }
}
