//! Values sealed for one entry of a store: opening them, and sealing them.

use crate::arguments::{KeyOptions, PlaceOptions};
use crate::failure::Failure;
use crate::keys::position;
use crate::output::{Style, note};
use cachekit_io::envelope::interop::InteropEnvelope;
use cachekit_io::envelope::{
    Context, Envelope, EnvelopeError, EnvelopeErrorKind, Header, KeyId, Keyring,
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The codec name of `#[cache::secure]`, and the envelope's default. The name is authenticated but not stored,
/// so both are tried; an entry opens under the one it was sealed with.
const CODECS: [&str; 2] = ["cachekit-frame", ""];

/// The context that an entry was sealed for, besides its storage key.
pub(crate) struct Place<'a> {
    /// In the format that all languages share.
    pub(crate) is_shared: bool,
    pub(crate) tenant: &'a str,
    pub(crate) namespace: &'a str,
    /// `None`: those of [`CODECS`] are tried.
    pub(crate) codec: Option<&'a str>,
    pub(crate) fingerprint: Vec<u8>,
}

/// The bytes of a fingerprint that was given in hex.
pub(crate) fn fingerprint(digits: Option<&str>) -> Result<Vec<u8>, Failure> {
    let Some(digits) = digits else { return Ok(Vec::new()) };
    hex::decode(digits)
        .map_err(|_| Failure::usage("--fingerprint takes hex digits, two for each byte"))
}

/// The keys of `--secure`, and the context that it names; `None` without it.
pub(crate) fn chosen<'a>(
    place: &'a PlaceOptions,
    keys: &KeyOptions,
) -> Result<Option<(Place<'a>, Arc<Keyring>)>, Failure> {
    if !place.secure {
        return Ok(None);
    }
    let namespace = match place.namespace.as_deref() {
        // In the format of all languages it is part of the key.
        None if place.interop => "",
        namespace => {
            namespace.ok_or_else(|| Failure::usage("--secure needs --namespace, or --interop"))?
        }
    };
    let place = Place {
        is_shared: place.interop,
        tenant: &place.tenant,
        namespace,
        codec: place.codec.as_deref(),
        fingerprint: fingerprint(place.fingerprint.as_deref())?,
    };
    Ok(Some((place, Arc::new(Keyring::new(keys.load()?)))))
}

/// Seals a value for its context.
pub(crate) fn seal(
    place: &Place<'_>,
    storage_key: &str,
    keyring: Arc<Keyring>,
    value: &[u8],
) -> Result<Vec<u8>, Failure> {
    let mut entry = Vec::new();
    if place.is_shared {
        InteropEnvelope::new(keyring).seal(place.tenant, storage_key, value, &mut entry)?;
        return Ok(entry);
    }
    let context = Context::new(place.tenant, place.namespace, storage_key)
        .codec(place.codec.unwrap_or_default())
        .fingerprint(&place.fingerprint);
    Envelope::new(keyring).seal(&context, value, &mut entry)?;
    Ok(entry)
}

/// Opens an entry.
pub(crate) fn open(
    place: &Place<'_>,
    storage_key: &str,
    keyring: Arc<Keyring>,
    entry: &[u8],
    style: Style,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if place.is_shared {
        let mut value = Zeroizing::new(Vec::new());
        InteropEnvelope::new(keyring).open(place.tenant, storage_key, entry, &mut value)?;
        return Ok(value);
    }
    let header = Header::parse(entry).map_err(|error| match error.kind() {
        EnvelopeErrorKind::Downgraded => Failure::refused(
            "the entry is not sealed in the native format; `cachekit inspect` says what it is, and an entry of \
             other SDKs takes --interop",
        ),
        _ => Failure::from(error),
    })?;
    let ids = keyring.key_ids(place.tenant, place.namespace)?;
    let slot = ids.iter().position(|id| *id == header.key_id());
    let Some(slot) = slot else { return Err(wrong_key(header.key_id(), &ids)) };

    let envelope = Envelope::new(keyring);
    let names = place.codec.map_or(CODECS.to_vec(), |name| vec![name]);
    let mut refused = None;
    for codec in names {
        let context = Context::new(place.tenant, place.namespace, storage_key)
            .codec(codec)
            .fingerprint(&place.fingerprint);
        // A refused attempt destroys its input.
        let mut copy = Zeroizing::new(entry.to_vec());
        match envelope.open_in_place(&context, &mut copy) {
            Ok(opened) => {
                note(style, &format!("opened with the key: {}\n", position(slot)));
                return Ok(Zeroizing::new(opened.value().to_vec()));
            }
            // The header, which need not be authentic, distinguishes this from tampering: the first refusal for
            // another reason says more.
            Err(error) if error.kind() == EnvelopeErrorKind::WrongPlace => {
                refused.get_or_insert(error);
            }
            Err(error) => return Err(Failure::from(error)),
        }
    }
    Err(refused.map_or_else(|| Failure::usage("no codec to try"), |error| wrong_place(&error)))
}

fn wrong_key(named: KeyId, ids: &[KeyId]) -> Failure {
    let known = ids.iter().enumerate().map(|(slot, id)| format!("\n  {:<12}{id}", position(slot)));
    let known: String = known.collect();
    Failure::refused(format!(
        "the entry names the key {named}; for this tenant and namespace the keys given are{known}\nAnother \
         master key, tenant or namespace sealed it."
    ))
}

fn wrong_place(error: &EnvelopeError) -> Failure {
    Failure::refused(format!(
        "{error}: key, tenant and namespace are right, but not the storage key, --codec or --fingerprint"
    ))
}
