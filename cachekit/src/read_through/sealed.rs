//! What a call of a `#[cache::secure]` function is made of, as generated code says it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use cachekit_io::Backend;

use super::remote::configured;
use super::{LookedUp, Remote, lookup_tiers};
use crate::backend_option::{BackendPin, IntoBackend};
use crate::key::CacheKey;
use crate::pinned::{At, Spot};
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

/// Where they may go.
pub trait AtBackend: Spot {
    /// The backend, if there is one.
    fn backend(&self, site: SiteRef) -> Option<Arc<dyn Backend>>;
}

impl AtBackend for () {
    fn backend(&self, site: SiteRef) -> Option<Arc<dyn Backend>> {
        configured(site)
    }
}

/// The backend of a call that names one. A type of its own, so that what leads to no backend is one error.
#[derive(Clone, Copy)]
pub struct Named<'a>(&'a dyn IntoBackend);

/// Takes the value of `backend = …`.
#[inline]
pub fn backend<B: IntoBackend>(backend: &B) -> Named<'_> {
    Named(backend)
}

impl Spot for Named<'_> {
    type Pin = BackendPin;
    #[inline]
    fn hash_spot<H: Hasher>(&self, state: &mut H) {
        self.0.hash_spot(state);
    }
    #[inline]
    fn matches(&self, pin: &BackendPin) -> bool {
        self.0.matches(pin)
    }
    fn pin(&self) -> BackendPin {
        self.0.pin()
    }
}

impl AtBackend for Named<'_> {
    fn backend(&self, _site: SiteRef) -> Option<Arc<dyn Backend>> {
        Some(self.0.to_backend())
    }
}

/// The shared tier of a call.
pub(crate) fn remote<Q, K, S, B, T>(site: SiteRef, key: &Q, spot: &(B, T)) -> Remote<K, S>
where
    Q: CacheKey<Owned: ShareableKey>,
    S: Shape<Value: Shareable>,
    B: AtBackend,
    T: OfTenant,
{
    Remote::sealed(site, key, spot.0.backend(site), spot.1.tenant())
}

/// Looks a call up in this process; on a miss the shared tier will be asked too.
#[inline]
pub fn lookup<F, Q, S, B, T>(
    site: F,
    spot: (B, T),
    shape: S,
    key: Q,
) -> LookedUp<Q, (B::Pin, T::Pin), S>
where
    F: Fn() -> SiteRef,
    Q: CacheKey<Owned: ShareableKey>,
    S: Shape<Value: Shareable>,
    B: AtBackend,
    T: OfTenant,
{
    lookup_tiers(site, shape, At { key, spot }, |site, at| remote(site, &at.key, &at.spot))
}
