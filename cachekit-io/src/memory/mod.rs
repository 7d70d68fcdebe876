//! A backend inside the process, for tests, for development and as the reference of the contract.

mod builder;
mod capabilities;
mod clock;
mod entries;
mod fences;
mod leases;
mod store;
#[cfg(test)]
mod tests;

pub use self::builder::MemoryBackendBuilder;
pub use self::clock::{Clock, ManualClock};

use self::store::{Store, Stored};
use crate::{
    Backend, BackendError, BackendErrorKind, Batch, BoxFuture, Fencing, Fetched, Health,
    InvalidationEvents, Locks, Operation, SetOptions, TtlControl,
};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// A bounded store in memory with every [`Capability`](crate::Capability).
///
/// Clones share one store, so a clone can play another process. Nothing runs in the background and
/// all futures are ready when first polled, so any executor will do.
///
/// # Bound
///
/// Entries are counted with their key, value and a fixed overhead, by default up to 64 MiB
/// together. When there are more, expired entries are evicted first, then the least recently used.
/// A value is kept as given: a slice of a larger buffer keeps that buffer alive.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit_io::{Backend, BackendError, MemoryBackend, SetOptions};
///
/// # pollster::block_on(async {
/// let here = MemoryBackend::new();
/// let there = here.clone();
/// here.set("k", Bytes::from_static(b"v"), &SetOptions::new()).await?;
/// assert!(there.exists("k").await?);
/// assert!(there.delete("k").await?);
/// assert!(here.is_empty());
/// # Ok::<(), BackendError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct MemoryBackend {
    store: Arc<Store>,
}

impl MemoryBackend {
    /// An empty store of the default size on the system's clock.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Settings for another size or clock.
    pub fn builder() -> MemoryBackendBuilder {
        MemoryBackendBuilder::default()
    }

    fn from_store(store: Store) -> Self {
        Self { store: Arc::new(store) }
    }

    /// How many entries are kept, including expired ones that no call requested.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that all entries are counted for.
    pub fn used_bytes(&self) -> usize {
        self.store.used_bytes()
    }

    /// Deletes all entries and moves all fences; locks stay with their holders.
    ///
    /// # Example
    ///
    /// ```
    /// use bytes::Bytes;
    /// use cachekit_io::{Backend, BackendError, MemoryBackend, SetOptions};
    ///
    /// # pollster::block_on(async {
    /// let backend = MemoryBackend::new();
    /// backend.set("k", Bytes::from_static(b"v"), &SetOptions::new()).await?;
    /// backend.clear();
    /// assert_eq!((backend.len(), backend.used_bytes()), (0, 0));
    /// # Ok::<(), BackendError>(())
    /// # }).unwrap();
    /// ```
    pub fn clear(&self) {
        self.store.clear();
    }

    /// The one path through which values are written.
    fn write(
        &self,
        operation: Operation,
        key: &str,
        value: Bytes,
        options: &SetOptions,
        fence: Option<u64>,
    ) -> Result<bool, BackendError> {
        check_key(operation, key)?;
        options.validate(operation)?;
        if !self.store.can_hold(key, &value) {
            return Err(BackendError::new(BackendErrorKind::TooLarge, operation)
                .with_context("the entry is larger than the whole store")
                .with_key(key));
        }
        match self.store.set(key, value, options, fence) {
            Stored::Done => Ok(true),
            Stored::FenceMoved => Ok(false),
            Stored::LockLost => Err(BackendError::new(BackendErrorKind::Superseded, operation)
                .with_context("the lock is not held any more, or the key changed under it")
                .with_key(key)),
        }
    }
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackend")
            .field("entries", &self.len())
            .field("used_bytes", &self.used_bytes())
            .field("max_bytes", &self.store.max_bytes())
            .finish()
    }
}

/// Every key is accepted except the empty one.
fn check_key(operation: Operation, key: &str) -> Result<(), BackendError> {
    if key.is_empty() {
        return Err(BackendError::new(BackendErrorKind::InvalidKey, operation)
            .with_context("the empty key")
            .with_key(key));
    }
    Ok(())
}

impl Backend for MemoryBackend {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        Box::pin(async move {
            check_key(Operation::Get, key)?;
            Ok(self.store.get(key))
        })
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move { self.write(Operation::Set, key, value, options, None).map(drop) })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            check_key(Operation::Delete, key)?;
            Ok(self.store.delete(key))
        })
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            check_key(Operation::Exists, key)?;
            Ok(self.store.contains(key))
        })
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        Box::pin(async move {
            let asked = self.store.clock().now();
            let (entries, used_bytes) = (self.len(), self.used_bytes());
            let latency = self.store.clock().now().saturating_sub(asked);
            Ok(Health::new(self.backend_type(), latency)
                .with_detail("entries", entries.to_string())
                .with_detail("used_bytes", used_bytes.to_string())
                .with_detail("max_bytes", self.store.max_bytes().to_string()))
        })
    }

    fn backend_type(&self) -> &'static str {
        "memory"
    }

    fn locks(&self) -> Option<&dyn Locks> {
        Some(self)
    }

    fn ttl(&self) -> Option<&dyn TtlControl> {
        Some(self)
    }

    fn batch(&self) -> Option<&dyn Batch> {
        Some(self)
    }

    fn fencing(&self) -> Option<&dyn Fencing> {
        Some(self)
    }

    fn events(&self) -> Option<&dyn InvalidationEvents> {
        Some(self)
    }
}
