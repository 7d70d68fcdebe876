//! Which entries make room.
//!
//! There are two queues. A new entry enters the *window*, a few percent of the room; from there it goes to *main* if it
//! is worth more than the entry that has to go from there. What an entry is worth says how often its key was asked for
//! lately ([`super::sketch`]) and whether it was used since eviction looked at it last. Loops use nothing in the window,
//! which then is small; keys that come in bursts use much, and it grows. Between two that are worth the same,
//! [`super::challenge`] decides.
//!
//! The parts are known: the admission of W-TinyLFU (Einziger, Friedman, Manes, 2017), the lazy promotion of CLOCK and of
//! S3-FIFO (Yang and others, "FIFO Queues Are All You Need for Cache Eviction", SOSP 2023).

use std::mem;

use super::lists::{admit, unlink_first};
use super::out::{Cause, Gone, Out};
use super::shard::Inner;
use super::slot::{MAIN, NONE, WINDOW};
use crate::clock::Ticks;
use crate::entry::{self, Resident};

/// Used or worn entries of main that one candidate passes over.
pub(super) const MOST_PASSED: usize = 16;

/// Used entries of main that get another turn before one goes, because the window grew.
///
/// CLOCK would go on until it finds one that was not used, once around if all were: too long under the lock. Where so many
/// in a row were used, most were, and the next one goes as one of them. The others keep their turn, so the hand gets to
/// entries that are not used a few evictions later.
pub(super) const MOST_SPARED: usize = 64;

/// Entries that one insertion moves from the window to main while that has room. More than one, so that a window that has
/// become smaller gets there; few, for all happens under the lock.
pub(super) const MOST_PROMOTED: u32 = 8;

/// More uses than this are not told apart.
const MOST_USES: u8 = 3;

/// The window's share of the room, of 65,536: 1 % and up to 9 % more.
const LEAST_WINDOW: u64 = 655;
const MORE_WINDOW: u64 = 5_898;

/// What is certain, as a share.
const ONE: u64 = 65_536;

/// How fast the share of used entries follows what is seen: by 1/128 of the difference.
const SLOWNESS: u64 = 128;

/// How the room is divided between the queues.
pub(super) struct Window {
    room: u64,
    /// How much is the window's. At least one entry.
    own: u64,
    /// How much is main's.
    main: u64,
    /// Of entries that leave the window, the share that was used there: of 65,536.
    used: u64,
}

impl Window {
    pub(super) fn new(room: u64) -> Self {
        let mut window = Self { room, own: 0, main: 0, used: 0 };
        window.set();
        window
    }

    pub(super) fn resize(&mut self, room: u64) {
        self.room = room;
        self.set();
    }

    /// Divides the room anew.
    fn set(&mut self) {
        let share = LEAST_WINDOW + MORE_WINDOW * self.used / ONE;
        let small = self.room < 1 << 40;
        self.own = if small { self.room * share / ONE } else { self.room / ONE * share }.max(1);
        self.main = self.room.saturating_sub(self.own);
    }

    /// Notes whether an entry that leaves the window was used there.
    #[inline]
    fn adapt(&mut self, used: bool) {
        let target = if used { ONE / SLOWNESS } else { 0 };
        let share = self.used + target - self.used / SLOWNESS;
        // Where nothing is used in it, it soon is as small as can be, and stays so.
        if share != self.used {
            self.used = share;
            self.set();
        }
    }
}

/// Whether an entry that leaves the window goes where main has no room, and main is not even looked at: it was asked for
/// once.
#[inline(always)]
fn goes_by_itself(used: bool, worth: u64) -> bool {
    !used && worth <= 1
}

impl Inner {
    /// Makes room for one entry that has just come in, where entries have no weight and none has expired.
    #[inline(always)]
    pub(super) fn make_room_for_one(&mut self, newest: u32, out: &mut Out) {
        let mut promotions = MOST_PROMOTED;
        if self.in_window > self.window.own {
            // Two at least, and the newest is the last.
            let oldest = self.slot(u32::from(WINDOW)).next;
            let fits = self.fits_main(1);
            promotions -= u32::from(fits);
            self.judge(oldest, false, fits, 0, out);
        }
        if self.held > self.room || self.in_window > self.window.own {
            self.make_room(newest, promotions, 0, out);
        }
    }

    /// Puts an entry into a slot and evicts the oldest entry of the window, if the shard is full and that entry is
    /// evicted without a look at main. Otherwise nothing is done. Only for entries without a weight, of which none
    /// has expired.
    ///
    /// The same as adding the entry and then making room, in one step. If keys do not come back, most misses take it.
    #[inline(always)]
    pub(super) fn turn_over(&mut self, at: u32, entry: &mut Option<Resident>) -> Option<Gone> {
        let in_main = self.held - self.in_window;
        if self.held < self.room || self.in_window < self.window.own || in_main < self.window.main {
            return None;
        }
        // As a slice: its place is read once.
        let slots = &mut *self.slots;
        let oldest = slots[usize::from(WINDOW)].next;
        let slot = &mut slots[oldest as usize];
        let hash = slot.hash;
        let worth = self.sketch.estimate(hash);
        let old = slot.entry.as_ref()?;
        let looked = old.look();
        if !goes_by_itself(looked.0.is_visited(), worth) || slot.fills != NONE {
            return None;
        }
        let end = entry::evict(old, looked);
        let old = slot.entry.take()?;
        unlink_first(slots, WINDOW);
        slots[oldest as usize].give_back(mem::replace(&mut self.free, oldest));
        admit(slots, at, entry.take());
        self.index.remove(hash, oldest);
        self.window.adapt(false);
        self.counts.evictions += 1;
        Some(Gone { hash, entry: old, cause: Cause::Evicted, end })
    }

    /// Takes entries out until the rest fits. `newest` has just come in and stays, unless nothing else is left.
    ///
    /// What the window has too much of goes on to main as long as that has room: so many at each call, for a shard that
    /// becomes full all at once would have almost all of its entries to move.
    #[inline(never)]
    pub(super) fn make_room(
        &mut self,
        newest: u32,
        mut promotions: u32,
        now: Ticks,
        out: &mut Out,
    ) {
        loop {
            let is_full = self.held > self.room;
            let oldest = self.first_but(MAIN, newest);
            if let Some(at) = oldest.filter(|at| is_full && self.is_over(*at, now)) {
                self.take(at, Cause::Expired, out);
                continue;
            }
            let candidate = self.first_but(WINDOW, newest);
            if let Some(at) = candidate.filter(|_| self.in_window > self.window.own) {
                let fits = promotions > 0 && self.fits_main(self.weight_at(at));
                if fits || is_full {
                    promotions -= u32::from(fits);
                    self.judge(at, self.weighted, fits, now, out);
                    continue;
                }
            }
            if !is_full {
                return;
            }
            match (oldest, candidate) {
                (Some(_), _) => self.evict_from_main(newest, now, out),
                (None, Some(at)) => self.take(at, Cause::Evicted, out),
                (None, None) => {
                    let Some(last) = self.first(WINDOW).or_else(|| self.first(MAIN)) else {
                        return;
                    };
                    self.take(last, Cause::Evicted, out);
                }
            }
        }
    }

    /// Whether main has room for so much more.
    #[inline(always)]
    fn fits_main(&self, weight: u64) -> bool {
        self.held - self.in_window + weight <= self.window.main
    }

    #[inline]
    fn is_over(&self, at: u32, now: Ticks) -> bool {
        now > 0 && self.slot(at).entry.as_ref().is_some_and(|entry| entry.head().is_over(now))
    }

    #[inline]
    fn take_visit(&self, at: u32) -> bool {
        self.slot(at).entry.as_ref().is_some_and(|entry| entry.head().take_visit())
    }

    /// The window's oldest entry: it goes, by itself or with others, or goes on to main, which another may have to leave for
    /// it unless it `fits`. `weighted` is the shard's; given, so that it may be known where this is inlined.
    #[inline(always)]
    fn judge(&mut self, at: u32, weighted: bool, fits: bool, now: Ticks, out: &mut Out) {
        if self.is_over(at, now) {
            self.take(at, Cause::Expired, out);
            return;
        }
        let weight = if weighted { self.weight_at(at) } else { 1 };
        // Estimated now: what the key was worth when it came in is past.
        let hash = self.slot(at).hash;
        let mut worth = self.sketch.estimate(hash);
        let Some(entry) = self.slot(at).entry.as_ref() else { return };
        let looked = entry.look();
        let used = looked.0.take_visit();
        if goes_by_itself(used, worth) && !fits {
            let end = entry::evict(entry, looked);
            self.window.adapt(used);
            self.leaves(at, weight, (Cause::Evicted, end), out);
            return;
        }
        self.window.adapt(used);
        if used {
            worth = self.sketch.increment(hash);
        }
        if fits {
            self.promote(at, weight);
        } else {
            self.contest(at, weight, used, worth, now, out);
        }
    }

    #[inline]
    fn promote(&mut self, at: u32, weight: u64) {
        self.in_window -= weight;
        self.move_last(at, MAIN);
    }

    /// Lets a candidate stand against the entries that would have to go from main.
    #[inline(never)]
    fn contest(&mut self, at: u32, weight: u64, used: bool, worth: u64, now: Ticks, out: &mut Out) {
        let needed = (self.held - self.room).min(weight);
        let mut beaten = Beaten::default();
        let mut won = 0;
        let mut next = self.first(MAIN);
        let mut passed = 0;
        while let Some(opponent) = next.filter(|opponent| *opponent != u32::from(MAIN)) {
            next = Some(self.slot(opponent).next);
            if self.is_over(opponent, now) {
                self.take(opponent, Cause::Expired, out);
                if self.held <= self.room {
                    return;
                }
                continue;
            }
            let still_used = self.is_visited(opponent);
            if passed < MOST_PASSED && self.pass_over(opponent, still_used) {
                passed += 1;
                continue;
            }
            let hash = self.slot(opponent).hash;
            let stands = self.sketch.estimate(hash).max(1) + u64::from(still_used);
            if worth <= stands
                && !(used && worth >= stands.min(3))
                && !(worth == stands && !still_used && self.challenge_wins(at, opponent))
            {
                self.take(at, Cause::Evicted, out);
                return;
            }
            won += self.weight_at(opponent);
            beaten.push(opponent);
            if won >= needed {
                break;
            }
        }
        beaten.each(|opponent| self.take(opponent, Cause::Evicted, out));
        self.promote(at, weight);
    }

    /// Whether a candidate displaces an entry that it is worth as much as, and that was not used lately.
    fn challenge_wins(&mut self, at: u32, opponent: u32) -> bool {
        self.challenge.wins(self.slot(at).hash, opponent, self.entries)
    }

    #[inline]
    fn is_visited(&self, at: u32) -> bool {
        self.slot(at).entry.as_ref().is_some_and(|entry: &Resident| entry.head().is_visited())
    }

    /// Gives an entry of main another turn if it was used, or often before.
    #[inline]
    fn pass_over(&mut self, at: u32, is_used: bool) -> bool {
        if is_used && self.take_visit(at) {
            let slot = self.slot_mut(at);
            slot.uses = (slot.uses + 1).min(MOST_USES);
            let hash = slot.hash;
            self.sketch.increment(hash);
        } else if self.slot(at).uses > 1 {
            self.slot_mut(at).uses -= 1;
        } else {
            return false;
        }
        self.challenge.passed(at);
        self.move_last(at, MAIN);
        true
    }

    /// Main is too large, because the window grew: its oldest entry goes, unless it was used and few before it were.
    fn evict_from_main(&mut self, newest: u32, now: Ticks, out: &mut Out) {
        let mut turns = MOST_SPARED;
        while let Some(at) = self.first_but(MAIN, newest) {
            if self.is_over(at, now) {
                self.take(at, Cause::Expired, out);
                return;
            }
            if turns > 0 && self.take_visit(at) {
                turns -= 1;
                self.challenge.passed(at);
                self.move_last(at, MAIN);
                continue;
            }
            self.take(at, Cause::Evicted, out);
            return;
        }
    }
}

/// Entries that a candidate is worth more than; mostly one.
struct Beaten {
    first: u32,
    more: Vec<u32>,
}

impl Default for Beaten {
    fn default() -> Self {
        Self { first: NONE, more: Vec::new() }
    }
}

impl Beaten {
    fn push(&mut self, at: u32) {
        if self.first == NONE {
            self.first = at;
        } else {
            self.more.push(at);
        }
    }

    fn each(self, mut f: impl FnMut(u32)) {
        if self.first != NONE {
            f(self.first);
        }
        self.more.into_iter().for_each(f);
    }
}
