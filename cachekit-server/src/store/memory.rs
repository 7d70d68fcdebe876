//! Entries in the memory of the process.

use super::index::{Index, New, weight};
use super::{Entry, EntryKey, Lifetime, Measured, Store, StoreError, StoreStats, Usage};
use crate::clock::Timestamp;
use bytes::Bytes;
use cachekit_io::BoxFuture;
use std::future::ready;

/// A store in memory, bounded by bytes: the oldest entry that was not read is evicted first.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit_server::{Entry, EntryKey, Lifetime, MemoryStore, Store, Timestamp};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = MemoryStore::new(64 * 1024 * 1024);
/// let key = EntryKey::new("acme", "greeting");
/// let now = Timestamp::from_millis(0);
/// let entry = Entry { value: Bytes::from_static(b"hi"), lifetime: Lifetime::starting(now, 60, 0) };
/// store.put(&key, entry.clone(), None, now).await?;
/// assert_eq!(store.get(&key, now).await?, Some(entry));
/// assert_eq!(store.get(&key, Timestamp::from_millis(60_000)).await?, None);
/// # Ok::<(), cachekit_server::StoreError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryStore {
    index: Index<Bytes>,
}

impl MemoryStore {
    /// An empty store for `capacity` bytes of keys, values and bookkeeping.
    pub fn new(capacity: u64) -> Self {
        Self { index: Index::new(capacity) }
    }
}

impl Store for MemoryStore {
    fn get<'a>(
        &'a self,
        key: &'a EntryKey,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        let found = self.index.get(key, now);
        Box::pin(ready(Ok(found.map(|(value, lifetime)| Entry { value, lifetime }))))
    }

    fn lifetime<'a>(
        &'a self,
        key: &'a EntryKey,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<Lifetime>, StoreError>> {
        Box::pin(ready(Ok(self.index.get(key, now).map(|(_, lifetime)| lifetime))))
    }

    fn get_up_to<'a>(
        &'a self,
        key: &'a EntryKey,
        now: Timestamp,
        most: usize,
    ) -> BoxFuture<'a, Result<Option<Measured>, StoreError>> {
        let found = self.index.get(key, now);
        let measured = found.map(|(value, lifetime)| Measured::of(Entry { value, lifetime }, most));
        Box::pin(ready(Ok(measured)))
    }

    fn would_fit(
        &self,
        key: &EntryKey,
        length: usize,
        quota: Option<u64>,
    ) -> Result<(), StoreError> {
        self.index.would_fit(key, weight(key, length), quota)
    }

    fn put<'a>(
        &'a self,
        key: &'a EntryKey,
        entry: Entry,
        quota: Option<u64>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let weight = weight(key, entry.value.len());
        let new = New { payload: entry.value, lifetime: entry.lifetime, weight };
        // With its slot an entry is gone from memory: there is nothing else to remove.
        let stored = self.index.insert(key, new, quota, now, &mut Vec::new());
        Box::pin(ready(stored))
    }

    fn delete<'a>(&'a self, key: &'a EntryKey) -> BoxFuture<'a, Result<(), StoreError>> {
        self.index.remove(key);
        Box::pin(ready(Ok(())))
    }

    fn set_lifetime<'a>(
        &'a self,
        key: &'a EntryKey,
        lifetime: Lifetime,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.index.set_lifetime(key, lifetime);
        Box::pin(ready(Ok(())))
    }

    fn usage<'a>(&'a self, tenant: &'a str) -> BoxFuture<'a, Result<Usage, StoreError>> {
        Box::pin(ready(Ok(self.index.usage(tenant))))
    }

    fn sweep(&self, now: Timestamp) {
        self.index.sweep(now, &mut Vec::new());
    }

    fn stats(&self) -> StoreStats {
        self.index.stats()
    }
}
