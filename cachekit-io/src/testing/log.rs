//! The calls to a backend.

use crate::{BackendErrorKind, Operation};

/// One call, as it went through a [`FaultyBackend`](super::FaultyBackend).
///
/// A batch is one call. Keys are recorded in full, because this is for tests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The operation.
    pub operation: Operation,
    /// Its keys: one, those of a batch, or none for `health` and `subscribe`.
    pub keys: Vec<String>,
    /// The fault that made it fail, if one did.
    pub failed_with: Option<BackendErrorKind>,
}

impl Call {
    /// The key, if the call was about exactly one.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::testing::FaultyBackend;
    /// use cachekit_io::{Backend, MemoryBackend};
    ///
    /// let backend = FaultyBackend::new(MemoryBackend::new());
    /// pollster::block_on(backend.delete("k")).unwrap();
    /// assert_eq!(backend.calls()[0].key(), Some("k"));
    /// ```
    pub fn key(&self) -> Option<&str> {
        match self.keys.as_slice() {
            [key] => Some(key),
            _ => None,
        }
    }
}
