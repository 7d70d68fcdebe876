//! What passes a layer.

use crate::{BackendError, BackendErrorKind, BoxFuture, Operation};
use std::fmt;

/// One operation on its way to a backend. `Debug` shows the length of a key, never the key.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    operation: Operation,
    key: Option<&'a str>,
    is_repeatable: bool,
}

/// Carries the operation out, as often as it is called. Each future does nothing before it is polled.
pub type Attempt<'a, T> =
    Box<dyn Fn() -> BoxFuture<'a, Result<T, BackendError>> + Send + Sync + 'a>;

impl<'a> Call<'a> {
    pub(super) fn new(operation: Operation, key: &'a str) -> Self {
        Self { key: Some(key), ..Self::keyless(operation) }
    }

    /// About no key, or about many.
    pub(super) fn keyless(operation: Operation) -> Self {
        let is_repeatable =
            !matches!(operation, Operation::Lock | Operation::Unlock | Operation::SetFenced);
        Self { operation, key: None, is_repeatable }
    }

    /// The same, and it is not to be done twice if `guarded`.
    pub(super) fn once_if(self, guarded: bool) -> Self {
        Self { is_repeatable: self.is_repeatable && !guarded, ..self }
    }

    /// What is asked.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Which key it is about, if it is exactly one.
    pub fn key(&self) -> Option<&'a str> {
        self.key
    }

    /// Whether doing it twice comes to the same as doing it once.
    ///
    /// Not so: taking a lock (the second attempt would contend with the first), giving one back, and writing under a lock
    /// or through a fence (the second attempt would take the first one's value for another's).
    pub fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }

    /// An error of this call.
    pub fn error(&self, kind: BackendErrorKind) -> BackendError {
        let error = BackendError::new(kind, self.operation);
        match self.key {
            Some(key) => error.with_key(key),
            None => error,
        }
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("operation", &self.operation)
            .field("key_len", &self.key.map(str::len))
            .finish_non_exhaustive()
    }
}
