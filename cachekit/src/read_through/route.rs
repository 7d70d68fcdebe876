//! How a call reaches the tier behind this process, and what distinguishes its entries besides the arguments. The
//! routes that lead to a backend are in [`crate::route`].

use super::remote::Remote;
use crate::cached_function::FunctionRef;
use crate::key::CacheKey;
use crate::shape::Shape;
use crate::store::StoreRef;

/// A route to a backend.
pub trait Route<Q: CacheKey, S: Shape> {
    /// The key of a call's entry.
    type Key: CacheKey;

    /// Adds what distinguishes the entry to the call's key.
    fn key(self, key: Q) -> Self::Key;

    /// The tier behind this process. Used by the leader of a miss, and by companions.
    #[allow(private_interfaces)] // Called in this crate alone.
    fn remote(
        function: FunctionRef,
        store: Option<&StoreRef>,
        key: &OwnedKey<Self, Q, S>,
    ) -> Option<Remote<S>>;
}

/// The key that an entry of this route keeps.
pub type OwnedKey<R, Q, S> = <<R as Route<Q, S>>::Key as CacheKey>::Owned;

/// Values stay in this process.
#[derive(Clone, Copy, Debug)]
pub struct InProcess;

impl<Q: CacheKey, S: Shape> Route<Q, S> for InProcess {
    type Key = Q;

    #[inline]
    fn key(self, key: Q) -> Q {
        key
    }

    #[allow(private_interfaces)]
    fn remote(
        _function: FunctionRef,
        _store: Option<&StoreRef>,
        _key: &Q::Owned,
    ) -> Option<Remote<S>> {
        None
    }
}
