//! How one call of a `#[cache::secure]` function seals and opens.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use cachekit_io::envelope::{Context, Envelope, EnvelopeErrorKind, HEADER_LEN};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroize as _;

use super::problem;
use super::resolve::{self, Reason};
use crate::cached_function::{CachedFunction, Function, FunctionRef, L1, OnTamper, Tier};
use crate::error::{Error, ErrorKind, Problem};
use crate::format::codec;
use crate::format::encoded::Encoded;
use crate::format::frame::{Frame, FrameContext, MAGIC};
use crate::key::CacheKey;
use crate::sealed::{BlindedKey, Openable, SealedBytes};
use crate::shared::sealing::Sealing;
use crate::stats::Refusal;
use crate::storage_key::identity;
use crate::store::StoreRef;

/// What is sealed. Its version is part of the fingerprint.
const FORMAT: &str = "cachekit-frame";

/// Buffers above this size are not kept for the next entry.
const MAX_KEPT: usize = 64 << 10;

/// The identity of an entry: its owner and its storage key.
struct EntryIdentity {
    tenant: Box<str>,
    namespace: &'static str,
    key: Box<str>,
    type_name: &'static str,
    /// How the value is read: the version of the frame, the schema of the type and its name.
    fingerprint: Box<[u8]>,
}

impl EntryIdentity {
    fn context<'a>(&'a self, key: &'a str) -> Context<'a> {
        Context::new(&self.tenant, self.namespace, key).codec(FORMAT).fingerprint(&self.fingerprint)
    }
}

/// Sealed bytes, and the entry that they belong to.
struct Entry(Bytes, Arc<EntryIdentity>);

impl Openable for Entry {
    fn bytes(&self) -> &Bytes {
        &self.0
    }

    fn open(&self, read: &mut dyn FnMut(&Encoded<'_>)) -> Result<(), Refusal> {
        let Self(bytes, identity) = self;
        let opened = resolve::with_envelope(|envelope| {
            open(envelope, (identity, &identity.key), bytes, |frame, _| read(&frame.value))
        });
        // If a key is gone, entries that it sealed must not be served.
        opened.unwrap_or(Err(Refusal::Unread))
    }
}

/// How values of this type are read: the version of the frame, the schema of the type and its name.
pub(crate) fn fingerprint<V: DeserializeOwned>() -> Vec<u8> {
    let schema = codec::fingerprint::<V>().to_be_bytes();
    [&MAGIC, &schema[..], std::any::type_name::<V>().as_bytes()].concat()
}

/// The keys and the storage keys of one call.
pub(crate) struct Seal {
    envelope: Envelope,
    identity: Arc<EntryIdentity>,
    previous: Vec<String>,
    function: &'static CachedFunction,
}

impl Seal {
    /// For a call; also says whether other processes agree on what its key names.
    pub(crate) fn new<Q, V>(
        (function, store): (FunctionRef, Option<&StoreRef>),
        key: &Q::Owned,
        tenant: &str,
    ) -> Result<(Self, bool), Reason>
    where
        Q: CacheKey<Owned: Serialize>,
        V: Serialize + DeserializeOwned,
    {
        let envelope = resolve::envelope()?;
        let namespace = function.definition.info.policy.namespace.unwrap_or_default();
        let (identity, unambiguous) =
            identity::<Q>((function, store), key).ok_or(Reason::Arguments)?;
        let type_name = std::any::type_name::<V>();
        let fingerprint = fingerprint::<V>();
        // Another type is another entry, so that a changed struct is a miss and not a sign of tampering. The
        // first three parts have fixed lengths.
        let logical = [&identity[..], &fingerprint].concat();
        let keys = envelope.storage_keys(tenant, namespace, &logical);
        let mut keys = keys.map_err(Reason::Context)?.into_iter();
        let identity = EntryIdentity {
            tenant: tenant.into(),
            namespace,
            key: keys.next().unwrap_or_default().into(),
            type_name,
            fingerprint: fingerprint.into(),
        };
        let previous = keys.collect();
        Ok((
            Self {
                envelope,
                identity: Arc::new(identity),
                previous,
                function: function.definition,
            },
            unambiguous,
        ))
    }

    /// The entry's storage key under the current key.
    pub(crate) fn key(&self) -> &str {
        &self.identity.key
    }

    /// Its storage keys under previous keys, the latest first.
    pub(crate) fn previous(&self) -> impl Iterator<Item = &str> {
        self.previous.iter().map(String::as_str)
    }
}

impl Sealing for Seal {
    fn blinded(&self) -> Option<BlindedKey> {
        let key = self.key();
        let namespace = key.starts_with("ns:").then_some(self.identity.namespace);
        Some(BlindedKey::new(namespace, None, key))
    }

    fn seal(&self, frame: &Frame<'_>) -> Result<SealedBytes, Refusal> {
        let context = FrameContext { key: &self.identity.key, type_name: self.identity.type_name };
        let bytes = frame.encode_to_seal(HEADER_LEN, context);
        let mut bytes = bytes.ok_or(Refusal::Unread)?;
        let sealed =
            self.envelope.seal_in_place(&self.identity.context(&self.identity.key), &mut bytes);
        sealed.map_err(|_| Refusal::Unread)?;
        Ok(self.as_current(bytes.into()))
    }

    fn as_current(&self, bytes: Bytes) -> SealedBytes {
        SealedBytes::new(Entry(bytes, Arc::clone(&self.identity)))
    }

    fn open(
        &self,
        bytes: &[u8],
        index: usize,
        read: &mut dyn FnMut(&Frame<'_>, bool),
    ) -> Result<(), Refusal> {
        let key = match index.checked_sub(1) {
            None => &*self.identity.key,
            Some(index) => &self.previous[index],
        };
        open(&self.envelope, (&self.identity, key), bytes, |frame, used_previous| {
            read(frame, index == 0 && !used_previous);
        })
    }

    fn l1(&self) -> L1 {
        self.function.info.policy.l1
    }

    fn on_refusal(&self, refusal: Refusal) -> Option<Error> {
        on_refusal(self.function, refusal)
    }
}

/// The error that a refused entry causes, if any.
pub(super) fn on_refusal(function: &CachedFunction, refusal: Refusal) -> Option<Error> {
    let why = match refusal {
        // The format of all languages contains no key id.
        Refusal::Tampered if function.info.policy.interop.is_some() => {
            "it was changed, or sealed with another master key, for another tenant or for another storage key"
        }
        Refusal::Tampered => "it was changed",
        Refusal::WrongKey => "no key of the keyring sealed it",
        Refusal::WrongPlace => "it was sealed for another place",
        Refusal::Downgraded => "it is not sealed",
        Refusal::Damaged => "it is damaged",
        Refusal::Unread | Refusal::Panicked => return None,
    };
    if function.info.policy.on_tamper == OnTamper::Recompute {
        return None;
    }
    let name = Name(function);
    let message = format!(
        "{name}: an entry of the shared tier was refused, because {why}; find out who writes there, then \
         drop it with `invalidate`"
    );
    Some(Error::one(Problem::new(ErrorKind::Refused, message)))
}

/// Opens a copy of an entry and reads its frame. The copy is wiped.
fn open<T>(
    envelope: &Envelope,
    (identity, key): (&EntryIdentity, &str),
    bytes: &[u8],
    read: impl FnOnce(&Frame<'_>, bool) -> T,
) -> Result<T, Refusal> {
    with_buffer(bytes, |buffer| {
        let opened = envelope.open_in_place(&identity.context(key), buffer);
        let opened = opened.map_err(|error| refusal_of(error.kind()))?;
        let used_previous = opened.used_previous();
        // A holder of the key wrote something other than a frame.
        let frame = Frame::decode_authentic(opened.value()).ok_or(Refusal::Damaged)?;
        Ok(read(&frame, used_previous))
    })
}

pub(super) fn refusal_of(kind: EnvelopeErrorKind) -> Refusal {
    match kind {
        EnvelopeErrorKind::Tampered => Refusal::Tampered,
        EnvelopeErrorKind::WrongKey => Refusal::WrongKey,
        EnvelopeErrorKind::WrongPlace => Refusal::WrongPlace,
        EnvelopeErrorKind::Downgraded => Refusal::Downgraded,
        EnvelopeErrorKind::Damaged => Refusal::Damaged,
        _ => Refusal::Unread,
    }
}

/// Passes a copy of `bytes` in a buffer of this thread, and wipes it afterwards.
fn with_buffer<R>(bytes: &[u8], read: impl FnOnce(&mut [u8]) -> R) -> R {
    thread_local! {
        static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    /// Wipes even when a decoder panics.
    struct Lent(Vec<u8>);
    impl Drop for Lent {
        fn drop(&mut self) {
            self.0.as_mut_slice().zeroize();
            self.0.clear();
            if self.0.capacity() <= MAX_KEPT {
                let buffer = std::mem::take(&mut self.0);
                let _ = BUFFER.try_with(|kept| kept.set(buffer));
            }
        }
    }
    // Taken out, because a decoder may call a cached function itself, which then has its own buffer.
    let mut lent = Lent(BUFFER.try_with(Cell::take).unwrap_or_default());
    lent.0.extend_from_slice(bytes);
    read(&mut lent.0)
}

/// A function, for messages.
pub(super) struct Name<'a>(pub(super) &'a CachedFunction);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}::{}`", self.0.info.module, self.0.info.name)
    }
}

/// What is wrong with the keys of these functions, if one of them seals.
pub(crate) fn keys_for(functions: &[Function]) -> Option<Problem> {
    let first = functions.iter().find(|function| function.tier() == Tier::Secure)?;
    let reason = resolve::envelope().err()?;
    let whose = format!("`#[cache::secure]` functions such as `{}` store nothing: ", first.name());
    Some(problem(ErrorKind::Configuration, whose, &reason))
}

/// What is wrong with the namespace of a function that seals.
pub(crate) fn wrong_namespace(namespace: Option<&str>) -> Option<String> {
    // Without keys, the missing keys are the problem.
    let envelope = resolve::envelope().ok()?;
    let keys = envelope.storage_keys("default", namespace.unwrap_or_default(), &[]);
    keys.err().map(|error| error.to_string())
}
