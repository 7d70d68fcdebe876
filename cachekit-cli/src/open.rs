//! `cachekit open`.

use crate::arguments::Open;
use crate::decode::{json, unframed, value_as_json};
use crate::failure::Failure;
use crate::frame::{self, Frame};
use crate::keys::position;
use crate::output::{Style, deliver, line, note};
use crate::sealed::{self, Place};
use cachekit_io::envelope::interop::InteropEnvelope;
use cachekit_io::envelope::{EnvelopeErrorKind, Header, Keyring};
use serde_json::Value;
use std::sync::Arc;
use zeroize::Zeroizing;

pub(crate) fn run(options: &Open, style: Style) -> Result<(), Failure> {
    if options.entry.is_on_stdin() && options.keys.are_on_stdin() {
        return Err(Failure::usage("standard input cannot be both the entry and the keys"));
    }
    let fingerprint = sealed::fingerprint(options.fingerprint.as_deref())?;
    let keyring = Arc::new(Keyring::new(options.keys.load()?));
    let entry = options.entry.read(Some(&options.storage_key))?;
    let opened = match &options.namespace {
        None => open_interop(options, keyring, &entry, style)?,
        Some(namespace) => {
            let (tenant, codec) = (options.tenant.as_str(), options.codec.as_deref());
            let place = Place { is_shared: false, tenant, namespace, codec, fingerprint };
            sealed::open(&place, &options.storage_key, keyring, &entry, style)?
        }
    };
    let value = match Frame::parse(&opened) {
        Some(frame) if options.namespace.is_some() && !options.raw => {
            unframed(&frame, options.decode, style)?
        }
        _ if options.raw || !frame::is_frame(&opened) => &opened,
        _ => {
            return Err(Failure::refused(
                "the seal is whole, but its frame is not of this version; see --raw",
            ));
        }
    };
    let decoded = options.decode.then(|| json(value)).transpose()?;
    match style {
        Style::Json => {
            let shown = value_as_json(value, decoded.as_deref());
            deliver(options.out.as_deref(), &line(&Value::Object(shown)))
        }
        Style::Text => deliver(options.out.as_deref(), decoded.as_deref().unwrap_or(value)),
    }
}

fn open_interop(
    options: &Open,
    keyring: Arc<Keyring>,
    entry: &[u8],
    style: Style,
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
    // At most one previous key has a count.
    let slot = envelope.keyring().previous_hits().iter().position(|hits| *hits > 0);
    let slot = position(slot.map_or(0, |slot| slot + 1));
    note(style, &format!("opened with the key: {slot}\n"));
    Ok(value)
}
