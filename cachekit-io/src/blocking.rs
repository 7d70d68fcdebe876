//! Backends without async (features `http` and `redis`).
//!
//! [`Blocking`] gives any [`Backend`] methods that return when the work is done. They can be called from
//! any thread, even inside async code: a background thread of the process does the work, so a
//! caller that blocks its own executor does not block the work. Blocking an executor still delays its
//! other tasks.
//!
//! ```
//! use bytes::Bytes;
//! use cachekit_io::blocking::Blocking;
//! use cachekit_io::{MemoryBackend, SetOptions};
//!
//! let backend = Blocking::new(MemoryBackend::new());
//! backend.set("k", Bytes::from_static(b"v"), &SetOptions::new())?;
//! assert_eq!(backend.get("k")?.expect("stored a line above").value(), "v");
//! # Ok::<(), cachekit_io::BackendError>(())
//! ```

use crate::runtime::Background;
use crate::{
    Backend, BackendError, BackendErrorKind, BatchEntry, BatchResults, Expiry, Fetched, Health,
    LockToken, Operation, SetOptions,
};
use bytes::Bytes;
use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
#[cfg(feature = "http")]
use std::time::Instant;

/// The client of the HTTP API, without async.
#[cfg(feature = "http")]
pub type CachekitIo = Blocking<crate::CachekitIo>;

/// A backend whose operations return when they are done.
///
/// Every operation also fails with [`Permanent`](BackendErrorKind::Permanent) if it is called on the
/// background thread itself, from a counter or resolver given to a client, because it would wait for
/// itself there.
#[derive(Debug)]
pub struct Blocking<B: ?Sized> {
    backend: Arc<B>,
}

// Not derived: `B` need not be `Clone`.
impl<B: ?Sized> Clone for Blocking<B> {
    fn clone(&self) -> Self {
        Self { backend: Arc::clone(&self.backend) }
    }
}

impl<B: Backend> Blocking<B> {
    /// This backend.
    pub fn new(backend: B) -> Self {
        Self { backend: Arc::new(backend) }
    }
}

impl<B: Backend + ?Sized> From<Arc<B>> for Blocking<B> {
    fn from(backend: Arc<B>) -> Self {
        Self { backend }
    }
}

#[cfg(feature = "http")]
impl CachekitIo {
    /// See [`CachekitIo::from_env`](crate::CachekitIo::from_env).
    pub fn from_env() -> Result<Self, BackendError> {
        crate::CachekitIo::from_env().map(Self::new)
    }

    /// See [`CachekitIo::with_timeout`](crate::CachekitIo::with_timeout).
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self::new(self.backend.with_timeout(timeout))
    }

    /// See [`CachekitIo::warm_up`](crate::CachekitIo::warm_up).
    pub fn warm_up(&self) -> Result<(), BackendError> {
        self.run(Operation::Connect, |backend| async move { backend.warm_up().await })?
    }

    /// See [`CachekitIo::acquire_lock`](crate::CachekitIo::acquire_lock).
    pub fn acquire_lock(
        &self,
        key: &str,
        timeout: Duration,
    ) -> Result<Option<LockGuard>, BackendError> {
        let key = key.to_owned();
        let guard = self.run(Operation::Lock, move |backend| async move {
            backend.acquire_lock(&key, timeout).await
        })??;
        Ok(guard.map(LockGuard))
    }

    /// See [`CachekitIo::acquire_lock_wait`](crate::CachekitIo::acquire_lock_wait).
    pub fn acquire_lock_wait(
        &self,
        key: &str,
        lease: Duration,
        deadline: Instant,
    ) -> Result<Option<LockGuard>, BackendError> {
        let key = key.to_owned();
        let guard = self.run(Operation::Lock, move |backend| async move {
            backend.acquire_lock_wait(&key, lease, deadline).await
        })??;
        Ok(guard.map(LockGuard))
    }
}

/// A lock that is held until it is released, dropped, or its lease expires; see
/// [`http::LockGuard`](crate::http::LockGuard).
#[cfg(feature = "http")]
#[derive(Debug)]
#[must_use = "dropping the guard releases the lock"]
pub struct LockGuard(crate::http::LockGuard);

#[cfg(feature = "http")]
impl LockGuard {
    /// The service's name of the holder.
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// The same, for [`SetOptions::lock`].
    pub fn token(&self) -> LockToken {
        self.0.token()
    }

    /// The key that is locked.
    pub fn key(&self) -> &str {
        self.0.key()
    }

    /// Releases the lock. `false` if it was no longer held.
    pub fn release(self) -> Result<bool, BackendError> {
        run(Operation::Unlock, self.0.release())?
    }
}

impl<B: Backend + ?Sized> Blocking<B> {
    /// The backend, for async code.
    pub fn backend(&self) -> &Arc<B> {
        &self.backend
    }

    /// See [`Backend::get`].
    pub fn get(&self, key: &str) -> Result<Option<Fetched>, BackendError> {
        let key = key.to_owned();
        self.run(Operation::Get, |backend| async move { backend.get(&key).await })?
    }

    /// See [`Backend::set`].
    pub fn set(&self, key: &str, value: Bytes, options: &SetOptions) -> Result<(), BackendError> {
        let (key, options) = (key.to_owned(), options.clone());
        self.run(Operation::Set, |backend| async move { backend.set(&key, value, &options).await })?
    }

    /// See [`Backend::delete`].
    pub fn delete(&self, key: &str) -> Result<bool, BackendError> {
        let key = key.to_owned();
        self.run(Operation::Delete, |backend| async move { backend.delete(&key).await })?
    }

    /// See [`Backend::exists`].
    pub fn exists(&self, key: &str) -> Result<bool, BackendError> {
        let key = key.to_owned();
        self.run(Operation::Exists, |backend| async move { backend.exists(&key).await })?
    }

    /// See [`Backend::health`].
    pub fn health(&self) -> Result<Health, BackendError> {
        self.run(Operation::Health, |backend| async move { backend.health().await })?
    }

    /// See [`Locks::try_acquire`](crate::Locks::try_acquire).
    ///
    /// # Errors
    ///
    /// [`Unsupported`](BackendErrorKind::Unsupported) if the backend has no locks.
    pub fn try_acquire(
        &self,
        key: &str,
        lease: Duration,
    ) -> Result<Option<LockToken>, BackendError> {
        let key = key.to_owned();
        self.run(Operation::Lock, move |backend| async move {
            let locks = backend.locks().ok_or_else(|| unsupported(Operation::Lock))?;
            locks.try_acquire(&key, lease).await
        })?
    }

    /// See [`Locks::release`](crate::Locks::release).
    ///
    /// # Errors
    ///
    /// [`Unsupported`](BackendErrorKind::Unsupported) if the backend has no locks.
    pub fn release(&self, key: &str, token: &LockToken) -> Result<bool, BackendError> {
        let (key, token) = (key.to_owned(), token.clone());
        self.run(Operation::Unlock, |backend| async move {
            let locks = backend.locks().ok_or_else(|| unsupported(Operation::Unlock))?;
            locks.release(&key, &token).await
        })?
    }

    /// See [`TtlControl::expiry`](crate::TtlControl::expiry).
    ///
    /// # Errors
    ///
    /// [`Unsupported`](BackendErrorKind::Unsupported) if the backend cannot report it.
    pub fn expiry(&self, key: &str) -> Result<Expiry, BackendError> {
        let key = key.to_owned();
        self.run(Operation::Expiry, |backend| async move {
            let ttl = backend.ttl().ok_or_else(|| unsupported(Operation::Expiry))?;
            ttl.expiry(&key).await
        })?
    }

    /// See [`TtlControl::refresh`](crate::TtlControl::refresh).
    ///
    /// # Errors
    ///
    /// [`Unsupported`](BackendErrorKind::Unsupported) if the backend cannot do that.
    pub fn refresh_ttl(&self, key: &str, ttl: Duration) -> Result<bool, BackendError> {
        let key = key.to_owned();
        self.run(Operation::Refresh, move |backend| async move {
            let control = backend.ttl().ok_or_else(|| unsupported(Operation::Refresh))?;
            control.refresh(&key, ttl).await
        })?
    }

    /// See [`Batch::get_many`](crate::Batch::get_many); one by one if the backend has no batches.
    pub fn get_many(&self, keys: &[&str]) -> BatchResults<Option<Fetched>> {
        let count = keys.len();
        let keys = owned(keys);
        let results = self.run(Operation::GetMany, |backend| async move {
            let keys: Vec<_> = keys.iter().map(String::as_str).collect();
            if let Some(batch) = backend.batch() {
                return batch.get_many(&keys).await;
            }
            let mut results = Vec::with_capacity(keys.len());
            for key in keys {
                results.push(backend.get(key).await);
            }
            results
        });
        results.unwrap_or_else(|error| repeated(&error, count))
    }

    /// See [`Batch::set_many`](crate::Batch::set_many); one by one if the backend has no batches.
    pub fn set_many(&self, entries: &[BatchEntry<'_>]) -> BatchResults<()> {
        let count = entries.len();
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| (entry.key.to_owned(), entry.value.clone(), entry.options.clone()))
            .collect();
        let results = self.run(Operation::SetMany, |backend| async move {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, value, options)| {
                    BatchEntry::new(key, value.clone()).with_options(options.clone())
                })
                .collect();
            if let Some(batch) = backend.batch() {
                return batch.set_many(&entries).await;
            }
            let mut results = Vec::with_capacity(entries.len());
            for entry in entries {
                results.push(backend.set(entry.key, entry.value, &entry.options).await);
            }
            results
        });
        results.unwrap_or_else(|error| repeated(&error, count))
    }

    /// See [`Batch::delete_many`](crate::Batch::delete_many); one by one if the backend has no
    /// batches.
    pub fn delete_many(&self, keys: &[&str]) -> BatchResults<bool> {
        let count = keys.len();
        let keys = owned(keys);
        let results = self.run(Operation::DeleteMany, |backend| async move {
            let keys: Vec<_> = keys.iter().map(String::as_str).collect();
            if let Some(batch) = backend.batch() {
                return batch.delete_many(&keys).await;
            }
            let mut results = Vec::with_capacity(keys.len());
            for key in keys {
                results.push(backend.delete(key).await);
            }
            results
        });
        results.unwrap_or_else(|error| repeated(&error, count))
    }

    fn run<T, F>(
        &self,
        operation: Operation,
        work: impl FnOnce(Arc<B>) -> F,
    ) -> Result<T, BackendError>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        run(operation, work(Arc::clone(&self.backend)))
    }
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

fn repeated<T>(error: &BackendError, count: usize) -> BatchResults<T> {
    (0..count).map(|_| Err(error.clone())).collect()
}

fn unsupported(operation: Operation) -> BackendError {
    BackendError::new(BackendErrorKind::Unsupported, operation)
}

/// Runs a future on the background thread and waits for it on this one.
fn run<T, F>(operation: Operation, work: F) -> Result<T, BackendError>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let failed =
        |kind, context: &'static str| BackendError::new(kind, operation).with_context(context);
    let background = Background::start().map_err(|error| {
        failed(BackendErrorKind::Transient, "the background thread cannot be started")
            .with_source(error)
    })?;
    if background.is_here() {
        return Err(failed(
            BackendErrorKind::Permanent,
            "a blocking call on the thread that would do the work",
        ));
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    background.spawn(async move {
        // The caller waits until there is something or the task is gone.
        let _ = sender.send(work.await);
    });
    receiver
        .recv()
        .map_err(|_| failed(BackendErrorKind::Permanent, "the backend panicked during the call"))
}
