//! The strict reader: exactly one document, within bounds, as a value of a serde type.

use serde::de::Deserialize;

use super::error::{Error, ErrorKind};

mod collections;
mod deserializer;
pub(crate) mod reader;
mod sentinel;
mod variant;

use deserializer::Document;
use reader::Reader;

/// What the Python client's own entries start with.
pub(crate) const PYTHON_MAGIC: &[u8] = b"CK";

/// Reads one document that consists of all the bytes.
pub(super) fn value<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    // By its first byte alone, such an entry would be the number 67.
    if bytes.starts_with(PYTHON_MAGIC) {
        return Err(Error::new(
            ErrorKind::PythonFrame,
            "an entry of the Python client's own format (it starts with `CK`), not an interop value: \
             `cachekit::python::read` reads it",
        ));
    }
    document(bytes)
}

/// The same for bytes that cannot be a frame, because they were taken from one.
pub(crate) fn document<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    whole(Document::new(Reader::new(bytes)))
}

/// The same for an argument as keys have it: a number is a date where the type wants one.
pub(super) fn argument<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    whole(Document::of_key(Reader::new(bytes)))
}

fn whole<'de, T: Deserialize<'de>>(mut document: Document<'de>) -> Result<T, Error> {
    let value = T::deserialize(&mut document)?;
    if !document.rest().is_empty() {
        return Err(Error::new(ErrorKind::TrailingBytes, "bytes follow the document"));
    }
    Ok(value)
}
