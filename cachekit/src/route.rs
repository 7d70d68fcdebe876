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
#[cfg(feature = "shared")]
mod named;
#[cfg(feature = "secure")]
mod tenants;

#[cfg(feature = "interop")]
pub use self::interop::{Interop, interop};
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
        #[cfg(feature = "shared")]
        return named::at::<Q, S>((function, store), key, named::configured(function, store)?);
        #[cfg(not(feature = "shared"))]
        {
            let _ = (function, store, key);
            None
        }
    }
}

/// The tier of an entry that goes to the backend of the object that it belongs to, or where the process is configured to go.
#[cfg(feature = "tower")]
pub(crate) fn at_own_or_configured<Q, S>(
    function: FunctionRef,
    store: Option<&StoreRef>,
    key: &Q::Owned,
    own: Option<std::sync::Arc<dyn cachekit_io::Backend>>,
) -> Option<Remote<S>>
where
    Q: CacheKey<Owned: ShareableKey>,
    S: Shape<Value: Shareable>,
{
    #[cfg(feature = "shared")]
    return named::at::<Q, S>(
        (function, store),
        key,
        own.or_else(|| named::configured(function, store))?,
    );
    #[cfg(not(feature = "shared"))]
    {
        let _ = (function, store, key, own);
        None
    }
}

/// Whether this process hears of what others do to a function's entries: their backend tells of changes, or they are in none.
#[cfg(feature = "tower")]
pub(crate) fn hears_of_changes(
    function: FunctionRef,
    own: Option<std::sync::Arc<dyn cachekit_io::Backend>>,
) -> bool {
    #[cfg(feature = "shared")]
    {
        let configured = || named::configured(function, None);
        let backend = if function.caller().asks { own.or_else(configured) } else { None };
        backend.is_none_or(|backend| crate::shared::known::of(&backend).listens(&backend).is_some())
    }
    #[cfg(not(feature = "shared"))]
    {
        let _ = (function, own);
        true
    }
}

/// What clearing a function's entries in this process leaves in the tier behind it: a backend cannot list a function's keys,
/// so clearing is not confirmed where there is one.
pub(crate) fn after_clear(function: &'static CachedFunction) -> Removal {
    #[cfg(feature = "shared")]
    if named::may_have_backend(function) {
        return Removal::Failed;
    }
    let _ = function;
    Removal::NotUsed
}
