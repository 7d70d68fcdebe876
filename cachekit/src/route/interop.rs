//! `interop = …`: entries that the SDKs of all languages share, in plaintext or sealed in the ecosystem's
//! format.

use std::fmt;
use std::sync::Arc;

use super::named::{AtBackend, configured, shared};
use super::{OwnedKey, Route};
use crate::cached_function::{CachedFunction, FunctionRef, L1};
use crate::contained::contained;
use crate::error::{Error, ErrorKind, Problem};
use crate::explain::{Shared, SharedState};
use crate::format::codec;
use crate::interop;
use crate::key::CacheKey;
use crate::pinned;
use crate::read_through::behind::{Encoder, Explained, Prepared, Reader, TierBehind};
use crate::read_through::remote::{Codec, Remote};
use crate::rules::Verdict;
use crate::shape::Shape;
use crate::shareable::{Shareable, ShareableKey};
use crate::shared::remote_entry::RemoteEntry;
use crate::storage_key::is_unambiguous_in_interop;
use crate::store::{Store, StoreRef};
use cachekit_io::Backend;

/// Shared with other languages, in a backend. `N` is the number of arguments in the key.
pub struct Interop<const N: usize, B>(B);

impl<const N: usize, B> fmt::Debug for Interop<N, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interop").field("arguments", &N).finish_non_exhaustive()
    }
}

/// Takes the attribute's backend; `()` if it names none.
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
        pinned::At { key, qualifier: self.0 }
    }

    #[allow(private_interfaces)]
    fn remote(
        function: FunctionRef,
        store: Option<&StoreRef>,
        key: &OwnedKey<Self, Q, S>,
    ) -> Option<Remote<S>> {
        let (name, unambiguous) = match key_of::<N, Q>((function, store), &key.key) {
            Ok(key) => key,
            Err(outside) => return Some(Remote::new(outside, codec_of::<S::Value>())),
        };
        let backend = B::named(&key.pin).or_else(|| configured(function, store))?;
        let remote_entry = remote_entry(function, backend, &name);
        Some(shared(function, remote_entry, unambiguous, codec_of(), (None, Vec::new())))
    }
}

pub(super) fn remote_entry(
    function: FunctionRef,
    backend: Arc<dyn Backend>,
    key: &interop::Key,
) -> RemoteEntry {
    RemoteEntry::new(backend, key.as_str().to_owned(), function.definition.info.policy.is_async)
        .timed()
}

/// The key by which all languages find the entry of a call, and whether it names this call and no other.
pub(super) fn key_of<const N: usize, Q: CacheKey<Owned: ShareableKey>>(
    (function, store): (FunctionRef, Option<&StoreRef>),
    key: &Q::Owned,
) -> Result<(interop::Key, bool), Outside> {
    let policy = &function.definition.info.policy;
    let (namespace, operation) =
        (policy.namespace.unwrap_or_default(), policy.interop.unwrap_or_default());
    // Serialization is the user's code: if it panics, the argument counts as not serializable.
    let made = contained(|| match N {
        0 => interop::key::<[(); 0]>(namespace, operation, &[]),
        1 => interop::key(namespace, operation, &(key,)),
        _ => interop::key(namespace, operation, key),
    });
    let reason = match made {
        Some(Ok(name)) => {
            return Ok((name, is_unambiguous_in_interop::<Q>((function, store), key)));
        }
        Some(Err(error)) => Some(error),
        None => None,
    };
    Err(Outside { function: function.definition, reason })
}

/// How values of a type become documents, and back.
pub(super) fn codec_of<V: Shareable + 'static>() -> &'static Codec<V> {
    const { &Codec { encode: codec::encode_interop::<V>, decode: codec::decode::<V> } }
}

/// An argument cannot be represented in all languages: the call has no key there.
pub(super) struct Outside {
    function: &'static CachedFunction,
    /// `None` if its `Serialize` panicked.
    reason: Option<interop::Error>,
}

impl TierBehind for Outside {
    fn keeps(&self) -> L1 {
        // A sealed entry needs a storage key.
        if self.function.info.policy.l1 == L1::Typed { L1::Typed } else { L1::Off }
    }

    fn refuse(&self) -> Option<Error> {
        let info = &self.function.info;
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

    fn explain<'a>(&'a self, _reader: &'a mut Reader<'a>) -> cachekit_io::BoxFuture<'a, Explained> {
        Box::pin(async { (Shared::state(SharedState::Unkeyed), None) })
    }

    fn prepare(&self, _value: &Encoder<'_>, verdict: Verdict) -> Prepared {
        Prepared { bytes: None, sealed: None, verdict, until: None }
    }
}
