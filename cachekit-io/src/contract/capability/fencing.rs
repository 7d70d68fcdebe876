//! Writes that lose against an invalidation.

use crate::{BackendError, BoxFuture, SetOptions};
use bytes::Bytes;

/// Keeps a slow fill from bringing back what was invalidated while it ran.
///
/// A fill takes a fence *before* it reads the data that the value is computed from, and stores the
/// value with the fence. Any write or delete of the key in between moves the fence, even a delete
/// that found nothing, and the late value is refused. Of several fills with the same fence one is
/// stored.
///
/// Expiry, eviction, a TTL refresh and a lock do not move the fence.
/// A backend may drop a fence for lack of space; the fill that it belonged to is then refused too.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit_io::{Backend, BackendError, MemoryBackend, SetOptions};
///
/// # pollster::block_on(async {
/// let backend = MemoryBackend::new();
/// let fencing = backend.fencing().expect("the memory backend has fences");
///
/// let fence = fencing.fence("user:42").await?;
/// let outdated = Bytes::from_static(b"read before the update");
/// backend.delete("user:42").await?; // the user was updated
///
/// let stored = fencing.set_fenced("user:42", outdated, &SetOptions::new(), &fence).await?;
/// assert!(!stored);
/// assert!(backend.get("user:42").await?.is_none());
/// # Ok::<(), BackendError>(())
/// # }).unwrap();
/// ```
pub trait Fencing: Send + Sync {
    /// Marks this moment in the history of the key.
    fn fence<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<FenceToken, BackendError>>;

    /// Like [`Backend::set`](crate::Backend::set), unless the fence moved: then `false`, and
    /// nothing changes. The token must be one that [`fence`](Self::fence) gave for this key.
    fn set_fenced<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
        token: &'a FenceToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>>;
}

/// A moment in the history of a key; its content is private to the backend.
///
/// # Example
///
/// ```
/// use cachekit_io::FenceToken;
///
/// assert_eq!(FenceToken::new("17").as_str(), "17");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FenceToken(Box<str>);

impl FenceToken {
    /// Wraps the backend's name of the moment.
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self(id.into())
    }

    /// The backend's name of the moment.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
