//! Where entries and leases live, and how requests change both atomically.
//!
//! There are two homes: a [`Store`] of this process with its leases in memory, where a turn for each key makes
//! a check and a write atomic; or Redis, which several nodes share, and which makes them atomic for all nodes.

mod own;
mod shared;

pub(crate) use self::own::Own;
pub(crate) use self::shared::Shared;

use crate::clock::Timestamp;
use crate::locks::Acquired;
use crate::store::{EntryKey, Lifetime, Measured, StoreError, StoreStats};
use bytes::Bytes;
use std::time::Instant;

/// One of the homes.
pub(crate) enum Home {
    /// This process.
    Own(Own),
    /// Redis.
    Shared(Shared),
}

/// An entry that was found, and what the head of the answer says about it.
pub(crate) struct Found {
    pub(crate) measured: Measured,
    pub(crate) said: Said,
}

/// What the head of a response says about a value whose bytes are loaded later. If the value was replaced meanwhile,
/// the new one may only be sent if the same is true for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said {
    /// This lifetime, by the clock of this process.
    Life(Lifetime),
    /// The value is fresh at least until this moment of this process's clock. `None`: it never expires. Redis only
    /// reports the remaining time of an entry, so the moment is a lower bound.
    FreshUntil(Option<Instant>),
}

/// The result of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Stored,
    /// The lock is no longer held, or the key changed since it was acquired.
    Overtaken,
}

/// The result of changing a TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refreshed {
    /// It is changed, or there is no entry.
    Done,
    /// The entry is stale, and stays stale.
    Stale,
    /// Together with the stale window, which has this many seconds, it would be too long.
    TooLong,
}

/// A tenant's usage; `None` is unknown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) entries: Option<u64>,
    pub(crate) locks: Option<u64>,
}

/// The metrics of a home.
pub(crate) struct Told {
    /// The stored entries; `None` if the node does not know them.
    pub(crate) store: Option<StoreStats>,
    /// How often it failed.
    pub(crate) failures: u64,
    /// Leases that this node gave and that are still held.
    pub(crate) locks: usize,
    /// Whether it accepts writes.
    pub(crate) up: bool,
}

/// Calls the same method of either home.
macro_rules! of_both {
    ($home:expr, $inner:ident => $what:expr) => {
        match $home {
            Home::Own($inner) => $what,
            Home::Shared($inner) => $what,
        }
    };
}

impl Home {
    /// The entry, if it exists at `now`; for a value longer than `most` bytes only the length.
    pub(crate) async fn get_up_to(
        &self,
        key: &EntryKey,
        now: Timestamp,
        most: usize,
    ) -> Result<Option<Found>, StoreError> {
        of_both!(self, home => home.get_up_to(key, now, most).await)
    }

    /// The value of this length, if the head of the answer is true for it.
    pub(crate) async fn load(
        &self,
        key: &EntryKey,
        length: usize,
        said: Said,
    ) -> Result<Option<Bytes>, StoreError> {
        of_both!(self, home => home.load(key, length, said).await)
    }

    /// The entry's lifetime, if it exists at `now`.
    pub(crate) async fn lifetime(
        &self,
        key: &EntryKey,
        now: Timestamp,
    ) -> Result<Option<Lifetime>, StoreError> {
        of_both!(self, home => home.lifetime(key, now).await)
    }

    /// Whether a value of this length might be stored; checked before it is received.
    pub(crate) fn would_fit(
        &self,
        key: &EntryKey,
        length: usize,
        quota: Option<u64>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Own(own) => own.would_fit(key, length, quota),
            Self::Shared(_) => Shared::would_fit(quota),
        }
    }

    /// Stores a value: fresh for the first number of seconds, then stale for the second; without them for
    /// ever. With a lock only while that lock is held, and only if nothing else changed the key since it was acquired.
    pub(crate) async fn put(
        &self,
        key: &EntryKey,
        value: Bytes,
        seconds: Option<(u64, u64)>,
        lock: Option<&[u8]>,
        quota: Option<u64>,
    ) -> Result<Put, StoreError> {
        match self {
            Self::Own(own) => own.put(key, value, seconds, lock, quota).await,
            Self::Shared(shared) => shared.put(key, value, seconds, lock).await,
        }
    }

    /// Removes an entry, if there is one, and marks its lock as overtaken.
    pub(crate) async fn delete(&self, key: &EntryKey) -> Result<(), StoreError> {
        of_both!(self, home => home.delete(key).await)
    }

    /// Makes a fresh entry fresh for this many seconds from now; its stale window stays.
    pub(crate) async fn refresh(
        &self,
        key: &EntryKey,
        seconds: u64,
    ) -> Result<Refreshed, StoreError> {
        of_both!(self, home => home.refresh(key, seconds).await)
    }

    /// Acquires the lease of a key unless it is held.
    pub(crate) async fn acquire(
        &self,
        key: &EntryKey,
        millis: u64,
    ) -> Result<Acquired, StoreError> {
        of_both!(self, home => home.acquire(key, millis).await)
    }

    /// Ends the lease if this id holds it, and returns whether it did.
    pub(crate) async fn release(&self, key: &EntryKey, id: &[u8]) -> Result<bool, StoreError> {
        match self {
            Self::Own(own) => Ok(own.release(key, id)),
            Self::Shared(shared) => shared.release(key, id).await,
        }
    }

    /// A tenant's usage; entries and leases that expired since the last sweep may still count. Fails while the home
    /// fails.
    pub(crate) async fn counts(&self, tenant: &str) -> Result<Counts, StoreError> {
        match self {
            Self::Own(own) => own.counts(tenant).await,
            Self::Shared(shared) => shared.counts().await,
        }
    }

    /// Frees the space of expired entries and leases. Called about once a second.
    pub(crate) fn sweep(&self, now: Timestamp) {
        of_both!(self, home => home.sweep(now));
    }

    /// The metrics of this home.
    pub(crate) fn tell(&self) -> Told {
        of_both!(self, home => home.tell())
    }

    /// Whether writes are accepted at the moment.
    pub(crate) fn is_writable(&self) -> bool {
        of_both!(self, home => home.is_writable())
    }

    /// Whether this tenant's bytes are counted.
    pub(crate) fn counts_bytes(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// Finishes pending work; called once, after the last request.
    pub(crate) async fn close(&self) {
        if let Self::Own(own) = self {
            own.close().await;
        }
    }
}
