//! The container: `CK`, a version, a header in JSON, the payload.

use serde_json::Value as Json;

use super::FORMAT;
use super::error::{Error, ErrorKind};
use crate::interop::decode::PYTHON_MAGIC;

const VERSION: u8 = 3;
/// Version of the content that the header describes.
const CONTENT_VERSION: &str = "2.0";
/// Real headers have about 300 bytes.
const MAX_HEADER_LEN: usize = 64 * 1024;

/// Names under which the default serializer and the `auto` serializer are recorded: their aliases, and their classes.
const SERIALIZERS: [&str; 7] =
    ["default", "std", "standard", "StandardSerializer", "auto", "pythonic", "AutoSerializer"];

/// An entry whose serializer is supported.
pub(super) struct Frame<'a> {
    /// Whether the payload is an envelope.
    pub(super) is_compressed: bool,
    pub(super) payload: &'a [u8],
}

fn header_error(what: &'static str) -> Error {
    Error::new(ErrorKind::Header, what)
}

pub(super) fn parse(entry: &[u8]) -> Result<Frame<'_>, Error> {
    let Some(rest) = entry.strip_prefix(PYTHON_MAGIC) else {
        return Err(Error::new(
            ErrorKind::NoFrame,
            "not an entry of the Python client's own format: those start with `CK`",
        ));
    };
    let Some((version, rest)) = rest.split_first() else {
        return Err(header_error("the entry ends before its header"));
    };
    if *version != VERSION {
        return Err(Error::new(ErrorKind::Version, "the entry is of another version than 3"));
    }
    let Some((len, rest)) = rest.split_first_chunk() else {
        return Err(header_error("the entry ends before its header"));
    };
    let len = u32::from_be_bytes(*len) as usize;
    if len > MAX_HEADER_LEN {
        return Err(header_error("the header is longer than 64 KiB"));
    }
    let Some((header, payload)) = rest.split_at_checked(len) else {
        return Err(header_error("the entry ends in its header"));
    };
    let header: Json = serde_json::from_slice(header)
        .map_err(|_| header_error("the header is not a document of JSON in UTF-8"))?;
    Ok(Frame { is_compressed: check(&header)?, payload })
}

/// Whether the payload is an envelope.
fn check(header: &Json) -> Result<bool, Error> {
    if header["v"].as_str() != Some(CONTENT_VERSION) {
        return Err(Error::new(ErrorKind::Version, "the header is of another version than 2.0"));
    }
    let serializer = header["s"].as_str().filter(|name| !name.is_empty());
    let Some(serializer) = serializer else {
        return Err(header_error("the header does not name a serializer"));
    };
    let meta = &header["m"];
    if !matches!(meta["encrypted"], Json::Null | Json::Bool(false)) {
        return Err(Error::new(
            ErrorKind::Encrypted,
            "the entry is encrypted, with its place in Python bound to it: read it with the Python client",
        ));
    }
    let [format, original] = ["format", "original_type"].map(|name| meta[name].as_str());
    if !SERIALIZERS.contains(&serializer)
        || format != Some(FORMAT)
        || original.is_some_and(|original| original != FORMAT)
    {
        return Err(Error::new(ErrorKind::Serializer, reason(serializer, original.or(format))));
    }
    match &meta["compressed"] {
        Json::Bool(is_compressed) => Ok(*is_compressed),
        _ => Err(header_error("the header does not say whether the payload is compressed")),
    }
}

/// Why the output of a serializer is not read.
fn reason(serializer: &str, content: Option<&str>) -> &'static str {
    match (serializer, content) {
        ("arrow" | "ArrowSerializer", _) | (_, Some("arrow")) => {
            "the Arrow serializer wrote the entry: a data frame, which only pandas or Polars makes a value of"
        }
        ("orjson" | "OrjsonSerializer", _) | (_, Some("orjson")) => {
            "the orjson serializer wrote the entry: JSON in which the types of the Python values are lost"
        }
        (_, Some("numpy")) => "the entry holds a NumPy array, as the bytes of its memory",
        (_, Some("pickle")) => "the entry is a pickle, which only Python runs",
        _ => {
            "a serializer of the Python program's own wrote the entry, in a form that only it knows"
        }
    }
}
