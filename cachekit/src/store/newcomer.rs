//! What comes into a shard.

use std::sync::Arc;

use crate::clock::{NEVER, Ticks};
use crate::entry::{Entry, Resident};

/// An entry that is to come in, with what would be asked of it through its type otherwise.
pub(crate) struct Newcomer {
    pub(super) entry: Resident,
    /// From when on it may not be served; 0: that changes.
    pub(super) ends: Ticks,
    /// Something besides this process may end it.
    pub(super) is_fated: bool,
}

impl Newcomer {
    #[inline]
    pub(crate) fn new<K, V>(entry: Arc<Entry<K, V>>) -> Self
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        let (ends, is_fated) = (entry.head.first_end(), entry.head.fate().is_some());
        Self { entry, ends, is_fated }
    }

    /// The same of an entry whose type is not known.
    pub(crate) fn of(entry: Resident) -> Self {
        let head = entry.head();
        let (ends, is_fated) = (head.first_end(), head.fate().is_some());
        Self { entry, ends, is_fated }
    }

    /// Whether its time may end.
    #[inline]
    pub(super) fn has_time(&self) -> bool {
        self.ends != NEVER
    }
}
