//! Many keys in one operation.

use crate::{BackendError, BoxFuture, Fetched, SetOptions};
use bytes::Bytes;
use std::fmt;

/// One result for each item of a batch, in the order of the items.
pub type BatchResults<T> = Vec<Result<T, BackendError>>;

/// Handles many keys in one round trip.
///
/// Each item has its own result, in the given order and number: one refused key does not fail the
/// others. A batch is not a transaction: other processes may see it half done. Of several items
/// with the same key the last one wins.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit_io::{Backend, BackendError, BatchEntry, MemoryBackend};
///
/// # pollster::block_on(async {
/// let backend = MemoryBackend::new();
/// let batch = backend.batch().expect("the memory backend takes batches");
///
/// let entries = [
///     BatchEntry::new("a", Bytes::from_static(b"1")),
///     BatchEntry::new("b", Bytes::from_static(b"2")),
/// ];
/// for stored in batch.set_many(&entries).await {
///     stored?;
/// }
/// let found = batch.get_many(&["b", "missing", "a"]).await;
/// assert_eq!(found.len(), 3);
/// assert!(matches!(&found[1], Ok(None)));
/// # Ok::<(), BackendError>(())
/// # }).unwrap();
/// ```
pub trait Batch: Send + Sync {
    /// [`Backend::get`](crate::Backend::get) for each key.
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<Option<Fetched>>>;

    /// [`Backend::set`](crate::Backend::set) for each entry.
    fn set_many<'a>(&'a self, entries: &'a [BatchEntry<'a>]) -> BoxFuture<'a, BatchResults<()>>;

    /// [`Backend::delete`](crate::Backend::delete) for each key.
    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<bool>>;
}

/// One entry to store with [`Batch::set_many`].
///
/// `Debug` shows lengths, never the key or the value.
#[derive(Clone)]
#[non_exhaustive]
pub struct BatchEntry<'a> {
    /// Where to store it.
    pub key: &'a str,
    /// What to store.
    pub value: Bytes,
    /// For how long.
    pub options: SetOptions,
}

impl<'a> BatchEntry<'a> {
    /// An entry without expiry.
    pub fn new(key: &'a str, value: Bytes) -> Self {
        Self { key, value, options: SetOptions::new() }
    }

    /// The same entry with these options.
    pub fn with_options(mut self, options: SetOptions) -> Self {
        self.options = options;
        self
    }
}

impl fmt::Debug for BatchEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchEntry")
            .field("key_len", &self.key.len())
            .field("value_len", &self.value.len())
            .field("options", &self.options)
            .finish()
    }
}
