//! A backend behind a layer: how each operation passes through it.

use super::call::{Attempt, Call};
use super::removal::Removal;
use crate::{
    Backend, BackendError, BackendErrorKind, Batch, BoxFuture, Expiry, FenceToken, Fencing,
    Fetched, Health, InvalidationEvents, LockToken, Locks, Operation, SetOptions, TtlControl,
};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What every operation on a backend passes through.
///
/// # Example
///
/// A layer that counts failures:
///
/// ```
/// use cachekit_io::layers::{Attempt, Call, Layer};
/// use cachekit_io::{Backend, BackendError, BoxFuture, MemoryBackend};
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// #[derive(Debug, Default)]
/// struct Failures(AtomicU64);
///
/// impl Layer for Failures {
///     fn carry<'a, T: Send + 'a>(
///         &'a self,
///         _call: Call<'a>,
///         attempt: Attempt<'a, T>,
///     ) -> BoxFuture<'a, Result<T, BackendError>> {
///         Box::pin(async move {
///             let result = attempt.run().await;
///             if result.is_err() {
///                 self.0.fetch_add(1, Relaxed);
///             }
///             result
///         })
///     }
/// }
///
/// # pollster::block_on(async {
/// let backend = Failures::default().around(MemoryBackend::new());
/// assert!(backend.get("").await.is_err());
/// assert!(backend.get("k").await.is_ok());
/// assert_eq!(backend.layer().0.load(Relaxed), 1);
/// # });
/// ```
pub trait Layer: fmt::Debug + Send + Sync + 'static {
    /// Performs an operation, or returns why not. Like every operation of a [`Backend`], the
    /// future does nothing before it is polled, and may be dropped at any time: an implementation does its work inside
    /// the future, not before it creates one.
    ///
    /// A batch passes as one call. It fails if one of its items failed with a passing error
    /// ([`BackendError::is_retryable`]), or with one that a breaker counts; a further attempt covers only those items.
    /// The result of the layer becomes the result of the items that have none yet. If an outer layer gives a batch up,
    /// what the inner layers knew of its items is lost.
    fn carry<'a, T: Send + 'a>(
        &'a self,
        call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>>;

    /// Wraps a backend.
    fn around<B: Backend>(self, backend: B) -> Layered<Self, B>
    where
        Self: Sized,
    {
        Layered { layer: self, backend }
    }
}

/// One layer around several backends, or one whose state is also read elsewhere.
impl<L: Layer> Layer for Arc<L> {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        (**self).carry(call, attempt)
    }
}

/// A backend behind a layer; see [`Layer::around`].
#[derive(Debug)]
pub struct Layered<L, B> {
    pub(super) layer: L,
    pub(super) backend: B,
}

impl<L, B> Layered<L, B> {
    /// The layer.
    pub fn layer(&self) -> &L {
        &self.layer
    }

    /// The backend that it wraps.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// The backend that it wrapped.
    pub fn into_backend(self) -> B {
        self.backend
    }
}

impl<L: Layer, B: Backend> Layered<L, B> {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        key: &'a str,
        attempt: impl Fn() -> BoxFuture<'a, Result<T, BackendError>> + Send + Sync + 'a,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        let call = Call::new(operation, key);
        self.layer.carry(call, Attempt::new(attempt, move || call.is_repeatable()))
    }
}

impl<L: Layer, B: Backend> Backend for Layered<L, B> {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        self.carry(Operation::Get, key, move || self.backend.get(key))
    }

    fn get_timed<'a>(
        &'a self,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        self.carry(Operation::Get, key, move || self.backend.get_timed(key))
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        let set = move || self.backend.set(key, value.clone(), options);
        let attempt = Attempt::new(set, || options.lock.is_none());
        self.layer.carry(Call::new(Operation::Set, key), attempt)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        let removal = Arc::new(Removal::default());
        self.carry(Operation::Delete, key, move || {
            let removal = Arc::clone(&removal);
            Box::pin(async move {
                let before = removal.begin();
                removal.end(before, self.backend.delete(key).await)
            })
        })
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        self.carry(Operation::Exists, key, move || self.backend.exists(key))
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        let attempt = Attempt::new(move || self.backend.health(), || true);
        self.layer.carry(Call::keyless(Operation::Health), attempt)
    }

    fn backend_type(&self) -> &'static str {
        self.backend.backend_type()
    }

    fn renames_keys(&self) -> bool {
        self.backend.renames_keys()
    }

    fn locks(&self) -> Option<&dyn Locks> {
        self.backend.locks().map(|_| self as &dyn Locks)
    }

    fn ttl(&self) -> Option<&dyn TtlControl> {
        self.backend.ttl().map(|_| self as &dyn TtlControl)
    }

    fn batch(&self) -> Option<&dyn Batch> {
        self.backend.batch().map(|_| self as &dyn Batch)
    }

    fn fencing(&self) -> Option<&dyn Fencing> {
        self.backend.fencing().map(|_| self as &dyn Fencing)
    }

    fn events(&self) -> Option<&dyn InvalidationEvents> {
        // A subscription sends nothing, and cannot fail.
        self.backend.events()
    }
}

impl<L: Layer, B: Backend> Locks for Layered<L, B> {
    fn try_acquire<'a>(
        &'a self,
        key: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<LockToken>, BackendError>> {
        self.carry(Operation::Lock, key, move || match self.backend.locks() {
            Some(locks) => locks.try_acquire(key, lease),
            None => withdrawn(Operation::Lock),
        })
    }

    fn release<'a>(
        &'a self,
        key: &'a str,
        token: &'a LockToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        self.carry(Operation::Unlock, key, move || match self.backend.locks() {
            Some(locks) => locks.release(key, token),
            None => withdrawn(Operation::Unlock),
        })
    }
}

impl<L: Layer, B: Backend> TtlControl for Layered<L, B> {
    fn expiry<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Expiry, BackendError>> {
        self.carry(Operation::Expiry, key, move || match self.backend.ttl() {
            Some(ttl) => ttl.expiry(key),
            None => withdrawn(Operation::Expiry),
        })
    }

    fn refresh<'a>(
        &'a self,
        key: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        self.carry(Operation::Refresh, key, move || match self.backend.ttl() {
            Some(control) => control.refresh(key, ttl),
            None => withdrawn(Operation::Refresh),
        })
    }
}

impl<L: Layer, B: Backend> Fencing for Layered<L, B> {
    fn fence<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<FenceToken, BackendError>> {
        self.carry(Operation::Fence, key, move || match self.backend.fencing() {
            Some(fencing) => fencing.fence(key),
            None => withdrawn(Operation::Fence),
        })
    }

    fn set_fenced<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
        token: &'a FenceToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        self.carry(Operation::SetFenced, key, move || match self.backend.fencing() {
            Some(fencing) => fencing.set_fenced(key, value.clone(), options, token),
            None => withdrawn(Operation::SetFenced),
        })
    }
}

/// A capability was offered a moment ago; a backend may change its mind.
pub(super) fn withdrawn<'a, T: Send + 'a>(
    operation: Operation,
) -> BoxFuture<'a, Result<T, BackendError>> {
    Box::pin(async move { Err(BackendError::new(BackendErrorKind::Unsupported, operation)) })
}
