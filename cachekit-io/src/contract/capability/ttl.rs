//! Reading and extending the TTL of an entry.

use crate::{BackendError, BoxFuture};
use std::time::Duration;

/// Reads how long an entry lives, and extends its TTL without transferring its value.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit_io::{Backend, BackendError, Expiry, MemoryBackend, SetOptions};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let backend = MemoryBackend::new();
/// let ttl = backend.ttl().expect("the memory backend tells times");
///
/// assert_eq!(ttl.expiry("session").await?, Expiry::Absent);
/// backend.set("session", Bytes::from_static(b"v"), &SetOptions::new()).await?;
/// assert_eq!(ttl.expiry("session").await?, Expiry::Never);
/// assert!(ttl.refresh("session", Duration::from_secs(60)).await?);
/// assert!(matches!(ttl.expiry("session").await?, Expiry::In(_)));
/// # Ok::<(), BackendError>(())
/// # }).unwrap();
/// ```
pub trait TtlControl: Send + Sync {
    /// When the entry will be gone, its stale window included.
    fn expiry<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Expiry, BackendError>>;

    /// Makes a fresh entry fresh for `ttl` from now; its stale window keeps its length.
    ///
    /// `false` if the backend knows that there is no fresh entry: an entry past its TTL is
    /// not made fresh again; it must be written again. Never creates an entry.
    ///
    /// # Errors
    ///
    /// [`InvalidOption`](crate::BackendErrorKind::InvalidOption) for a `ttl` of zero, in addition
    /// to the failures that any operation can have.
    fn refresh<'a>(
        &'a self,
        key: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, BackendError>>;
}

/// When an entry will be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// There is no entry.
    Absent,
    /// Not by itself.
    Never,
    /// After this long; never zero. If a store counts whole seconds, it is rounded up.
    In(Duration),
}
