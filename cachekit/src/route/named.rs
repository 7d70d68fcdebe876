//! Values go to the backend of `backend = …`, or to the configured one.

use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;

use cachekit_io::Backend;

use super::{OwnedKey, Route};
use crate::cached_function::{CachedFunction, FunctionRef, Tier};
use crate::format::codec;
use crate::key::CacheKey;
use crate::pinned::{self, Qualifier};
use crate::read_through::remote::{Codec, Remote};
use crate::shape::Shape;
use crate::shareable::{Shareable, ShareableKey};
use crate::shared::backend as backend_of;
use crate::shared::backend_option::{BackendPin, IntoBackend};
use crate::shared::remote_entry::RemoteEntry;
use crate::shared::sealing::Sealing;
use crate::shared::tier::SharedTier;
use crate::storage_key::storage_key;
use crate::store::StoreRef;

/// This backend. The type is the same for all expressions that lead to one, so that one that does not is one error.
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

impl Qualifier for To<'_> {
    type Pin = BackendPin;
    #[inline]
    fn hash_qualifier<H: Hasher>(&self, state: &mut H) {
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
        pinned::At { key, qualifier: self }
    }

    #[allow(private_interfaces)]
    fn remote(
        function: FunctionRef,
        store: Option<&StoreRef>,
        key: &OwnedKey<Self, Q, S>,
    ) -> Option<Remote<S>> {
        at::<Q, S>((function, store), &key.key, key.pin.backend())
    }
}

/// Where values may go: the backend that the attribute names, or the configured one.
pub trait AtBackend: Qualifier {
    /// The one that it names.
    fn named(pin: &Self::Pin) -> Option<Arc<dyn Backend>>;
}

impl AtBackend for () {
    fn named(_pin: &()) -> Option<Arc<dyn Backend>> {
        None
    }
}

impl AtBackend for To<'_> {
    fn named(pin: &BackendPin) -> Option<Arc<dyn Backend>> {
        Some(pin.backend())
    }
}

/// The backend that is configured for a function.
pub(super) fn configured(
    function: FunctionRef,
    store: Option<&StoreRef>,
) -> Option<Arc<dyn Backend>> {
    backend_of(function.definition.info.tier).unwrap_or_else(|_| {
        // The environment asks for a backend that cannot be built; `check` says why.
        if let Some(store) = store {
            store.count_shared_error();
        }
        None
    })
}

/// Whether calls of a function may go to a backend.
pub(super) fn may_have_backend(function: &'static CachedFunction) -> bool {
    let tier = function.info.tier;
    let uses_one = function.info.policy.own_backend || !matches!(backend_of(tier), Ok(None));
    tier != Tier::Local && uses_one
}

/// The tier of an entry that goes to the backend of the object that owns it, or to the configured one.
pub(crate) fn at_own_or_configured<Q, S>(
    function: FunctionRef,
    store: Option<&StoreRef>,
    key: &Q::Owned,
    own: Option<Arc<dyn Backend>>,
) -> Option<Remote<S>>
where
    Q: CacheKey<Owned: ShareableKey>,
    S: Shape<Value: Shareable>,
{
    at::<Q, S>((function, store), key, own.or_else(|| configured(function, store))?)
}

/// Whether this process hears of changes that other processes make to a function's entries: the backend reports changes, or
/// there is no backend.
pub(crate) fn hears_of_changes(function: FunctionRef, own: Option<Arc<dyn Backend>>) -> bool {
    let backend =
        if function.caller().asks { own.or_else(|| configured(function, None)) } else { None };
    backend.is_none_or(|backend| crate::shared::known::of(&backend).listens(&backend).is_some())
}

/// The tier of a call at this backend.
fn at<Q, S>(
    (function, store): (FunctionRef, Option<&StoreRef>),
    key: &Q::Owned,
    backend: Arc<dyn Backend>,
) -> Option<Remote<S>>
where
    Q: CacheKey<Owned: ShareableKey>,
    S: Shape<Value: Shareable>,
{
    let (key, unambiguous) = storage_key::<Q>((function, store), key)?;
    let remote_entry = RemoteEntry::new(backend, key, function.definition.info.policy.is_async);
    Some(shared(function, remote_entry, unambiguous, codec_of(), (None, Vec::new())))
}

/// The tier of a call whose backend is known.
pub(super) fn shared<S: Shape<Value: Shareable>>(
    function: FunctionRef,
    remote_entry: RemoteEntry,
    unambiguous: bool,
    codec: &'static Codec<S::Value>,
    sealing: (Option<Box<dyn Sealing>>, Vec<RemoteEntry>),
) -> Remote<S> {
    let type_name = std::any::type_name::<S::Value>();
    let tier = SharedTier::new(function, remote_entry, unambiguous, type_name, sealing);
    Remote::new(tier, codec)
}

/// How values of a type become bytes and come back.
pub(super) fn codec_of<V: Shareable + 'static>() -> &'static Codec<V> {
    const { &Codec { encode: codec::encode::<V>, decode: codec::decode::<V> } }
}
