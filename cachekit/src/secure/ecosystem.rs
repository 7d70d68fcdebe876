//! The seal of `#[cache::secure(interop = …)]`: the envelope that the SDKs of all languages open.

use std::sync::Arc;

use bytes::Bytes;
use cachekit_io::envelope::interop::InteropEnvelope;
use zeroize::Zeroizing;

use super::resolve::{self, Reason};
use super::seal::{on_refusal, refusal_of};
use crate::cached_function::{CachedFunction, L1};
use crate::error::Error;
use crate::format::encoded::Encoded;
use crate::format::frame::Frame;
use crate::sealed::{BlindedKey, Openable, SealedBytes};
use crate::shared::sealing::Sealing;
use crate::stats::Refusal;

/// The identity of an entry: its owner and its storage key.
struct EntryIdentity {
    tenant: Box<str>,
    key: Box<str>,
}

/// Opens an entry with these keys.
fn open<T>(
    envelope: &InteropEnvelope,
    identity: &EntryIdentity,
    bytes: &[u8],
    read: impl FnOnce(&[u8]) -> T,
) -> Result<T, Refusal> {
    let mut document = Zeroizing::new(Vec::new());
    let opened = envelope.open(&identity.tenant, &identity.key, bytes, &mut document);
    opened.map_err(|error| refusal_of(error.kind()))?;
    Ok(read(&document))
}

/// Sealed bytes, and the entry that they belong to.
struct Entry(Bytes, Arc<EntryIdentity>);

impl Openable for Entry {
    fn bytes(&self) -> &Bytes {
        &self.0
    }

    fn open(&self, read: &mut dyn FnMut(&Encoded<'_>)) -> Result<(), Refusal> {
        let keyring = resolve::with_envelope(|envelope| Arc::clone(envelope.keyring()));
        // If a key is gone, entries that it sealed must not be served.
        let envelope = InteropEnvelope::new(keyring.map_err(|_| Refusal::Unread)?);
        open(&envelope, &self.1, &self.0, |bytes| {
            read(&Encoded::interop(bytes));
        })
    }
}

/// The keys of a tenant's calls.
pub(crate) struct Sealer<'a> {
    envelope: InteropEnvelope,
    tenant: &'a str,
    function: &'static CachedFunction,
}

impl<'a> Sealer<'a> {
    /// Fails with the reason if nothing can be sealed.
    pub(crate) fn new(function: &'static CachedFunction, tenant: &'a str) -> Result<Self, Reason> {
        let envelope = InteropEnvelope::new(Arc::clone(resolve::envelope()?.keyring()));
        envelope.fingerprints(tenant).map_err(Reason::Context)?;
        Ok(Self { envelope, tenant, function })
    }

    /// For a call whose entry is stored under this key.
    pub(crate) fn at(self, key: &str) -> EcosystemSeal {
        let Self { envelope, tenant, function } = self;
        let identity = EntryIdentity { tenant: tenant.into(), key: key.into() };
        EcosystemSeal { envelope, identity: Arc::new(identity), function }
    }
}

/// The keys and the storage key of one call.
pub(crate) struct EcosystemSeal {
    envelope: InteropEnvelope,
    identity: Arc<EntryIdentity>,
    function: &'static CachedFunction,
}

impl Sealing for EcosystemSeal {
    /// Every SDK of the ecosystem must find the key, so the key is not secret.
    fn blinded(&self) -> Option<BlindedKey> {
        let policy = &self.function.info.policy;
        Some(BlindedKey::new(policy.namespace, policy.interop, &self.identity.key))
    }

    fn l1(&self) -> L1 {
        self.function.info.policy.l1
    }

    fn seal(&self, frame: &Frame<'_>) -> Result<SealedBytes, Refusal> {
        let EntryIdentity { tenant, key } = &*self.identity;
        let mut sealed = Vec::new();
        let done = self.envelope.seal(tenant, key, &frame.value.bytes, &mut sealed);
        done.map_err(|_| Refusal::Unread)?;
        Ok(self.as_current(sealed.into()))
    }

    fn as_current(&self, bytes: Bytes) -> SealedBytes {
        SealedBytes::new(Entry(bytes, Arc::clone(&self.identity)))
    }

    fn open(
        &self,
        bytes: &[u8],
        _index: usize,
        read: &mut dyn FnMut(&Frame<'_>, bool),
    ) -> Result<(), Refusal> {
        // An entry that a previous key sealed is not moved, because its remaining TTL is not known here, and it opens
        // anyway.
        open(&self.envelope, &self.identity, bytes, |document| read(&Frame::around(document), true))
    }

    fn on_refusal(&self, refusal: Refusal) -> Option<Error> {
        on_refusal(self.function, refusal)
    }
}
