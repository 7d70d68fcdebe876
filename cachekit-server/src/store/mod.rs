//! Where entries live: the [`Store`] contract, in memory and on disk; and Redis.

mod disk;
mod index;
mod key;
mod memory;
mod redis;

#[cfg(test)]
mod tests;

pub use self::disk::{DiskStore, DiskStoreError};
pub use self::key::EntryKey;
pub use self::memory::MemoryStore;
pub(crate) use self::redis::name_of;
pub use self::redis::{RedisStore, RedisStoreError};

use crate::clock::Timestamp;
use bytes::Bytes;
use cachekit_io::BoxFuture;
use std::sync::Arc;

/// The charged size of one entry beyond its key and its value, in bytes, for its bookkeeping.
pub const ENTRY_OVERHEAD: u64 = 256;

/// Until when an entry is fresh, and until when it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The entry is fresh before this moment and stale from then on.
    pub fresh_until: Timestamp,
    /// The entry is gone from this moment on. Not before [`fresh_until`](Self::fresh_until).
    pub gone_at: Timestamp,
}

impl Lifetime {
    /// The lifetime of an entry that does not expire.
    pub const UNBOUNDED: Self = Self { fresh_until: Timestamp::NEVER, gone_at: Timestamp::NEVER };

    /// The lifetime that begins `now`: `ttl` seconds fresh, then `stale` seconds stale.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_server::{Lifetime, Timestamp};
    ///
    /// let life = Lifetime::starting(Timestamp::from_millis(500), 60, 10);
    /// assert!(life.is_fresh(Timestamp::from_millis(60_499)));
    /// assert!(!life.is_fresh(Timestamp::from_millis(60_500)));
    /// assert!(life.is_alive(Timestamp::from_millis(70_499)));
    /// assert!(!life.is_alive(Timestamp::from_millis(70_500)));
    /// ```
    pub const fn starting(now: Timestamp, ttl: u64, stale: u64) -> Self {
        let fresh_until = now.plus_seconds(ttl);
        Self { fresh_until, gone_at: fresh_until.plus_seconds(stale) }
    }

    /// Whether the entry expires at all.
    pub fn is_bounded(self) -> bool {
        self.gone_at != Timestamp::NEVER
    }

    /// Whether the entry is fresh at `now`.
    pub fn is_fresh(self, now: Timestamp) -> bool {
        now < self.fresh_until
    }

    /// Whether the entry exists at `now`.
    pub fn is_alive(self, now: Timestamp) -> bool {
        now < self.gone_at
    }
}

/// A value with its lifetime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes, exactly as they were put.
    pub value: Bytes,
    /// Until when they are fresh, and until when they exist.
    pub lifetime: Lifetime,
}

/// An entry, or the length of its value.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit_server::{Entry, EntryKey, Lifetime, Measured, MemoryStore, Store, Timestamp};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let (store, key) = (MemoryStore::new(64 * 1024 * 1024), EntryKey::new("acme", "greeting"));
/// let (now, lifetime) = (Timestamp::from_millis(0), Lifetime::UNBOUNDED);
/// let entry = Entry { value: Bytes::from_static(b"hi"), lifetime };
/// store.put(&key, entry.clone(), None, now).await?;
/// assert_eq!(store.get_up_to(&key, now, 2).await?, Some(Measured::Whole(entry)));
/// let longer = Measured::Longer { length: 2, lifetime };
/// assert_eq!(store.get_up_to(&key, now, 1).await?, Some(longer));
/// # Ok::<(), cachekit_server::StoreError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measured {
    /// The entry.
    Whole(Entry),
    /// Its value is longer than requested.
    Longer {
        /// The length of the value, in bytes.
        length: usize,
        /// Until when it is fresh, and until when it exists.
        lifetime: Lifetime,
    },
}

impl Measured {
    /// The entry, unless its value is longer than `most`.
    pub fn of(entry: Entry, most: usize) -> Self {
        match entry.value.len() {
            length if length > most => Self::Longer { length, lifetime: entry.lifetime },
            _ => Self::Whole(entry),
        }
    }
}

/// What a tenant, or all tenants together, have stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries, including expired ones that were not swept yet.
    pub entries: u64,
    /// Bytes of keys and values, and [`ENTRY_OVERHEAD`] for each entry.
    pub bytes: u64,
}

/// The counters of a store, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// What is stored now, by all tenants.
    pub usage: Usage,
    /// How many bytes may be stored.
    pub capacity: u64,
    /// Entries that were evicted for lack of space.
    pub evicted: u64,
    /// Expired entries that were swept.
    pub expired: u64,
    /// Entries that were damaged on the disk, and therefore dropped.
    pub damaged: u64,
    /// How often the store stopped accepting writes because its disk or Redis failed.
    pub failures: u64,
}

/// Why a store did not carry out an operation.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The entry is larger than the whole store.
    #[error("the entry is larger than the whole store; raise --max-bytes")]
    TooLarge,
    /// The tenant's quota of bytes would be exceeded.
    #[error("the tenant's quota of stored bytes is spent")]
    Quota,
    /// The store cannot be reached, or failed.
    #[error("the store failed: {0}")]
    Unavailable(Arc<str>),
}

impl StoreError {
    /// A failure of the store itself. The text is logged, so it must contain no keys and no values. A request that
    /// meets it is answered with `503` and `Retry-After`.
    pub fn unavailable(reason: &impl ToString) -> Self {
        Self::Unavailable(reason.to_string().into())
    }

    fn reason(&self) -> String {
        match self {
            Self::Unavailable(reason) => reason.to_string(),
            other => other.to_string(),
        }
    }
}

/// Where entries live.
///
/// A store has no clock of its own: every call states its time, so that a test that advances the
/// server's clock advances the store's. Calls for one key that change it are made one after the other;
/// everything else is concurrent. An answered write is visible to every later call.
///
/// The store bounds its own space: it may evict any entry, and a lost entry is a miss. It never answers
/// with bytes that were not put under exactly this key.
pub trait Store: Send + Sync + 'static {
    /// The entry, if it exists at `now`.
    fn get<'a>(
        &'a self,
        key: &'a EntryKey,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<Entry>, StoreError>>;

    /// The entry, if it exists at `now`; for a value longer than `most` bytes only the length. The server
    /// uses this, because it loads no value before there is space for it.
    ///
    /// By default it is [`get`](Self::get), which reads the value anyway: a store
    /// whose values are not in memory should do better.
    fn get_up_to<'a>(
        &'a self,
        key: &'a EntryKey,
        now: Timestamp,
        most: usize,
    ) -> BoxFuture<'a, Result<Option<Measured>, StoreError>> {
        Box::pin(
            async move { Ok(self.get(key, now).await?.map(|entry| Measured::of(entry, most))) },
        )
    }

    /// The entry's lifetime, if it exists at `now`, without reading its value.
    fn lifetime<'a>(
        &'a self,
        key: &'a EntryKey,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<Lifetime>, StoreError>>;

    /// Whether a value of this length might be stored; checked before it is received. [`put`](Self::put)
    /// decides.
    ///
    /// # Errors
    ///
    /// Like [`put`](Self::put), for what is certain already.
    fn would_fit(
        &self,
        key: &EntryKey,
        length: usize,
        quota: Option<u64>,
    ) -> Result<(), StoreError> {
        let _ = (key, length, quota);
        Ok(())
    }

    /// Stores an entry, replacing any previous one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Quota`] if the tenant would then have more than `quota` bytes stored, and
    /// [`StoreError::TooLarge`] if the entry cannot fit: nothing changed. [`StoreError::Unavailable`]
    /// leaves open whether the entry was stored.
    fn put<'a>(
        &'a self,
        key: &'a EntryKey,
        entry: Entry,
        quota: Option<u64>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Removes an entry, if there is one.
    fn delete<'a>(&'a self, key: &'a EntryKey) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Changes the lifetime of an entry, at `now`. Without an entry nothing happens.
    fn set_lifetime<'a>(
        &'a self,
        key: &'a EntryKey,
        lifetime: Lifetime,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// A tenant's usage; entries that expired since the last [`sweep`](Self::sweep) may still count. Clients request it
    /// as often as they like, so it must not visit every entry.
    fn usage<'a>(&'a self, tenant: &'a str) -> BoxFuture<'a, Result<Usage, StoreError>>;

    /// Frees the space of entries that had expired at `now`. Called about once a second.
    fn sweep(&self, now: Timestamp);

    /// The counters of the store.
    fn stats(&self) -> StoreStats;

    /// Whether writes are accepted at the moment. While they are not, `/readyz` answers `503`. The store logs
    /// the change itself.
    fn is_writable(&self) -> bool {
        true
    }

    /// Finishes pending work; called once, after the last request.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
