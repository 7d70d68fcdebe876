//! `cachekit open`.

use crate::arguments::Open;
use crate::failure::Failure;
use crate::frame::{self, Frame, FrameCodec};
use crate::keys::position;
use crate::output::{deliver, note};
use cachekit_io::envelope::interop::InteropEnvelope;
use cachekit_io::envelope::{
    Context, Envelope, EnvelopeError, EnvelopeErrorKind, Header, KeyId, Keyring,
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What `#[cache::secure]` names its codec, and the envelope's default. The name is authenticated and not stored,
/// so both are tried; an entry opens under the one it was sealed with.
const CODECS: [&str; 2] = ["cachekit-frame", ""];

pub(crate) fn run(options: &Open) -> Result<(), Failure> {
    if options.entry.is_on_stdin() && options.keys.are_on_stdin() {
        return Err(Failure::usage("standard input cannot be both the entry and the keys"));
    }
    let fingerprint = match &options.fingerprint {
        Some(digits) => hex::decode(digits)
            .map_err(|_| Failure::usage("--fingerprint takes hex digits, two for each byte"))?,
        None => Vec::new(),
    };
    let keyring = Arc::new(Keyring::new(options.keys.load()?));
    let entry = options.entry.read(Some(&options.storage_key))?;
    let opened = match &options.namespace {
        None => open_interop(options, keyring, &entry)?,
        Some(namespace) => open_native(options, keyring, &entry, namespace, &fingerprint)?,
    };
    let value = match Frame::parse(&opened) {
        Some(frame) if options.namespace.is_some() && !options.raw => unframed(&frame, options)?,
        _ if options.raw || !frame::is_frame(&opened) => &opened,
        _ => {
            return Err(Failure::refused(
                "the seal is whole, but its frame is not of this version; see --raw",
            ));
        }
    };
    if options.decode {
        return deliver(options.out.as_deref(), &json(value)?);
    }
    deliver(options.out.as_deref(), value)
}

fn open_interop(
    options: &Open,
    keyring: Arc<Keyring>,
    entry: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if Header::parse(entry).is_ok() {
        return Err(Failure::refused("the entry has the native format: open it without --interop"));
    }
    let envelope = InteropEnvelope::new(keyring);
    let mut value = Zeroizing::new(Vec::with_capacity(entry.len()));
    let opened = envelope.open(&options.tenant, &options.storage_key, entry, &mut value);
    opened.map_err(|error| match error.kind() {
        EnvelopeErrorKind::Tampered => Failure::refused(
            "no key opens the entry: another master key, tenant or storage key, or the entry was changed; in \
             this format they cannot be told apart",
        ),
        _ => Failure::from(error),
    })?;
    // One previous key at most has counted.
    let slot = envelope.keyring().previous_hits().iter().position(|hits| *hits > 0);
    note(&format!("opened with the key: {}\n", position(slot.map_or(0, |slot| slot + 1))));
    Ok(value)
}

fn open_native(
    options: &Open,
    keyring: Arc<Keyring>,
    entry: &[u8],
    namespace: &str,
    fingerprint: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let header = Header::parse(entry).map_err(|error| match error.kind() {
        EnvelopeErrorKind::Downgraded => Failure::refused(
            "the entry is not sealed in the native format; `cachekit inspect` says what it is, and an entry of \
             other SDKs takes --interop",
        ),
        _ => Failure::from(error),
    })?;
    let ids = keyring.key_ids(&options.tenant, namespace)?;
    let slot = ids.iter().position(|id| *id == header.key_id());
    let Some(slot) = slot else { return Err(wrong_key(header.key_id(), &ids)) };

    let envelope = Envelope::new(keyring);
    let names = options.codec.as_deref().map_or(CODECS.to_vec(), |name| vec![name]);
    let mut refused = None;
    for codec in names {
        let context = Context::new(&options.tenant, namespace, &options.storage_key)
            .codec(codec)
            .fingerprint(fingerprint);
        // A refused attempt destroys what it worked on.
        let mut copy = Zeroizing::new(entry.to_vec());
        match envelope.open_in_place(&context, &mut copy) {
            Ok(opened) => {
                note(&format!("opened with the key: {}\n", position(slot)));
                return Ok(Zeroizing::new(opened.value().to_vec()));
            }
            // Told from tampering by the header, which need not be authentic: the first refusal that is not
            // about the place says more.
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

/// The value behind the frame.
fn unframed<'a>(frame: &Frame<'a>, options: &Open) -> Result<&'a [u8], Failure> {
    note(&format!(
        "codec: {}\ncreated: {}\nlifetime: {}\n",
        frame.codec.name(),
        frame.created(),
        frame.lifetime()
    ));
    if frame.is_compressed {
        return Err(Failure::refused("a sealed value is never compressed; see --raw"));
    }
    if options.decode && frame.codec == FrameCodec::Bincode {
        return Err(Failure::usage(
            "the value is bincode, which only the program's own type can decode; without --decode its bytes are \
             written",
        ));
    }
    Ok(frame.payload)
}

/// One MessagePack document as JSON.
fn json(document: &[u8]) -> Result<Vec<u8>, Failure> {
    // The decoder's own error may quote the value.
    let wrong =
        || Failure::usage("the value is not one MessagePack document that JSON can express");
    let mut reader = rmp_serde::Deserializer::new(std::io::Cursor::new(document));
    let mut text = Vec::new();
    let mut writer = serde_json::Serializer::pretty(&mut text);
    serde_transcode::transcode(&mut reader, &mut writer).map_err(|_| wrong())?;
    if reader.get_ref().position() != document.len() as u64 {
        return Err(wrong());
    }
    text.push(b'\n');
    Ok(text)
}
