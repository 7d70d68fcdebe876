//! The ways to a backend: where the process is configured to go, where an attribute says, or sealed. Also what sets entries
//! apart besides the arguments: the backend, and the tenant.

use crate::cached_function::{CachedFunction, FunctionRef};
use crate::key::CacheKey;
use crate::read_through::behind::Removal;
use crate::read_through::remote::Remote;
pub use crate::read_through::{InProcess, OwnedKey, Route};
use crate::shape::Shape;
use crate::shareable::{Shareable, ShareableKey};
use crate::store::StoreRef;

#[cfg(feature = "interop")]
mod interop;
#[cfg_attr(not(feature = "shared"), path = "route/no_backend.rs")]
mod named;
#[cfg(feature = "secure")]
mod tenants;

#[cfg(feature = "interop")]
pub use self::interop::{Interop, interop};
pub(crate) use self::named::at_own_or_configured;
#[cfg(feature = "shared")]
pub use self::named::{AtBackend, To, backend};
#[cfg(all(feature = "secure", feature = "interop"))]
pub use self::tenants::ecosystem::{InteropSealed, interop_sealed};
#[cfg(feature = "secure")]
pub use self::tenants::{OfTenant, Sealed, TenantName, sealed, tenant};

/// Values go to the backend of the scope, the process or the environment, if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Configured;

impl<Q, S> Route<Q, S> for Configured
where
    Q: CacheKey<Owned: ShareableKey>,
    S: Shape<Value: Shareable>,
{
    type Key = Q;

    #[inline]
    fn key(self, key: Q) -> Q {
        key
    }

    #[allow(private_interfaces)]
    fn remote(
        function: FunctionRef,
        store: Option<&StoreRef>,
        key: &Q::Owned,
    ) -> Option<Remote<S>> {
        at_own_or_configured::<Q, S>(function, store, key, None)
    }
}

/// What clearing a function's entries in this process leaves in the tier behind it: a backend cannot list a function's keys,
/// so clearing is not confirmed where there is one.
pub(crate) fn after_clear(function: &'static CachedFunction) -> Removal {
    if named::may_have_backend(function) { Removal::Failed } else { Removal::NotUsed }
}
