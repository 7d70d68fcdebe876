//! The faults that can be injected.

use crate::{BackendErrorKind, BoxFuture, Operation};
use bytes::Bytes;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

/// One kind of fault, the operations that it applies to, and how often.
///
/// Without [`on`](Self::on) it applies to every possible operation; without
/// [`times`](Self::times) until [`FaultyBackend::heal`](super::FaultyBackend::heal).
#[derive(Clone)]
#[must_use = "a fault does nothing before it is injected"]
pub struct Fault {
    pub(super) effect: Effect,
    pub(super) operation: Option<Operation>,
    pub(super) remaining: Option<usize>,
}

#[derive(Clone)]
pub(super) enum Effect {
    Fail(BackendErrorKind),
    Wait(Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>),
    Damage(Arc<dyn Fn(Bytes) -> Bytes + Send + Sync>),
    DropWrite,
}

impl Fault {
    /// The operation fails with this kind and does not reach the wrapped backend.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::testing::{Fault, FaultyBackend};
    /// use cachekit_io::{Backend, BackendErrorKind, MemoryBackend};
    ///
    /// let backend = FaultyBackend::new(MemoryBackend::new());
    /// backend.inject(Fault::fail(BackendErrorKind::Authentication));
    /// let refused = pollster::block_on(backend.health()).unwrap_err();
    /// assert!(refused.is_authentication());
    /// ```
    pub fn fail(kind: BackendErrorKind) -> Self {
        Self::new(Effect::Fail(kind))
    }

    /// The operation waits for the future that `hook` makes before it continues: a sleep, or a gate
    /// that the test opens.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::testing::{Fault, FaultyBackend};
    /// use cachekit_io::{Backend, MemoryBackend};
    /// use std::future;
    /// use std::task::{Context, Waker};
    ///
    /// let backend = FaultyBackend::new(MemoryBackend::new());
    /// backend.inject(Fault::wait(|| future::pending()));
    ///
    /// let mut get = backend.get("k");
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert!(get.as_mut().poll(&mut context).is_pending());
    /// ```
    pub fn wait<F, P>(hook: F) -> Self
    where
        F: Fn() -> P + Send + Sync + 'static,
        P: Future<Output = ()> + Send + 'static,
    {
        Self::new(Effect::Wait(Arc::new(move || Box::pin(hook()))))
    }

    /// Values are damaged: one bit of the first byte is flipped, and an empty value gets a byte.
    ///
    /// It applies to values that are read. Damage on [`Operation::Set`], [`Operation::SetMany`] or
    /// [`Operation::SetFenced`] is stored instead.
    ///
    /// # Example
    ///
    /// ```
    /// use bytes::Bytes;
    /// use cachekit_io::testing::{Fault, FaultyBackend};
    /// use cachekit_io::{Backend, BackendError, MemoryBackend, SetOptions};
    ///
    /// # pollster::block_on(async {
    /// let backend = FaultyBackend::new(MemoryBackend::new());
    /// backend.set("k", Bytes::from_static(b"@bc"), &SetOptions::new()).await?;
    /// backend.inject(Fault::corrupt().times(1));
    /// assert_eq!(backend.get("k").await?.unwrap().value(), "Abc");
    /// assert_eq!(backend.get("k").await?.unwrap().value(), "@bc");
    /// # Ok::<(), BackendError>(())
    /// # }).unwrap();
    /// ```
    pub fn corrupt() -> Self {
        Self::corrupt_with(|value| {
            let mut value = value.to_vec();
            match value.first_mut() {
                Some(first) => *first ^= 1,
                None => value.push(0),
            }
            value.into()
        })
    }

    /// Values are damaged by `damage`; [`corrupt`](Self::corrupt) says where.
    pub fn corrupt_with(damage: impl Fn(Bytes) -> Bytes + Send + Sync + 'static) -> Self {
        Self::new(Effect::Damage(Arc::new(damage)))
    }

    /// Writes are confirmed but not carried out: sets, deletes, refreshes.
    ///
    /// # Example
    ///
    /// ```
    /// use bytes::Bytes;
    /// use cachekit_io::testing::{Fault, FaultyBackend};
    /// use cachekit_io::{Backend, BackendError, MemoryBackend, SetOptions};
    ///
    /// # pollster::block_on(async {
    /// let backend = FaultyBackend::new(MemoryBackend::new());
    /// backend.inject(Fault::drop_write());
    /// backend.set("k", Bytes::from_static(b"v"), &SetOptions::new()).await?;
    /// assert!(!backend.exists("k").await?);
    /// # Ok::<(), BackendError>(())
    /// # }).unwrap();
    /// ```
    pub fn drop_write() -> Self {
        Self::new(Effect::DropWrite)
    }

    fn new(effect: Effect) -> Self {
        Self { effect, operation: None, remaining: None }
    }

    /// Only on this operation.
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only this many times.
    pub fn times(mut self, count: usize) -> Self {
        self.remaining = Some(count);
        self
    }

    /// Whether it applies to this operation now.
    pub(super) fn applies_to(&self, operation: Operation) -> bool {
        let selected = match self.operation {
            Some(only) => only == operation,
            None => true,
        };
        let possible = match self.effect {
            Effect::Fail(_) | Effect::Wait(_) => true,
            Effect::DropWrite => operation.is_write(),
            Effect::Damage(_) => match operation {
                Operation::Get | Operation::GetMany => true,
                // Written values are damaged only if the test requested that.
                Operation::Set | Operation::SetMany | Operation::SetFenced => {
                    self.operation.is_some()
                }
                _ => false,
            },
        };
        selected && possible && self.remaining != Some(0)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match &self.effect {
            Effect::Fail(kind) => format!("fail({})", kind.as_str()),
            Effect::Wait(_) => "wait".to_owned(),
            Effect::Damage(_) => "corrupt".to_owned(),
            Effect::DropWrite => "drop_write".to_owned(),
        };
        f.debug_struct("Fault")
            .field("effect", &effect)
            .field("operation", &self.operation)
            .field("remaining", &self.remaining)
            .finish()
    }
}
