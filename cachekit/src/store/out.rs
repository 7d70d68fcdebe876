//! What leaves a shard, and why: handed out under its lock, dropped without it.

use crate::entry::{End, Resident};

/// Why an entry left a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Its time was over.
    Expired,
    /// It had to make room.
    Evicted,
    /// A newer value took its place.
    Replaced,
    /// It was invalidated or removed, by its key or by a predicate.
    Removed,
    /// All entries were removed, or the cache was dropped.
    Cleared,
}

/// An entry on its way out, dead.
pub(super) struct Gone {
    pub(super) hash: u64,
    pub(super) entry: Resident,
    pub(super) cause: Cause,
    pub(super) end: End,
}

/// Entries on their way out; mostly one.
#[derive(Default)]
pub(crate) struct Out {
    pub(super) first: Option<Gone>,
    // Boxed, so that there is nothing to do where there are no more.
    #[allow(clippy::box_collection)]
    pub(super) more: Option<Box<Vec<Gone>>>,
}

impl Out {
    #[inline]
    pub(super) fn push(&mut self, gone: Gone) {
        if self.first.is_none() {
            self.first = Some(gone);
        } else {
            self.push_more(gone);
        }
    }

    #[cold]
    #[inline(never)]
    fn push_more(&mut self, gone: Gone) {
        self.more.get_or_insert_default().push(gone);
    }

    /// The entry on its way out, if there is only one.
    #[inline]
    pub(super) fn take_only(&mut self) -> Option<Gone> {
        if self.more.is_some() { None } else { self.first.take() }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Gone> {
        self.first.iter().chain(self.more.iter().flat_map(|more| more.iter()))
    }
}
