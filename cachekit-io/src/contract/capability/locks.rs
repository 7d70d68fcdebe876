//! Locks across processes.

use crate::{BackendError, BoxFuture};
use std::fmt;
use std::time::Duration;

/// Locks that every user of the same store sees, each held for a bounded time.
///
/// They save work; they do not protect data. One process fills a key while the others wait for its
/// value. Another process may take a lease that has expired, so a write that must not be overtaken
/// also needs [`Fencing`](crate::Fencing).
///
/// Locks are separate from the values: acquiring one stores no value, and writing or deleting the
/// value releases no lock.
///
/// # Example
///
/// ```
/// use cachekit_io::{Backend, BackendError, MemoryBackend};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let backend = MemoryBackend::new();
/// let locks = backend.locks().expect("the memory backend has locks");
///
/// let lease = Duration::from_secs(5);
/// let token = locks.try_acquire("report", lease).await?.expect("it is free");
/// assert!(locks.try_acquire("report", lease).await?.is_none());
/// assert!(locks.release("report", &token).await?);
/// # Ok::<(), BackendError>(())
/// # }).unwrap();
/// ```
pub trait Locks: Send + Sync {
    /// Acquires the lock of this key for `lease`, unless it is held; never waits for it.
    ///
    /// # Errors
    ///
    /// [`InvalidOption`](crate::BackendErrorKind::InvalidOption) for a lease of zero, in addition
    /// to the failures that any operation can have.
    fn try_acquire<'a>(
        &'a self,
        key: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<LockToken>, BackendError>>;

    /// Releases the lock. `false`, and nothing changes, if this token no longer holds it.
    fn release<'a>(
        &'a self,
        key: &'a str,
        token: &'a LockToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>>;
}

/// Proof of holding a lock; only its holder can release it.
///
/// `Debug` does not show it.
///
/// # Example
///
/// ```
/// use cachekit_io::LockToken;
///
/// let token = LockToken::new("6fd2");
/// assert_eq!(token.as_str(), "6fd2");
/// assert_eq!(format!("{token:?}"), "LockToken(..)");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LockToken(Box<str>);

impl LockToken {
    /// Wraps the backend's name of the holder.
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self(id.into())
    }

    /// The backend's name of the holder.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LockToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockToken(..)")
    }
}
