//! `backend = …`: a backend that the attribute names, and keys that tell backends apart.

use std::hash::Hasher;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use cachekit_io::Backend;

use crate::key::CacheKey;
use crate::rules::{Judge, Rules, Verdict};
use crate::shape::Shape;

mod sealed {
    pub trait Sealed {}
}

/// What may stand behind `backend =`: a backend in an [`Arc`], or something that leads to one.
///
/// That is an `Arc` of a backend, an `Arc<dyn Backend>`, a [`LazyLock`] of these, or a reference to any of
/// them. The `Arc` is what tells backends apart: values that were cached for one are never served for
/// another, in this process either. So make it once and keep it, in a static or in a field; an expression
/// that makes a new `Arc` for each call never hits.
///
/// # Example
///
/// ```
/// use cachekit_io::MemoryBackend;
/// use std::sync::{Arc, LazyLock};
///
/// static SESSIONS: LazyLock<Arc<MemoryBackend>> = LazyLock::new(|| Arc::new(MemoryBackend::new()));
///
/// #[cachekit::cache(ttl = 60, backend = SESSIONS)]
/// fn session(id: u64) -> String { format!("session {id}") }
///
/// session(1);
/// assert_eq!(SESSIONS.len(), 1);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not lead to a backend that can be told from others",
    label = "expected an `Arc` of a `cachekit_io::Backend`",
    note = "put the backend into an `Arc` where it is made, and name that: `backend = self.backend`"
)]
pub trait IntoBackend: sealed::Sealed {
    /// The backend.
    fn to_backend(&self) -> Arc<dyn Backend>;

    /// Where it is. No two backends that are alive are in the same place.
    #[doc(hidden)]
    fn address(&self) -> usize;
}

impl<B: Backend> sealed::Sealed for Arc<B> {}
impl<B: Backend> IntoBackend for Arc<B> {
    fn to_backend(&self) -> Arc<dyn Backend> {
        Arc::clone(self) as Arc<dyn Backend>
    }
    #[inline]
    fn address(&self) -> usize {
        Arc::as_ptr(self) as usize
    }
}

impl sealed::Sealed for Arc<dyn Backend> {}
impl IntoBackend for Arc<dyn Backend> {
    fn to_backend(&self) -> Arc<dyn Backend> {
        Arc::clone(self)
    }
    #[inline]
    fn address(&self) -> usize {
        Arc::as_ptr(self).cast::<()>() as usize
    }
}

macro_rules! through {
    ($([$($generics:tt)*] $pointer:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> sealed::Sealed for $pointer {}
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> IntoBackend for $pointer {
            fn to_backend(&self) -> Arc<dyn Backend> {
                self.deref().to_backend()
            }
            #[inline]
            fn address(&self) -> usize {
                self.deref().address()
            }
        }
    )*};
}

through! {
    [T: IntoBackend + ?Sized] &T;
    [T: IntoBackend, F: FnOnce() -> T] LazyLock<T, F>;
}

/// A call's key and its backend.
pub(crate) struct At<'a, Q, B: ?Sized> {
    pub(crate) key: Q,
    pub(crate) backend: &'a B,
}

/// The key of an entry that belongs to one backend. It keeps the backend alive, so that no other can come
/// to its place.
pub struct Pinned<K> {
    pub(crate) key: K,
    backend: Arc<dyn Backend>,
}

impl<K> Pinned<K> {
    fn address(&self) -> usize {
        Arc::as_ptr(&self.backend).cast::<()>() as usize
    }
}

impl<K: Clone> Clone for Pinned<K> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), backend: Arc::clone(&self.backend) }
    }
}

impl<K: PartialEq> PartialEq for Pinned<K> {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address() && self.key == other.key
    }
}

impl<K: Eq> Eq for Pinned<K> {}

impl<K> std::fmt::Debug for Pinned<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pinned").finish_non_exhaustive()
    }
}

impl<Q: CacheKey, B: IntoBackend + ?Sized> CacheKey for At<'_, Q, B> {
    type Owned = Pinned<Q::Owned>;
    #[inline]
    fn hash_key<H: Hasher>(&self, state: &mut H) {
        self.key.hash_key(state);
        state.write_usize(self.backend.address());
    }
    #[inline]
    fn matches(&self, owned: &Pinned<Q::Owned>) -> bool {
        self.backend.address() == owned.address() && self.key.matches(&owned.key)
    }
    fn to_owned_key(&self) -> Pinned<Q::Owned> {
        Pinned { key: self.key.to_owned_key(), backend: self.backend.to_backend() }
    }
}

/// Rules see the arguments; the backend is not their business.
impl<K, S, T, E, P, W> Judge<Pinned<K>, S> for Rules<K, S, T, E, P, W>
where
    S: Shape,
    Self: Judge<K, S>,
{
    fn judge(&self, key: &Pinned<K>, ret: &S::Return, ttl: crate::clock::Ticks) -> Verdict {
        Judge::<K, S>::judge(self, &key.key, ret, ttl)
    }
}
