//! A directory that the processes of one machine share: [`FileBackend`] (feature `file`, on Unix).
//!
//! # Format
//!
//! The published SDKs for Python, Rust and TypeScript read and write the same directory. An entry is one
//! file, named by the BLAKE2b-128 of its key in 32 hex digits: 14 bytes of header (`CK`, version 1, a reserved
//! byte, two bytes of flags, the expiry in seconds since 1970 or 0) and the value. It is written under another name,
//! synced and renamed, so that readers find it whole or not at all. A file that is not an entry of this version is
//! deleted when it is read. An entry with unknown flags is left alone, and is a miss.
//!
//! # Other files
//!
//! Fences and locks are in `.cachekit-state`, a hidden directory that no SDK looks into. Files whose names do not have
//! the form of entries are left alone: neither counted nor evicted.
//!
//! # Permissions
//!
//! The directory must belong to the user of the process, and no other user may write to it. It is created with mode
//! 0700, its files with 0600, and symbolic links in it are not followed.

mod builder;
mod capabilities;
mod deadline;
mod directory;
mod env;
mod failure;
mod header;
mod locked;
mod name;
mod pool;
mod shard;
mod state;
mod store;
mod task;
#[cfg(test)]
mod tests;
mod usage;
mod write;

pub use self::builder::FileBackendBuilder;

use self::failure::Call;
use self::name::Name;
use self::store::Store;
use self::write::NewEntry;
use crate::{
    Backend, BackendError, BackendErrorKind, Batch, BatchResults, BoxFuture, Fencing, Fetched,
    Health, Locks, Operation, SetOptions, TtlControl,
};
use bytes::Bytes;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A directory that the processes of one machine share.
///
/// Clones are cheap. All work is done on its own threads, at most 16 in the process, and every operation has a
/// deadline: futures can be polled by any executor, and none of them blocks on a disk. Operations that wait for a
/// thread hold at most 256 MiB, where each counts as its values plus 1 KiB. If the disk does not keep up, further
/// operations fail at once with [`Backpressure`](BackendErrorKind::Backpressure). For removals and fences the limit
/// is four times as high.
///
/// # Differences from other backends
///
/// - **No stale window.** The format has no field for it, and readers of other SDKs would take a stale value for
///   a fresh one. An entry is gone at the end of its `ttl`.
/// - **Whole seconds.** An entry ends at the beginning of a second: it lives up to one second shorter
///   than its `ttl`, never longer. A `ttl` is at most 10 years.
/// - **Fences and locks hold between processes that use this backend.** Other SDKs write and delete without them. Both
///   are lost with their hidden directory; then fills and writes under a lock are refused.
/// - **One machine.** A file system that several machines mount needs `flock` and renames that hold between
///   all of them; do not rely on it.
/// - **No events.** A process is not notified of deletions by others.
///
/// # Bound
///
/// At 90 % of the allowed bytes or entries, the oldest written entries are evicted until 70 % are left. Writes of other
/// processes are counted every 30 seconds.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit_io::{Backend, FileBackend, SetOptions};
/// use std::time::Duration;
///
/// # let parent = tempfile::tempdir()?;
/// # let directory = parent.path().join("cache");
/// # pollster::block_on(async {
/// let backend = FileBackend::builder().directory(&directory).build()?;
/// let options = SetOptions::new().ttl(Duration::from_secs(300));
/// backend.set("greeting", Bytes::from_static(b"hello"), &options).await?;
///
/// // Another process, or this one after a restart.
/// let other = FileBackend::builder().directory(&directory).build()?;
/// let found = other.get("greeting").await?;
/// assert!(found.is_some_and(|found| found.value() == "hello"));
/// # Ok::<(), cachekit_io::BackendError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct FileBackend {
    store: Arc<Store>,
    timeout: Duration,
}

impl FileBackend {
    /// Settings; all of them have a default.
    pub fn builder() -> FileBackendBuilder {
        FileBackendBuilder::default()
    }

    /// A backend from environment variables. An empty variable counts as not set.
    ///
    /// | variable | meaning | default |
    /// | --- | --- | --- |
    /// | `CACHEKIT_FILE_CACHE_DIR` | the directory; created if it does not exist | `cachekit` in the system's directory for temporary files |
    /// | `CACHEKIT_FILE_MAX_SIZE_MB` | MiB of all entries, from 1 to 1000000 | 1024 |
    /// | `CACHEKIT_FILE_MAX_VALUE_MB` | MiB of one value, from 1 to half of that | 100, or half of that if it is less |
    /// | `CACHEKIT_FILE_MAX_ENTRY_COUNT` | entries, from 100 to 1000000 | 10000 |
    ///
    /// # Errors
    ///
    /// [`Configuration`](BackendErrorKind::Configuration) names every wrong variable and what it
    /// accepts, and says what is wrong with the directory.
    ///
    /// # Example
    ///
    /// ```no_run
    /// let backend = cachekit_io::FileBackend::from_env()?;
    /// # drop(backend);
    /// # Ok::<(), cachekit_io::BackendError>(())
    /// ```
    pub fn from_env() -> Result<Self, BackendError> {
        Self::from_env_with(|builder| builder)
    }

    /// Like [`from_env`](Self::from_env), with settings that code completes or overrides.
    ///
    /// # Errors
    ///
    /// Like [`from_env`](Self::from_env): everything that is wrong, in the environment and in code, at once.
    ///
    /// # Example
    ///
    /// ```no_run
    /// let backend = cachekit_io::FileBackend::from_env_with(|it| it.directory("/var/cache/shop"))?;
    /// # drop(backend);
    /// # Ok::<(), cachekit_io::BackendError>(())
    /// ```
    pub fn from_env_with(
        complete: impl FnOnce(FileBackendBuilder) -> FileBackendBuilder,
    ) -> Result<Self, BackendError> {
        env::backend_with(&env::process, complete)
    }

    /// Runs work, which holds a value of so many bytes, on another thread, until the deadline at most.
    async fn run<T: Send + 'static>(
        &self,
        operation: Operation,
        key: &str,
        held: usize,
        work: impl FnOnce(&Store, &Call) -> Result<T, BackendError> + Send + 'static,
    ) -> Result<T, BackendError> {
        let store = Arc::clone(&self.store);
        let done = task::run(operation, held, self.timeout, move |call| work(&store, call));
        done.await.map_err(|error| error.with_key(key))
    }

    /// Works through the items one after another. They hold so many bytes beside themselves.
    async fn run_many<I: Send + 'static, T: Send + 'static>(
        &self,
        operation: Operation,
        items: Vec<Result<I, BackendError>>,
        held: usize,
        work: impl Fn(&Store, &Call, &I) -> Result<T, BackendError> + Send + 'static,
    ) -> BatchResults<T> {
        let asked = items.len();
        if asked == 0 {
            return Vec::new();
        }
        let store = Arc::clone(&self.store);
        // What is done stays done, although the rest may come too late.
        let done = Arc::new(Mutex::new(Vec::with_capacity(asked)));
        let results = Arc::clone(&done);
        let held = held.saturating_add(size_of_val(items.as_slice()));
        let all = task::run(operation, held, self.timeout, move |call| {
            for item in items {
                let one = || {
                    let item = item?;
                    call.check_time()?;
                    work(&store, call, &item)
                };
                let result = one();
                results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
            }
            Ok(())
        });
        let all = all.await;
        let mut done = std::mem::take(&mut *done.lock().unwrap_or_else(PoisonError::into_inner));
        if let Err(error) = all {
            done.resize_with(asked, || Err(error.clone()));
        }
        done
    }

    /// The one path through which single values are written.
    async fn put(
        &self,
        operation: Operation,
        key: &str,
        value: Bytes,
        options: &SetOptions,
        fence: Option<state::Id>,
    ) -> Result<bool, BackendError> {
        let name = name_of(operation, key)?;
        let entry = NewEntry { name, value, options: options.clone(), fence };
        entry.check(&self.store, operation).map_err(|error| error.with_key(key))?;
        let held = entry.value.len();
        self.run(operation, key, held, move |store, call| store.put(call, &entry)).await
    }
}

impl fmt::Debug for FileBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileBackend")
            .field("limits", &self.store.limits)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Every key is accepted except the empty one.
fn name_of(operation: Operation, key: &str) -> Result<Name, BackendError> {
    if key.is_empty() {
        return Err(BackendError::new(BackendErrorKind::InvalidKey, operation)
            .with_context("the empty key")
            .with_key(key));
    }
    Ok(Name::of(key))
}

impl Backend for FileBackend {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        Box::pin(async move {
            let name = name_of(Operation::Get, key)?;
            self.run(Operation::Get, key, 0, move |store, call| store.get(call, &name)).await
        })
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move { self.put(Operation::Set, key, value, options, None).await.map(drop) })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let name = name_of(Operation::Delete, key)?;
            self.run(Operation::Delete, key, 0, move |store, call| store.delete(call, &name)).await
        })
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let name = name_of(Operation::Exists, key)?;
            self.run(Operation::Exists, key, 0, move |store, call| store.exists(call, &name)).await
        })
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        Box::pin(async move {
            let asked = Instant::now();
            let store = Arc::clone(&self.store);
            let work = move |call: &Call| store.health(call);
            let totals = task::run(Operation::Health, 0, self.timeout, work).await?;
            let limits = self.store.limits;
            Ok(Health::new(self.backend_type(), asked.elapsed())
                .with_detail("entries", totals.entries.to_string())
                .with_detail("used_bytes", totals.bytes.to_string())
                .with_detail("max_entries", limits.entries.to_string())
                .with_detail("max_bytes", limits.bytes.to_string()))
        })
    }

    fn backend_type(&self) -> &'static str {
        "file"
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
}
