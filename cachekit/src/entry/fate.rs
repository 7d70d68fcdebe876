//! What becomes of a value that a backend may have, too: news from there can end it before there is an entry.
//!
//! A call that asks a shared tier has a fate from then on. Whatever ends its fill ends the fate; when the value becomes
//! an entry, what ends the entry ends the fate, and the other way round. To ask a fate is to read a number: nothing is held
//! meanwhile, so no value can end with the question.

use std::fmt;
use std::sync::{Arc, Weak};

use super::{AnyEntry, Resident};
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Mutex, lock};

// How far it has come, in order.

const GOES_ON: u8 = 0;
/// The copy has ended: the shared tier's news came.
const OUTDATED: u8 = 1;
/// The value itself was invalidated, replaced or evicted.
const DEAD: u8 = 2;

/// See above.
pub(crate) struct Fate {
    /// Of the key: the entry's place in its store.
    hash: u64,
    /// How it ended, if it did: the highest state of the fill and the entry.
    state: AtomicU8,
    /// Weak, because the entry holds its fate.
    entry: Mutex<Option<Weak<dyn AnyEntry>>>,
}

impl fmt::Debug for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fate").finish_non_exhaustive()
    }
}

impl Fate {
    pub(crate) fn new(hash: u64) -> Arc<Self> {
        Arc::new(Self { hash, state: AtomicU8::new(GOES_ON), entry: Mutex::new(None) })
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    fn state(&self) -> u8 {
        self.state.load(Ordering::Acquire)
    }

    /// Hands it on to the entry. False if it has ended before: then the entry is not to be stored.
    pub(crate) fn becomes(&self, entry: &Resident) -> bool {
        let mut held = lock(&self.entry);
        // Under the lock: what ends it afterwards finds the entry.
        if self.state() >= OUTDATED {
            return false;
        }
        *held = Some(Arc::downgrade(entry));
        true
    }

    /// The entry, if there is one and something still holds it. To be dropped where a destructor may run: it may be the
    /// last that holds the value.
    pub(crate) fn entry(&self) -> Option<Resident> {
        lock(&self.entry).as_ref()?.upgrade()
    }

    /// Whether nothing serves the value, here or later.
    pub(crate) fn is_dead(&self) -> bool {
        self.state() >= OUTDATED
    }

    /// Whether the value itself was invalidated, replaced or evicted, and not only its copy here.
    pub(crate) fn is_invalidated(&self) -> bool {
        self.state() == DEAD
    }

    /// Its entry has ended, or its fill under the lock of its shard, where the caller sees to the entry.
    fn note(&self, state: u8) {
        self.state.fetch_max(state, Ordering::AcqRel);
    }

    /// Ends it under the lock of its shard: an entry that is there already is for the caller to take out.
    pub(crate) fn condemn(&self) {
        self.note(DEAD);
    }

    /// Ends it.
    pub(crate) fn kill(&self) {
        drop(self.end(DEAD));
    }

    /// As [`kill`](Self::kill), on a thread where no destructor may run.
    pub(crate) fn kill_elsewhere(&self) -> Ended {
        self.end(DEAD)
    }

    /// Ends the copy, and not what it is a copy of; on a thread where no destructor may run.
    pub(crate) fn outdate(&self) -> Ended {
        self.end(OUTDATED)
    }

    fn end(&self, state: u8) -> Ended {
        let first = self.state.fetch_max(state, Ordering::AcqRel) < OUTDATED;
        let entry = self.entry();
        if let Some(entry) = &entry {
            let head = entry.head();
            if state == DEAD {
                head.kill();
            } else {
                head.outdate();
            }
        }
        Ended { first, entry }
    }

    /// Puts an entry that was in doubt back, unless it was invalidated, replaced or evicted meanwhile.
    pub(crate) fn trust(&self) -> bool {
        self.entry().is_some_and(|entry| entry.head().trust())
    }
}

/// What the end of a fate came to.
pub(crate) struct Ended {
    /// It had not ended before.
    pub(crate) first: bool,
    /// To be dropped where a destructor may run.
    pub(crate) entry: Option<Resident>,
}
