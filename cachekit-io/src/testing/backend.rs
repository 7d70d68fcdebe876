//! The wrapper and the operations every backend has.

use super::Fault;
use super::log::Call;
use super::script::Script;
use crate::{
    Backend, BackendError, BackendErrorKind, Batch, BoxFuture, Capability, Fencing, Fetched,
    Health, InvalidationEvent, InvalidationEvents, Locks, Operation, SetOptions, TtlControl,
};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// A backend that fails on command and records its calls.
///
/// It offers the capabilities of the backend it wraps, except those [hidden](Self::hide). Clones
/// share the backend, the faults and the log, so a test keeps one clone to control it. Faults are
/// considered in the order in which they were injected; of those that make a call fail, the first one
/// counts.
///
/// # Example
///
/// ```
/// use cachekit_io::testing::FaultyBackend;
/// use cachekit_io::{Backend, BackendErrorKind, MemoryBackend};
///
/// # pollster::block_on(async {
/// let orders = FaultyBackend::new(MemoryBackend::new());
/// let backend: Box<dyn Backend> = Box::new(orders.clone());
///
/// orders.fail_next(2, BackendErrorKind::Transient);
/// assert!(backend.get("k").await.is_err());
/// assert!(backend.exists("k").await.is_err());
/// assert!(backend.get("k").await.is_ok());
/// assert_eq!(orders.calls().len(), 3);
/// # });
/// ```
#[derive(Clone)]
pub struct FaultyBackend {
    pub(super) inner: Arc<dyn Backend>,
    pub(super) script: Arc<Script>,
}

impl FaultyBackend {
    /// Wraps a backend; no faults yet.
    pub fn new(inner: impl Backend) -> Self {
        Self { inner: Arc::new(inner), script: Arc::default() }
    }

    /// Adds an active fault.
    pub fn inject(&self, fault: Fault) {
        self.script.inject(fault);
    }

    /// Makes the next `count` calls fail with this kind, whatever the operation.
    pub fn fail_next(&self, count: usize, kind: BackendErrorKind) {
        self.inject(Fault::fail(kind).times(count));
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.script.heal();
    }

    /// Hides a capability of the wrapped backend.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::testing::FaultyBackend;
    /// use cachekit_io::{Backend, Capability, MemoryBackend};
    ///
    /// let backend = FaultyBackend::new(MemoryBackend::new());
    /// backend.hide(Capability::Locks);
    /// assert!(backend.locks().is_none());
    /// ```
    pub fn hide(&self, capability: Capability) {
        self.script.hide(capability);
    }

    /// Sends an event to all listeners of this backend, as if the backend had sent it; returns when
    /// all were called.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::testing::FaultyBackend;
    /// use cachekit_io::{Backend, InvalidationEvent, MemoryBackend};
    /// use std::sync::{Arc, Mutex};
    ///
    /// let backend = FaultyBackend::new(MemoryBackend::new());
    /// let heard = Arc::new(Mutex::new(Vec::new()));
    /// let log = Arc::clone(&heard);
    /// let subscription = backend.events().unwrap().subscribe(Arc::new(
    ///     move |event: &InvalidationEvent| log.lock().unwrap().push(event.clone()),
    /// ));
    /// backend.tell(InvalidationEvent::Gap);
    /// assert_eq!(*heard.lock().unwrap(), [InvalidationEvent::Gap]);
    /// assert_eq!(backend.subscriptions(), 1);
    /// drop(subscription);
    /// assert_eq!(backend.subscriptions(), 0);
    /// ```
    pub fn tell(&self, event: InvalidationEvent) {
        self.script.listeners().publish(|| event);
    }

    /// Whether the wrapped backend's own events are lost. Those that [`tell`](Self::tell) sends arrive.
    pub fn lose_events(&self, lost: bool) {
        self.script.lose_events(lost);
    }

    /// How many subscriptions to events there are.
    pub fn subscriptions(&self) -> usize {
        self.script.listeners().count()
    }

    /// All calls so far, in order. A call is logged when it is first polled.
    pub fn calls(&self) -> Vec<Call> {
        self.script.calls()
    }

    /// How many calls had this operation.
    pub fn count(&self, operation: Operation) -> usize {
        self.calls().iter().filter(|call| call.operation == operation).count()
    }

    /// Empties the log.
    pub fn forget_calls(&self) {
        self.script.forget_calls();
    }

    /// Whether the wrapped backend has the capability and it is not hidden.
    fn offers(&self, capability: Capability) -> bool {
        capability.is_offered_by(&*self.inner) && !self.script.hides(capability)
    }
}

impl fmt::Debug for FaultyBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyBackend").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Backend for FaultyBackend {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        Box::pin(async move {
            let mut plan = self.script.plan(Operation::Get, &[key]);
            plan.begin(Operation::Get).await?;
            let found = self.inner.get(key).await?;
            Ok(found.map(|found| plan.fetched(found)))
        })
    }

    fn get_timed<'a>(
        &'a self,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        Box::pin(async move {
            let mut plan = self.script.plan(Operation::Get, &[key]);
            plan.begin(Operation::Get).await?;
            let found = self.inner.get_timed(key).await?;
            Ok(found.map(|found| plan.fetched(found)))
        })
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let mut plan = self.script.plan(Operation::Set, &[key]);
            plan.begin(Operation::Set).await?;
            if plan.drops_write {
                return Ok(());
            }
            self.inner.set(key, plan.value(value), options).await
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let mut plan = self.script.plan(Operation::Delete, &[key]);
            plan.begin(Operation::Delete).await?;
            if plan.drops_write {
                return Ok(true);
            }
            self.inner.delete(key).await
        })
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let mut plan = self.script.plan(Operation::Exists, &[key]);
            plan.begin(Operation::Exists).await?;
            self.inner.exists(key).await
        })
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        Box::pin(async move {
            let mut plan = self.script.plan(Operation::Health, &[]);
            plan.begin(Operation::Health).await?;
            self.inner.health().await
        })
    }

    fn backend_type(&self) -> &'static str {
        self.inner.backend_type()
    }

    fn renames_keys(&self) -> bool {
        self.inner.renames_keys()
    }

    fn locks(&self) -> Option<&dyn Locks> {
        self.offers(Capability::Locks).then_some(self as _)
    }

    fn ttl(&self) -> Option<&dyn TtlControl> {
        self.offers(Capability::Ttl).then_some(self as _)
    }

    fn batch(&self) -> Option<&dyn Batch> {
        self.offers(Capability::Batch).then_some(self as _)
    }

    fn fencing(&self) -> Option<&dyn Fencing> {
        self.offers(Capability::Fencing).then_some(self as _)
    }

    fn events(&self) -> Option<&dyn InvalidationEvents> {
        self.offers(Capability::Events).then_some(self as _)
    }
}
