//! The fate of a value that a backend may have, too: an event from the backend can kill it before there is an entry.
//!
//! A call that consults a shared tier has a fate from then on. Whatever kills its fill kills the fate. When the value
//! becomes an entry, killing one also kills the other. Querying a fate reads a number and holds nothing, so no query
//! can drop a value.

use std::sync::{Arc, Weak};

use super::{AnyEntry, Resident};
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Mutex, lock};

// The states, in order.

const GOES_ON: u8 = 0;
/// The copy has ended: an event of the shared tier arrived.
const OUTDATED: u8 = 1;
/// The value itself was invalidated or replaced, or has expired. Eviction does not end a fate: the value is as good as
/// before, and may be on its way to the shared tier.
const DEAD: u8 = 2;

/// See above.
pub(crate) struct Fate {
    /// Hash of the key: the entry's slot in its store.
    hash: u64,
    /// How it ended, if it did: the highest state of the fill and the entry.
    state: AtomicU8,
    /// Weak, because the entry holds its fate.
    entry: Mutex<Option<Weak<dyn AnyEntry>>>,
}

opaque!([] "Fate", Fate);

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

    /// Passes it on to the entry. False if it has ended before: then the entry must not be stored.
    pub(crate) fn becomes(&self, entry: &Resident) -> bool {
        let mut held = lock(&self.entry);
        // Under the lock: what kills it afterwards finds the entry.
        if self.state() >= OUTDATED {
            return false;
        }
        *held = Some(Arc::downgrade(entry));
        true
    }

    /// The entry, if there is one and something still holds it. Drop it where a destructor may run: it may be the
    /// last reference to the value.
    pub(crate) fn entry(&self) -> Option<Resident> {
        lock(&self.entry).as_ref()?.upgrade()
    }

    /// Whether nothing serves the value, now or later.
    pub(crate) fn is_dead(&self) -> bool {
        self.state() >= OUTDATED
    }

    /// Whether the value itself was invalidated or replaced, or has expired, and not only its copy here.
    pub(crate) fn is_invalidated(&self) -> bool {
        self.state() == DEAD
    }

    /// Its entry has ended, or its fill under the lock of its shard, and the caller takes care of the entry.
    fn note(&self, state: u8) {
        self.state.fetch_max(state, Ordering::AcqRel);
    }

    /// Kills it under the lock of its shard: the caller removes an entry that is already there.
    pub(crate) fn condemn(&self) {
        self.note(DEAD);
    }

    /// Kills it.
    pub(crate) fn kill(&self) {
        drop(self.end(DEAD));
    }

    /// Like [`kill`](Self::kill), on a thread on which no destructor may run.
    pub(crate) fn kill_elsewhere(&self) -> Ended {
        self.end(DEAD)
    }

    /// Kills the copy, but not the original; on a thread on which no destructor may run.
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

    /// Makes an entry in doubt alive again, unless it was invalidated, replaced or evicted meanwhile.
    pub(crate) fn trust(&self) -> bool {
        self.entry().is_some_and(|entry| entry.head().trust())
    }
}

/// The result of ending a fate.
pub(crate) struct Ended {
    /// It had not ended before.
    pub(crate) first: bool,
    /// To be dropped where a destructor may run.
    pub(crate) entry: Option<Resident>,
}
