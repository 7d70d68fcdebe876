//! Entries in a file, over redb.
//!
//! One thread writes: it takes the orders that wait, makes one transaction of them, and answers them once
//! that is on disk. The index in memory says which entries exist; every read is verified against a checksum.

mod device;
mod table;
mod trouble;
mod volume;
mod writer;

#[cfg(test)]
mod tests;

use self::device::Device;
use self::trouble::Disk;
use self::volume::Volume;
use self::writer::Order;
use super::index::Index;
use super::{Entry, EntryKey, Lifetime, Measured, Store, StoreError, StoreStats, Usage};
use crate::clock::Timestamp;
use cachekit_io::BoxFuture;
use redb::StorageBackend;
use redb::backends::FileBackend;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// How many orders wait in the writer's queue; senders of more wait for a place in it.
const QUEUE: usize = 1024;

/// Why a disk store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskStoreError {
    /// The directory cannot be created.
    #[error("cannot make the directory {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system reports.
        source: std::io::Error,
    },
    /// The file cannot be used.
    #[error(
        "cannot use {path}: {reason}. If no other server uses it, removing the file helps: what it \
         held is computed anew"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A store in one file of a directory. A server that starts again, even after it was killed, finds its
/// entries there.
///
/// **What was answered is on the disk.** Writes and deletions are answered after the transaction that
/// contains them was synced; one transaction may contain many. A deleted value cannot come back after a
/// crash. Every value carries a checksum over its key, its lifetime and its bytes; a value that does not
/// match is dropped and is a miss.
///
/// **A full or failing disk** does not stop the store: it refuses writes and deletions with
/// [`StoreError::Unavailable`] and still serves reads. As soon as the disk accepts writes again, so does the
/// store. Nothing that was answered is lost. An entry whose deletion was refused is not served any more; it
/// is certainly gone only once a deletion was answered. The log has one line when the failure begins and one
/// when it ends.
///
/// The capacity bounds the space that entries take in the file: larger ones count as the next power of two
/// of their size. The file itself grows to about that and does not shrink.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit_server::{DiskStore, Entry, EntryKey, Lifetime, Store, Timestamp};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let directory = tempfile::tempdir()?;
/// let (key, now) = (EntryKey::new("acme", "greeting"), Timestamp::from_millis(0));
/// let entry = Entry { value: Bytes::from_static(b"hi"), lifetime: Lifetime::starting(now, 60, 0) };
/// {
///     let store = DiskStore::open(directory.path(), 1024 * 1024, now)?;
///     store.put(&key, entry.clone(), None, now).await?;
///     store.close().await;
/// }
/// let store = DiskStore::open(directory.path(), 1024 * 1024, now)?;
/// assert_eq!(store.get(&key, now).await?, Some(entry));
/// # store.close().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DiskStore {
    shared: Arc<Shared>,
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// The state that readers and the writer share.
struct Shared {
    index: Index<()>,
    volume: Volume,
    damaged: AtomicU64,
    failing: AtomicBool,
    failures: AtomicU64,
}

impl DiskStore {
    /// Opens or creates the store of a directory, for `capacity` bytes. Removes entries that have expired at
    /// `now`, and as many as do not fit.
    ///
    /// # Errors
    ///
    /// [`DiskStoreError`] says which file or directory cannot be used, for example because another
    /// process uses it.
    pub fn open(directory: &Path, capacity: u64, now: Timestamp) -> Result<Self, DiskStoreError> {
        make_directory(directory)
            .map_err(|source| DiskStoreError::Directory { path: directory.to_owned(), source })?;
        let path = directory.join("entries.redb");
        let failed =
            |error: StoreError| DiskStoreError::File { path: path.clone(), reason: error.reason() };
        let file = open_file(&path).map_err(failed)?;
        Self::open_on(file, capacity, now).map_err(failed)
    }

    fn open_on(
        file: impl StorageBackend,
        capacity: u64,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let volume = Volume::open(Device::new(file))?;
        let index = Index::new(capacity);
        let (damaged, unwanted) = volume.read(|tables| tables.load(&index, now))?;
        let shared = Arc::new(Shared {
            index,
            volume,
            damaged: AtomicU64::new(damaged),
            failing: AtomicBool::new(false),
            failures: AtomicU64::new(0),
        });
        let (orders, queue) = mpsc::channel(QUEUE);
        let (writing, disk) = (Arc::clone(&shared), Disk::with_doomed(unwanted));
        let writer = std::thread::Builder::new()
            .name("cachekit-disk".to_owned())
            .spawn(move || writer::run(&writing, disk, queue))
            .map_err(|error| StoreError::unavailable(&error))?;
        Ok(Self { shared, orders: Mutex::new(Some(orders)), writer: Mutex::new(Some(writer)) })
    }

    fn orders(&self) -> Option<mpsc::Sender<Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends an order to the writer, and waits until the result is on disk.
    async fn order<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Order,
    ) -> Result<T, StoreError> {
        let closed = || StoreError::unavailable(&"the store is closed");
        let (answer, answered) = oneshot::channel();
        let orders = self.orders().ok_or_else(closed)?;
        orders.send(order(answer)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

impl Store for DiskStore {
    fn get<'a>(
        &'a self,
        key: &'a EntryKey,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(async move {
            match self.get_up_to(key, now, usize::MAX).await? {
                Some(Measured::Whole(entry)) => Ok(Some(entry)),
                Some(Measured::Longer { .. }) | None => Ok(None),
            }
        })
    }

    fn get_up_to<'a>(
        &'a self,
        key: &'a EntryKey,
        now: Timestamp,
        most: usize,
    ) -> BoxFuture<'a, Result<Option<Measured>, StoreError>> {
        Box::pin(async move {
            if self.shared.index.get(key, now).is_none() {
                return Ok(None);
            }
            let (shared, wanted) = (Arc::clone(&self.shared), key.clone());
            let read = tokio::task::spawn_blocking(move || {
                // A failed read is an error and not a miss: the entry may exist.
                shared.volume.read(|tables| tables.read(&wanted, most))
            });
            match read.await.map_err(|error| StoreError::unavailable(&error))?? {
                table::Found::Entry(entry) => {
                    Ok(entry.lifetime.is_alive(now).then_some(Measured::Whole(entry)))
                }
                table::Found::Longer { length, lifetime } => {
                    Ok(lifetime.is_alive(now).then_some(Measured::Longer { length, lifetime }))
                }
                // Not written yet, or already removed.
                table::Found::Nothing => Ok(None),
                table::Found::Damaged(row) => {
                    self.shared.damaged.fetch_add(1, Ordering::Relaxed);
                    tracing::error!("a damaged entry was dropped");
                    if let Some(orders) = self.orders() {
                        // If the queue is full, the next read finds it again.
                        let _ = orders.try_send(Order::Purge { key: key.clone(), row });
                    }
                    Ok(None)
                }
            }
        })
    }

    fn lifetime<'a>(
        &'a self,
        key: &'a EntryKey,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<Lifetime>, StoreError>> {
        let found = self.shared.index.get(key, now).map(|((), lifetime)| lifetime);
        Box::pin(std::future::ready(Ok(found)))
    }

    fn would_fit(
        &self,
        key: &EntryKey,
        length: usize,
        quota: Option<u64>,
    ) -> Result<(), StoreError> {
        self.shared.index.would_fit(key, table::weight(key, length), quota)
    }

    fn put<'a>(
        &'a self,
        key: &'a EntryKey,
        entry: Entry,
        quota: Option<u64>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let key = key.clone();
        Box::pin(self.order(move |answer| Order::Put { key, entry, quota, now, answer }))
    }

    fn delete<'a>(&'a self, key: &'a EntryKey) -> BoxFuture<'a, Result<(), StoreError>> {
        let key = key.clone();
        Box::pin(self.order(move |answer| Order::Delete { key, answer }))
    }

    fn set_lifetime<'a>(
        &'a self,
        key: &'a EntryKey,
        lifetime: Lifetime,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let key = key.clone();
        Box::pin(self.order(move |answer| Order::SetLifetime { key, lifetime, now, answer }))
    }

    fn usage<'a>(&'a self, tenant: &'a str) -> BoxFuture<'a, Result<Usage, StoreError>> {
        Box::pin(std::future::ready(Ok(self.shared.index.usage(tenant))))
    }

    fn sweep(&self, now: Timestamp) {
        if let Some(orders) = self.orders() {
            // If the queue is full, a later sweep does it.
            let _ = orders.try_send(Order::Sweep { now });
        }
    }

    fn stats(&self) -> StoreStats {
        let damaged = self.shared.damaged.load(Ordering::Relaxed);
        let failures = self.shared.failures.load(Ordering::Relaxed);
        StoreStats { damaged, failures, ..self.shared.index.stats() }
    }

    fn is_writable(&self) -> bool {
        !self.shared.failing.load(Ordering::Relaxed)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The writer ends once no sender is left.
        drop(self.orders.lock().unwrap_or_else(PoisonError::into_inner).take());
        Box::pin(async move {
            if let Some(writer) = writer {
                let joined = tokio::task::spawn_blocking(move || writer.join()).await;
                if !matches!(joined, Ok(Ok(()))) {
                    tracing::error!("the disk writer failed");
                }
            }
        })
    }
}

/// Opens or creates the file, and locks it until it is closed.
fn open_file(path: &Path) -> Result<FileBackend, StoreError> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(|error| StoreError::unavailable(&error))?;
    FileBackend::new(file).map_err(|error| StoreError::unavailable(&error))
}

fn make_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}
