//! What passes through a layer.

use crate::{BackendError, BackendErrorKind, BoxFuture, Operation};
use std::fmt;

/// One operation on its way to a backend. `Debug` shows the length of a key, never the key.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    operation: Operation,
    key: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(super) fn new(operation: Operation, key: &'a str) -> Self {
        Self { operation, key: Some(key) }
    }

    /// About no key, or about many.
    pub(super) fn keyless(operation: Operation) -> Self {
        Self { operation, key: None }
    }

    /// Which operation it is.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Which key it is about, if it is exactly one.
    pub fn key(&self) -> Option<&'a str> {
        self.key
    }

    /// An error of this call.
    pub fn error(&self, kind: BackendErrorKind) -> BackendError {
        let error = BackendError::new(kind, self.operation);
        match self.key {
            Some(key) => error.with_key(key),
            None => error,
        }
    }

    /// Whether doing it twice has the same effect as doing it once.
    pub(super) fn is_repeatable(&self) -> bool {
        match self.operation {
            Operation::Connect
            | Operation::Get
            | Operation::Set
            | Operation::Delete
            | Operation::Exists
            | Operation::Health
            | Operation::Expiry
            | Operation::Refresh
            | Operation::GetMany
            | Operation::SetMany
            | Operation::DeleteMany
            | Operation::Fence => true,
            Operation::Lock | Operation::Unlock | Operation::SetFenced | Operation::Subscribe => {
                false
            }
        }
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("operation", &self.operation)
            .field("key_len", &self.key.map(str::len))
            .finish()
    }
}

/// Performs the operation, each time it is [run](Self::run).
pub struct Attempt<'a, T> {
    run: Box<dyn Fn() -> BoxFuture<'a, Result<T, BackendError>> + Send + Sync + 'a>,
    may_repeat: Box<dyn Fn() -> bool + Send + Sync + 'a>,
}

impl<'a, T> Attempt<'a, T> {
    pub(super) fn new(
        run: impl Fn() -> BoxFuture<'a, Result<T, BackendError>> + Send + Sync + 'a,
        may_repeat: impl Fn() -> bool + Send + Sync + 'a,
    ) -> Self {
        Self { run: Box::new(run), may_repeat: Box::new(may_repeat) }
    }

    /// Calls the backend, or the next layer. The future does nothing before it is polled.
    pub fn run(&self) -> BoxFuture<'a, Result<T, BackendError>> {
        (self.run)()
    }

    /// Whether the operation may be repeated, and a repetition may help.
    ///
    /// Never for acquiring a lock (the second attempt would contend with the first), releasing one, and writing under a
    /// lock or with a fence (the second attempt would mistake the first one's value for another's). For a batch:
    /// whether items are left that are none of these.
    pub fn may_repeat(&self) -> bool {
        (self.may_repeat)()
    }

    /// The same after an attempt that failed in this way: also what must not be done twice, if the backend did
    /// [nothing](BackendError::is_unprocessed) for it.
    pub fn may_repeat_after(&self, error: &BackendError) -> bool {
        self.may_repeat() || error.is_unprocessed()
    }
}

impl<T> fmt::Debug for Attempt<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").finish_non_exhaustive()
    }
}
