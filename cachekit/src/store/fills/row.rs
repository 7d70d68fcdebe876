//! One fill, and the rows of a shard's fills.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::entry::Fate;
use crate::flight::pulse::Pulse;
use crate::flight::{FlightId, Wait};
use crate::store::slot::NONE;

/// What is known of a fill, in bits.
///
/// The shared tier is being asked and the function does not run yet: what comes of it may be older than every run.
pub(super) const ASKING: u8 = 1;
/// The same, and a run has kept its value meanwhile.
pub(super) const PASSED: u8 = 2;
/// What it computes is not stored.
pub(in crate::store) const KILLED: u8 = 4;
/// No other call gets its value: its waiters have continued with the stale value.
pub(super) const REFRESHING: u8 = 8;
/// It runs for its caller alone: forced, or re-entrant, or its waiters have been let go of.
pub(super) const ALONE: u8 = 16;
/// The leader is a future: a thread must not block until it is polled.
pub(super) const ASYNCHRONOUS: u8 = 32;
/// It changes a value by what is there: another that does waits for its end, and does not run beside it.
pub(super) const CHANGING: u8 = 64;

/// One fill.
pub(in crate::store) struct Fill {
    /// The number of the fill, never given twice in this process; 0: the row is empty.
    pub(super) ticket: u64,
    /// The number of its start, higher than that of every fill that started before.
    pub(super) start: u64,
    /// What few fills have.
    pub(super) rare: Option<Box<Rare>>,
    /// Its slot.
    pub(in crate::store) at: u32,
    /// The next fill of the hash, or the next empty row.
    pub(super) next: u32,
    pub(super) bits: u8,
}

#[derive(Default)]
pub(super) struct Rare {
    pulse: Pulse,
    /// Made by the first waiter.
    pub(super) wait: Option<Arc<Wait>>,
    /// What may end it besides this process.
    pub(super) fate: Option<Arc<Fate>>,
}

/// What the caller of a fill is.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) asynchronous: bool,
    /// It asks the shared tier before it runs the function.
    pub(crate) asks: bool,
}

impl Caller {
    #[inline]
    pub(in crate::store) fn bits(self) -> u8 {
        let asking = if self.asks { ASKING } else { 0 };
        asking | if self.asynchronous { ASYNCHRONOUS } else { 0 }
    }
}

impl Fill {
    #[inline]
    pub(super) fn is(&self, bits: u8) -> bool {
        self.bits & bits != 0
    }

    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_with(Box::default)
    }

    pub(in crate::store) fn wait(&self) -> Option<&Arc<Wait>> {
        self.rare.as_ref()?.wait.as_ref()
    }

    /// Where a caller that joins stands; made for the first one.
    pub(super) fn wait_to_join(&mut self) -> &Arc<Wait> {
        let asynchronous = self.is(ASYNCHRONOUS);
        self.rare().wait.get_or_insert_with(|| Arc::new(Wait::new(asynchronous)))
    }

    pub(super) fn take_wait(&mut self) -> Option<Arc<Wait>> {
        self.rare.as_mut()?.wait.take()
    }

    pub(super) fn waits_at(&self, wait: &Arc<Wait>) -> bool {
        self.wait().is_some_and(|own| Arc::ptr_eq(own, wait))
    }

    pub(in crate::store) fn pulse(&mut self) -> &mut Pulse {
        &mut self.rare().pulse
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.pulse.abandoned)
    }

    /// Callers can wait for it.
    #[inline]
    pub(super) fn is_joinable(&self) -> bool {
        !self.is(ALONE | KILLED) && !self.is_outdated()
    }

    /// An event of the shared tier has killed it.
    #[inline]
    pub(super) fn is_outdated(&self) -> bool {
        match &self.rare {
            None => false,
            Some(rare) => rare.fate.as_ref().is_some_and(|fate| fate.is_dead()),
        }
    }

    /// What it computes is not to be stored.
    pub(super) fn kill(&mut self) {
        self.bits |= KILLED;
        if let Some(fate) = self.rare.as_ref().and_then(|rare| rare.fate.as_ref()) {
            fate.condemn();
        }
    }
}

/// The rows of a shard's fills.
pub(in crate::store) struct Fills {
    pub(super) rows: Vec<Fill>,
    /// Empty rows, through `next`.
    free: u32,
    /// The number of the last start. Those of a shard grow.
    started: u64,
    /// The last that this shard may give before it asks for more.
    most: u64,
    /// Fills that are under way, lone ones as well.
    pub(in crate::store) running: usize,
}

/// Numbers that a shard asks for at once: so many that no two of the process are the same, and each is given without
/// looking at the others'.
const NUMBERS: u64 = 1 << 20;

impl Default for Fills {
    fn default() -> Self {
        Self { rows: Vec::new(), free: NONE, started: 0, most: 0, running: 0 }
    }
}

/// Where a fill is, as long as it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its slot, which is its hash's own as long as it has a fill.
    pub(super) at: u32,
    pub(super) ticket: u64,
}

impl Row {
    #[inline]
    pub(in crate::store) fn slot(self) -> u32 {
        self.at
    }

    /// Names the fill.
    #[inline]
    pub(crate) fn flight(self) -> FlightId {
        FlightId(self.ticket)
    }
}

impl Fills {
    #[inline]
    pub(super) fn next_start(&mut self) -> u64 {
        if self.started == self.most {
            self.more_numbers();
        }
        self.started += 1;
        self.started
    }

    #[cold]
    #[inline(never)]
    fn more_numbers(&mut self) {
        // Plain std on purpose: which numbers they are is no part of what the model checker explores.
        static GIVEN: AtomicU64 = AtomicU64::new(0);
        self.started = GIVEN.fetch_add(NUMBERS, Ordering::Relaxed);
        self.most = self.started + NUMBERS;
    }

    /// Lets go of all rows: no fill is under way.
    pub(in crate::store) fn compact(&mut self) {
        debug_assert_eq!(self.running, 0);
        (self.rows, self.free) = (Vec::new(), NONE);
    }

    /// Keeps a fill in a row. Returns which one.
    pub(super) fn add(&mut self, fill: Fill) -> u32 {
        let row = self.free;
        if let Some(empty) = self.rows.get_mut(row as usize) {
            self.free = empty.next;
            *empty = fill;
            return row;
        }
        let row = u32::try_from(self.rows.len())
            .unwrap_or_else(|_| unreachable!("fewer than 2^32 fills"));
        self.rows.push(fill);
        row
    }

    #[inline]
    pub(super) fn give_back(&mut self, row: u32) {
        let free = std::mem::replace(&mut self.free, row);
        let fill = &mut self.rows[row as usize];
        fill.ticket = 0;
        fill.next = free;
        self.running -= 1;
    }
}
