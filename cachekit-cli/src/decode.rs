//! From the bytes of a value to readable text.

use crate::escape::escape_json;
use crate::failure::Failure;
use crate::frame::{Frame, FrameCodec};
use crate::output::{Style, note};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

/// The value after the frame.
pub(crate) fn unframed<'a>(
    frame: &Frame<'a>,
    decode: bool,
    style: Style,
) -> Result<&'a [u8], Failure> {
    let (codec, created, lifetime) = (frame.codec.name(), frame.created(), frame.lifetime());
    note(style, &format!("codec: {codec}\ncreated: {created}\nlifetime: {lifetime}\n"));
    if frame.is_compressed {
        return Err(Failure::refused("a sealed value is never compressed; see --raw"));
    }
    if decode && frame.codec == FrameCodec::Bincode {
        return Err(Failure::usage(
            "the value is bincode, which only the program's own type can decode; without --decode its bytes are \
             written",
        ));
    }
    Ok(frame.payload)
}

/// One MessagePack document as JSON.
pub(crate) fn json(document: &[u8]) -> Result<Vec<u8>, Failure> {
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
    let text = String::from_utf8(text).map_err(|_| wrong())?;
    Ok(escape_json(&text).into_bytes())
}

/// A value in JSON: decoded, as text if it is text, or in base64.
pub(crate) fn value_as_json(value: &[u8], decoded: Option<&[u8]>) -> Map<String, Value> {
    let (encoding, shown) = match (decoded, std::str::from_utf8(value)) {
        (Some(json), _) => ("json", serde_json::from_slice(json).unwrap_or_default()),
        (None, Ok(text)) => ("utf-8", Value::from(text)),
        (None, Err(_)) => ("base64", BASE64_STANDARD.encode(value).into()),
    };
    let fields = [("bytes", value.len().into()), ("encoding", encoding.into()), ("value", shown)];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
