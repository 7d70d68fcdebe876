//! `interop = …`: entries that the SDKs of all languages share, in plain or sealed as the ecosystem seals.

use std::fmt;
use std::sync::Arc;

use cachekit_io::Backend;
use serde::Serialize;

use super::named::{AtBackend, shared};
use super::{OwnedKey, Route};
use crate::contained::contained;
use crate::error::{Error, ErrorKind, Problem};
use crate::format::codec;
use crate::interop;
use crate::key::CacheKey;
use crate::pinned;
use crate::read_through::behind::{Encode, Prepared, TierBehind, Windows};
use crate::read_through::remote::{Codec, Remote};
use crate::shape::Shape;
use crate::shareable::{Shareable, ShareableKey};
use crate::shared::layout::Layout;
use crate::shared::link::Link;
use crate::site::{L1, Site, SiteRef};
use crate::store::{Store, StoreRef};

/// Shared with other languages, at a backend. `N` is the number of arguments in the key.
pub struct Interop<const N: usize, B>(B);

impl<const N: usize, B> fmt::Debug for Interop<N, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interop").field("arguments", &N).finish_non_exhaustive()
    }
}

/// Takes what the attribute says of the backend; `()` where it says nothing.
#[inline]
pub fn interop<const N: usize, B: AtBackend>(backend: B) -> Interop<N, B> {
    Interop(backend)
}

impl<const N: usize, Q, S, B> Route<Q, S> for Interop<N, B>
where
    Q: CacheKey<Owned: ShareableKey>,
    S: Shape<Value: Shareable>,
    B: AtBackend,
{
    type Key = pinned::At<Q, B>;

    #[inline]
    fn key(self, key: Q) -> Self::Key {
        pinned::At { key, spot: self.0 }
    }

    #[allow(private_interfaces)]
    fn remote(site: SiteRef, store: &StoreRef, key: &OwnedKey<Self, Q, S>) -> Option<Remote<S>> {
        let name = match key_of::<N, _>(site, &key.key) {
            Ok(name) => name,
            Err(outside) => return Some(Remote::new(outside, codec_of::<S::Value>())),
        };
        let backend = B::backend(&key.pin, site, store)?;
        let stored = (Layout::Plain, codec_of::<S::Value>());
        Some(shared(site, link(site, backend, &name), true, stored, (None, Vec::new())))
    }
}

pub(super) fn link(site: SiteRef, backend: Arc<dyn Backend>, key: &interop::Key) -> Link {
    Link::new(backend, key.as_str().to_owned(), site.site.info.policy.is_async)
}

/// The key by which all languages find the entry of a call.
pub(super) fn key_of<const N: usize, K: Serialize>(
    site: SiteRef,
    key: &K,
) -> Result<interop::Key, Outside> {
    let policy = &site.site.info.policy;
    let (namespace, operation) =
        (policy.namespace.unwrap_or_default(), policy.interop.unwrap_or_default());
    // Serialization is the user's code: what panics in it does not serialize.
    let made = contained(|| match N {
        0 => interop::key::<[(); 0]>(namespace, operation, &[]),
        1 => interop::key(namespace, operation, &(key,)),
        _ => interop::key(namespace, operation, key),
    });
    let reason = match made {
        Some(Ok(key)) => return Ok(key),
        Some(Err(error)) => Some(error),
        None => None,
    };
    Err(Outside { site: site.site, reason })
}

/// How values of a type become documents and come back.
pub(super) fn codec_of<V: Shareable + 'static>() -> &'static Codec<V> {
    const { &Codec { encode: codec::encode_interop::<V>, decode: codec::decode::<V> } }
}

/// An argument is outside of the model that all languages share: the call has no key there.
pub(super) struct Outside {
    site: &'static Site,
    /// Without one its `Serialize` panicked.
    reason: Option<interop::Error>,
}

impl TierBehind for Outside {
    fn keeps(&self) -> L1 {
        // A sealed entry takes a key.
        if self.site.info.policy.l1 == L1::Typed { L1::Typed } else { L1::Off }
    }

    fn refuse(&self) -> Option<Error> {
        let info = &self.site.info;
        let start = format!("`{}::{}` with `interop`: ", info.module, info.name);
        let problem = match &self.reason {
            Some(reason) => {
                Problem::new(ErrorKind::Argument, format!("{start}{reason}")).with_source(*reason)
            }
            None => {
                Problem::new(ErrorKind::Argument, format!("{start}an argument does not serialize"))
            }
        };
        Some(Error::one(problem))
    }

    fn runs_unsealed(&self, store: &Store) {
        store.count_shared_error();
    }

    fn prepare(&self, _value: &dyn Encode, windows: Windows) -> Prepared {
        Prepared { bytes: None, sealed: None, windows, until: None }
    }
}
