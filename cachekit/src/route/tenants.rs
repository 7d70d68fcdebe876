//! Values are sealed, for a tenant.

use std::hash::{Hash, Hasher};

use super::named::{AtBackend, codec_of, configured, shared};
use super::{OwnedKey, Route};
use crate::cached_function::FunctionRef;
use crate::key::CacheKey;
use crate::pinned::{self, Qualifier};
use crate::read_through::remote::Remote;
use crate::secure::seal::Seal;
use crate::secure::tiers::{InProcess, Unsealed};
use crate::shape::Shape;
use crate::shareable::{Shareable, ShareableKey};
use crate::shared::remote_entry::RemoteEntry;
use crate::store::StoreRef;

/// The tenant of functions that name none.
const DEFAULT_TENANT: &str = "default";

/// What `tenant =` accepts.
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

impl Qualifier for Tenant<'_> {
    type Pin = Box<str>;
    #[inline]
    fn hash_qualifier<H: Hasher>(&self, state: &mut H) {
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

/// Which tenant the entries belong to.
pub trait OfTenant: Qualifier {
    /// The tenant's name.
    fn tenant(pin: &Self::Pin) -> &str;
}

impl OfTenant for Tenant<'_> {
    fn tenant(pin: &Box<str>) -> &str {
        pin
    }
}

impl OfTenant for () {
    fn tenant(_pin: &()) -> &str {
        DEFAULT_TENANT
    }
}

/// Sealed, in a backend, for a tenant.
#[derive(Debug)]
pub struct Sealed<B, T>(B, T);

/// Takes the attribute's backend and tenant; `()` if it names none.
#[inline]
pub fn sealed<B: AtBackend, T: OfTenant>(backend: B, tenant: T) -> Sealed<B, T> {
    Sealed(backend, tenant)
}

impl<Q, S, B, T> Route<Q, S> for Sealed<B, T>
where
    Q: CacheKey<Owned: ShareableKey>,
    S: Shape<Value: Shareable>,
    B: AtBackend,
    T: OfTenant,
{
    type Key = pinned::At<Q, (B, T)>;

    #[inline]
    fn key(self, key: Q) -> Self::Key {
        pinned::At { key, qualifier: (self.0, self.1) }
    }

    #[allow(private_interfaces)]
    fn remote(
        function: FunctionRef,
        store: Option<&StoreRef>,
        key: &OwnedKey<Self, Q, S>,
    ) -> Option<Remote<S>> {
        let (backend, tenant) = &key.pin;
        let backend = B::named(backend).or_else(|| configured(function, store));
        let (seal, unambiguous) =
            match Seal::new::<Q, S::Value>((function, store), &key.key, T::tenant(tenant)) {
                Ok(sealed) => sealed,
                Err(reason) => {
                    let unsealed = Unsealed::new(function.definition, backend.is_some(), reason);
                    return Some(Remote::new(unsealed, codec_of::<S::Value>()));
                }
            };
        let Some(backend) = backend else {
            return Some(Remote::new(InProcess(Box::new(seal)), codec_of::<S::Value>()));
        };
        let remote_entry = RemoteEntry::new(
            backend,
            seal.key().to_owned(),
            function.definition.info.policy.is_async,
        );
        let previous = seal.previous().map(|key| remote_entry.at(key)).collect();
        Some(shared(
            function,
            remote_entry,
            unambiguous,
            codec_of(),
            (Some(Box::new(seal)), previous),
        ))
    }
}

/// Sealed in the format that the SDKs of all languages share, in a backend, for a tenant. `N` is the number of
/// arguments in the key.
#[cfg(feature = "interop")]
pub(super) mod ecosystem {
    use std::fmt;

    use super::{AtBackend, OfTenant};
    use crate::cached_function::FunctionRef;
    use crate::key::CacheKey;
    use crate::pinned;
    use crate::read_through::remote::Remote;
    use crate::route::interop::{codec_of, key_of, remote_entry};
    use crate::route::named::{configured, shared};
    use crate::route::{OwnedKey, Route};
    use crate::secure::ecosystem::Sealer;
    use crate::secure::tiers::{InProcess, Unsealed};
    use crate::shape::Shape;
    use crate::shareable::{Shareable, ShareableKey};
    use crate::store::StoreRef;

    /// See above.
    pub struct InteropSealed<const N: usize, B, T>(B, T);

    impl<const N: usize, B, T> fmt::Debug for InteropSealed<N, B, T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("InteropSealed").field("arguments", &N).finish_non_exhaustive()
        }
    }

    /// Takes the attribute's backend and tenant; `()` if it names none.
    #[inline]
    pub fn interop_sealed<const N: usize, B: AtBackend, T: OfTenant>(
        backend: B,
        tenant: T,
    ) -> InteropSealed<N, B, T> {
        InteropSealed(backend, tenant)
    }

    impl<const N: usize, Q, S, B, T> Route<Q, S> for InteropSealed<N, B, T>
    where
        Q: CacheKey<Owned: ShareableKey>,
        S: Shape<Value: Shareable>,
        B: AtBackend,
        T: OfTenant,
    {
        type Key = pinned::At<Q, (B, T)>;

        #[inline]
        fn key(self, key: Q) -> Self::Key {
            pinned::At { key, qualifier: (self.0, self.1) }
        }

        #[allow(private_interfaces)]
        fn remote(
            function: FunctionRef,
            store: Option<&StoreRef>,
            key: &OwnedKey<Self, Q, S>,
        ) -> Option<Remote<S>> {
            let (backend, tenant) = &key.pin;
            let backend = B::named(backend).or_else(|| configured(function, store));
            // First, because without a key nothing is kept, whatever the arguments are.
            let sealer = match Sealer::new(function.definition, T::tenant(tenant)) {
                Ok(sealer) => sealer,
                Err(reason) => {
                    let unsealed = Unsealed::new(function.definition, backend.is_some(), reason);
                    return Some(Remote::new(unsealed, codec_of::<S::Value>()));
                }
            };
            let (name, unambiguous) = match key_of::<N, Q>((function, store), &key.key) {
                Ok(key) => key,
                Err(outside) => return Some(Remote::new(outside, codec_of::<S::Value>())),
            };
            let seal = Box::new(sealer.at(name.as_str()));
            let Some(backend) = backend else {
                return Some(Remote::new(InProcess(seal), codec_of::<S::Value>()));
            };
            let remote_entry = remote_entry(function, backend, &name);
            Some(shared(function, remote_entry, unambiguous, codec_of(), (Some(seal), Vec::new())))
        }
    }
}
