//! `backend = …`: a backend that the attribute names.

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use cachekit_io::Backend;

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

/// Keeps a backend alive for as long as entries belong to it, so that no other can come to its place.
#[derive(Clone)]
pub struct BackendPin(Arc<dyn Backend>);

impl BackendPin {
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        Self(backend)
    }

    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.0)
    }

    /// Whether it is the backend with this [`address`](IntoBackend::address).
    #[inline]
    pub(crate) fn is_at(&self, address: usize) -> bool {
        self.address() == address
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).cast::<()>() as usize
    }
}

impl PartialEq for BackendPin {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

impl Eq for BackendPin {}
