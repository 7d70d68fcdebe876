//! How a call holds its store.

use std::ops::Deref;
use std::sync::{Arc, Weak};

use super::Store;

/// A store that belongs to a function permanently, or is shared by the clones of a cache or a test
/// scope.
#[derive(Clone)]
pub(crate) enum StoreRef {
    Static(&'static Store),
    Shared(Arc<Store>),
}

impl Deref for StoreRef {
    type Target = Store;

    #[inline]
    fn deref(&self) -> &Store {
        match self {
            Self::Static(store) => store,
            Self::Shared(store) => store,
        }
    }
}

impl StoreRef {
    /// Lets go of it. The store itself is passed on if this was the last reference.
    pub(super) fn leave(self, last: impl FnOnce(Store)) {
        if let Self::Shared(store) = self
            && let Some(store) = Arc::into_inner(store)
        {
            last(store);
        }
    }

    /// The same without keeping a shared store alive.
    pub(crate) fn downgrade(&self) -> WeakStoreRef {
        match self {
            Self::Static(store) => WeakStoreRef::Static(store),
            Self::Shared(store) => WeakStoreRef::Shared(Arc::downgrade(store)),
        }
    }
}

/// A store, if it still exists.
#[derive(Clone)]
pub(crate) enum WeakStoreRef {
    Static(&'static Store),
    Shared(Weak<Store>),
}

impl WeakStoreRef {
    pub(crate) fn upgrade(&self) -> Option<StoreRef> {
        match self {
            Self::Static(store) => Some(StoreRef::Static(store)),
            Self::Shared(store) => store.upgrade().map(StoreRef::Shared),
        }
    }
}
