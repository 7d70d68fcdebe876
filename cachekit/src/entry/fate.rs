//! What becomes of a value that a backend may have, too: news from there can end it before there is an entry.
//!
//! A call that asks a shared tier has a fate from then on. Whatever ends its fill ends the fate; when the value becomes
//! an entry, the fate is that of the entry.

use std::fmt;
use std::sync::{Arc, Weak};

use super::{ALIVE, AnyEntry, DEAD, OUTDATED, Resident};
use crate::sync::{Mutex, MutexGuard, lock};

/// See above.
pub(crate) struct Fate {
    /// Of the key: the entry's place in its store.
    hash: u64,
    life: Mutex<Life>,
}

/// Until there is an entry, its state is here.
struct Life {
    state: u8,
    /// Weak, because the entry holds its fate.
    entry: Option<Weak<dyn AnyEntry>>,
}

impl fmt::Debug for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fate").finish_non_exhaustive()
    }
}

impl Fate {
    pub(crate) fn new(hash: u64) -> Arc<Self> {
        Arc::new(Self { hash, life: Mutex::new(Life { state: ALIVE, entry: None }) })
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        lock(&self.life)
    }

    /// Hands it on to the entry. False if it has ended before: then the entry is not to be stored.
    pub(crate) fn becomes(&self, entry: &Resident) -> bool {
        let mut life = self.life();
        if life.state >= OUTDATED {
            return false;
        }
        life.entry = Some(Arc::downgrade(entry));
        true
    }

    /// The state before there was an entry, and the entry. Dropped by the caller, without our lock: it may be the last
    /// that holds the value, whose destructor is foreign code.
    fn now(&self) -> (u8, Held) {
        let life = self.life();
        (life.state, life.held())
    }

    /// The entry, if there is one and something still holds it.
    pub(crate) fn entry(&self) -> Option<Resident> {
        self.now().1.alive()
    }

    /// Whether nothing serves the value, here or later.
    pub(crate) fn is_dead(&self) -> bool {
        match self.now() {
            (state, Held::NotYet) => state >= OUTDATED,
            (_, Held::Gone) => true,
            (state, Held::Entry(entry)) => state == DEAD || entry.head().is_dead(),
        }
    }

    /// Whether the value itself was invalidated, replaced or evicted, and not only its copy here.
    pub(crate) fn is_invalidated(&self) -> bool {
        match self.now() {
            (state, Held::NotYet) => state == DEAD,
            (_, Held::Gone) => true,
            (state, Held::Entry(entry)) => state == DEAD || entry.head().is_invalidated(),
        }
    }

    /// Ends it under the lock of its shard, where no entry may be let go of: one that is there already is for the caller
    /// to end.
    pub(crate) fn condemn(&self) {
        self.life().state = DEAD;
    }

    /// Whether it was condemned, or had ended before there was an entry.
    pub(crate) fn is_condemned(&self) -> bool {
        self.life().state >= OUTDATED
    }

    /// Ends it.
    pub(crate) fn kill(&self) {
        self.end(DEAD);
    }

    /// Ends it, or only its copy here: `Ended` says what that came to.
    fn end(&self, state: u8) -> Ended {
        let mut life = self.life();
        let before = life.state;
        life.state = before.max(state);
        let held = life.held();
        drop(life);
        match held {
            Held::NotYet => Ended { first: before < OUTDATED, entry: None },
            Held::Gone => Ended { first: false, entry: None },
            Held::Entry(entry) => {
                let first = if state == DEAD {
                    let ended = entry.head().is_dead();
                    entry.head().kill();
                    !ended
                } else {
                    entry.head().outdate()
                };
                Ended { first, entry: Some(entry) }
            }
        }
    }

    /// As [`kill`](Self::kill), on a thread where no destructor may run.
    pub(crate) fn kill_elsewhere(&self) -> Ended {
        self.end(DEAD)
    }

    /// Ends the copy, and not what it is a copy of; on a thread where no destructor may run.
    pub(crate) fn outdate(&self) -> Ended {
        self.end(OUTDATED)
    }

    /// Puts it back, unless it was invalidated, replaced or evicted meanwhile.
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

/// The entry of a fate.
enum Held {
    NotYet,
    /// Nothing holds it any more: it has left its store.
    Gone,
    Entry(Resident),
}

impl Held {
    fn alive(self) -> Option<Resident> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::NotYet | Self::Gone => None,
        }
    }
}

impl Life {
    fn held(&self) -> Held {
        match &self.entry {
            None => Held::NotYet,
            Some(entry) => entry.upgrade().map_or(Held::Gone, Held::Entry),
        }
    }
}
