//! `cachekit get`.

use super::absent;
use crate::arguments::Get;
use crate::decode::{self, value_as_json};
use crate::failure::Failure;
use crate::frame::{self, Frame};
use crate::interop;
use crate::output::{Style, deliver, note, print_json};
use crate::sealed;
use cachekit_io::Fetched;
use cachekit_io::envelope::Header;
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub(crate) fn run(options: &Get, style: Style) -> Result<(), Failure> {
    // Before the backend is called: wrong keys are wrong whatever it answers.
    let place = sealed::chosen(&options.place, &options.keys)?;
    let Some(found) = options.backend.connect()?.get(&options.key)? else {
        if style == Style::Json {
            print_json(&json!({ "key": options.key, "found": false }))?;
        }
        return Err(absent());
    };
    let stored = Zeroizing::new(found.value().to_vec());
    let entry = match place {
        Some((place, keyring)) => sealed::open(&place, &options.key, keyring, &stored, style)?,
        None => stored,
    };
    let is_sealed = !options.place.interop && Header::parse(&entry).is_ok();
    if is_sealed && !options.raw {
        note(style, "the entry is sealed, and written as it is: --secure opens it\n");
    }
    let value = match Frame::parse(&entry) {
        _ if options.place.interop => &entry,
        Some(frame) if !options.raw => decode::unframed(&frame, options.decode, style)?,
        None if frame::is_frame(&entry) && !is_sealed && !options.raw => {
            return Err(Failure::refused("its frame is not of this version; see --raw"));
        }
        _ => &entry,
    };
    let decoded = if options.place.interop {
        Some(interop::to_json(value)?)
    } else {
        options.decode.then(|| decode::json(value)).transpose()?
    };
    match (style, decoded) {
        (Style::Json, decoded) => print_json(&report(options, &found, value, decoded.as_deref())),
        (Style::Text, Some(text)) => deliver(options.out.as_deref(), &text),
        (Style::Text, None) => deliver(options.out.as_deref(), value),
    }
}

fn report(options: &Get, found: &Fetched, value: &[u8], decoded: Option<&[u8]>) -> Value {
    let mut report = value_as_json(value, decoded);
    report.insert("key".into(), options.key.as_str().into());
    report.insert("found".into(), true.into());
    report.insert("fresh".into(), found.is_fresh().into());
    let left = found.fresh_for().map(|left| left.as_secs_f64());
    report.insert("fresh_for_seconds".into(), left.into());
    Value::Object(report)
}
