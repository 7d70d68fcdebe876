//! How a call reaches its backend: in the process, where the process is configured to go, where its attribute says, or
//! sealed. Also what sets its entries apart besides the arguments: the backend, and the tenant.

use super::Remote;
use crate::key::CacheKey;
use crate::shape::Shape;
use crate::shareable::{Shareable, ShareableKey};
use crate::site::SiteRef;

#[cfg(feature = "shared")]
pub use self::named::{At, To, backend};
#[cfg(feature = "secure")]
pub use self::tenants::{OfTenant, Sealed, TenantName, sealed, tenant};

/// A way to a backend.
pub trait Route<Q: CacheKey, S: Shape> {
    /// The key of a call's entry.
    type Key: CacheKey;

    /// Puts what sets the entry apart to the call's key.
    fn key(self, key: Q) -> Self::Key;

    /// The tier behind this process. Asked on a miss, and by companions.
    #[allow(private_interfaces)] // Called here alone.
    fn remote(site: SiteRef, key: &Self::Key) -> Remote<OwnedKey<Self, Q, S>, S>;
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
    fn remote(_site: SiteRef, _key: &Q) -> Remote<Q::Owned, S> {
        Remote::nowhere()
    }
}

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
    fn remote(site: SiteRef, key: &Q) -> Remote<Q::Owned, S> {
        Remote::of(site, key)
    }
}

/// Values go to the backend of `backend = …`.
#[cfg(feature = "shared")]
mod named {
    use std::fmt;
    use std::hash::Hasher;
    use std::sync::Arc;

    use cachekit_io::Backend;

    use super::{OwnedKey, Route};
    use crate::backend_option::{BackendPin, IntoBackend};
    use crate::key::CacheKey;
    use crate::pinned::{self, Spot};
    use crate::read_through::Remote;
    use crate::read_through::remote::configured;
    use crate::shape::Shape;
    use crate::shareable::{Shareable, ShareableKey};
    use crate::site::SiteRef;

    /// This one. The type is the same for all that lead to one, so that what does not is one error.
    #[derive(Clone, Copy)]
    pub struct To<'a> {
        backend: &'a dyn IntoBackend,
        address: usize,
    }

    impl fmt::Debug for To<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("To").field("address", &self.address).finish_non_exhaustive()
        }
    }

    /// Takes the value of `backend = …`.
    #[inline]
    pub fn backend<B: IntoBackend>(backend: &B) -> To<'_> {
        To { backend, address: backend.address() }
    }

    impl Spot for To<'_> {
        type Pin = BackendPin;
        #[inline]
        fn hash_spot<H: Hasher>(&self, state: &mut H) {
            state.write_usize(self.address);
        }
        #[inline]
        fn matches(&self, pin: &BackendPin) -> bool {
            pin.is_at(self.address)
        }
        fn pin(&self) -> BackendPin {
            BackendPin::new(self.backend.to_backend())
        }
    }

    impl<Q, S> Route<Q, S> for To<'_>
    where
        Q: CacheKey<Owned: ShareableKey>,
        S: Shape<Value: Shareable>,
    {
        type Key = pinned::At<Q, Self>;

        #[inline]
        fn key(self, key: Q) -> Self::Key {
            pinned::At { key, spot: self }
        }

        #[allow(private_interfaces)]
        fn remote(site: SiteRef, at: &Self::Key) -> Remote<OwnedKey<Self, Q, S>, S> {
            Remote::at(site, &at.key, at.spot.backend.to_backend())
        }
    }

    /// Where sealed values may go: what the attribute names, or where the process is configured to go.
    pub trait At: Spot {
        /// The backend, if there is one.
        fn backend(&self, site: SiteRef) -> Option<Arc<dyn Backend>>;
    }

    impl At for () {
        fn backend(&self, site: SiteRef) -> Option<Arc<dyn Backend>> {
            configured(site)
        }
    }

    impl At for To<'_> {
        fn backend(&self, _site: SiteRef) -> Option<Arc<dyn Backend>> {
            Some(self.backend.to_backend())
        }
    }
}

/// Values are sealed, for a tenant.
#[cfg(feature = "secure")]
mod tenants {
    use std::hash::{Hash, Hasher};

    use super::{At, OwnedKey, Route};
    use crate::key::CacheKey;
    use crate::pinned::{self, Spot};
    use crate::read_through::Remote;
    use crate::shape::Shape;
    use crate::shareable::{Shareable, ShareableKey};
    use crate::site::SiteRef;

    /// The tenant of functions that name none.
    const DEFAULT_TENANT: &str = "default";

    /// What may stand behind `tenant =`.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` does not name a tenant",
        label = "expected a string: a `&str`, a `String`, or anything that is `AsRef<str>`",
        note = "write `tenant = account.id.to_string()`, or implement `AsRef<str>` for the type"
    )]
    pub trait TenantName {
        /// The name.
        fn name(&self) -> &str;
    }

    #[diagnostic::do_not_recommend]
    impl<T: AsRef<str> + ?Sized> TenantName for T {
        #[inline]
        fn name(&self) -> &str {
            self.as_ref()
        }
    }

    /// The tenant of a call.
    #[derive(Clone, Copy)]
    pub struct Tenant<'a>(&'a str);

    /// Takes the value of `tenant = …`.
    #[inline]
    pub fn tenant<T: TenantName + ?Sized>(name: &T) -> Tenant<'_> {
        Tenant(name.name())
    }

    impl Spot for Tenant<'_> {
        type Pin = Box<str>;
        #[inline]
        fn hash_spot<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
        #[inline]
        fn matches(&self, pin: &Box<str>) -> bool {
            *self.0 == **pin
        }
        fn pin(&self) -> Box<str> {
            self.0.into()
        }
    }

    /// Whose entries they are.
    pub trait OfTenant: Spot {
        /// The tenant's name.
        fn tenant(&self) -> &str;
    }

    impl OfTenant for Tenant<'_> {
        fn tenant(&self) -> &str {
            self.0
        }
    }

    impl OfTenant for () {
        fn tenant(&self) -> &str {
            DEFAULT_TENANT
        }
    }

    /// Sealed, at a backend, for a tenant.
    #[derive(Debug)]
    pub struct Sealed<B, T>(B, T);

    /// Takes what the attribute says of the backend and of the tenant; `()` where it says nothing.
    #[inline]
    pub fn sealed<B: At, T: OfTenant>(backend: B, tenant: T) -> Sealed<B, T> {
        Sealed(backend, tenant)
    }

    impl<Q, S, B, T> Route<Q, S> for Sealed<B, T>
    where
        Q: CacheKey<Owned: ShareableKey>,
        S: Shape<Value: Shareable>,
        B: At,
        T: OfTenant,
    {
        type Key = pinned::At<Q, (B, T)>;

        #[inline]
        fn key(self, key: Q) -> Self::Key {
            pinned::At { key, spot: (self.0, self.1) }
        }

        #[allow(private_interfaces)]
        fn remote(site: SiteRef, at: &Self::Key) -> Remote<OwnedKey<Self, Q, S>, S> {
            let (backend, tenant) = &at.spot;
            Remote::sealed(site, &at.key, backend.backend(site), tenant.tenant())
        }
    }
}
