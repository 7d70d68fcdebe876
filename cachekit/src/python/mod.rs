//! Entries that the Python client wrote outside interop mode, read-only: for migrations.
//!
//! By default the Python client stores values in its own container, under keys that contain the name of the Python
//! function. No other SDK reads it, and none should in production: use [`interop`](crate::interop) on both sides. To
//! migrate stored entries, [`read`] parses such an entry. Nothing here writes one.
//!
//! It reads entries of the default serializer, and those of the `auto` serializer that hold plain data. It refuses the
//! following, each with the reason: Arrow, orjson, `NumPy` and a program's own serializers, whose bytes are a Python
//! library's; encrypted entries; and markers for types that only Python has, such as tuples.
//!
//! The container usually contains a second one, the `ByteStorage` envelope: LZ4, with a checksum. The TypeScript
//! client stores only that one; [`read_envelope`] takes it.
//!
//! ```
//! use cachekit::python::{self, ErrorKind};
//!
//! let error = python::read::<u32>(b"\x2a").unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::NoFrame);
//! ```

use serde::de::DeserializeOwned;

mod error;
mod frame;
mod markers;
mod storage;

#[cfg(test)]
mod tests;

pub use error::{Error, ErrorKind};
pub use storage::{MAX_LEN, MAX_RATIO};

use crate::interop::decode;

/// The one format whose payload is a MessagePack document.
const FORMAT: &str = "msgpack";

/// Reads the value in an entry of the Python client's own format.
///
/// The whole entry is checked: the header, the serializer, and the envelope, if there is one, with its sizes
/// and its checksum. Dates are revived as by [`decode_value`](crate::interop::decode_value).
///
/// # Errors
///
/// See [`ErrorKind`]. No message holds a part of the entry.
///
/// # Example
///
/// ```
/// # let header = br#"{"s": "default", "m": {"format": "msgpack", "compressed": false}, "v": "2.0"}"#;
/// # let length = u32::try_from(header.len()).unwrap().to_be_bytes();
/// # let entry = [b"CK\x03".as_slice(), &length, header, b"\x2a"].concat();
/// let value: u32 = cachekit::python::read(&entry)?;
/// assert_eq!(value, 42);
/// # Ok::<_, cachekit::python::Error>(())
/// ```
pub fn read<T: DeserializeOwned>(entry: &[u8]) -> Result<T, Error> {
    let frame = frame::parse(entry)?;
    if frame.is_compressed { read_envelope(frame.payload) } else { document(frame.payload) }
}

/// Reads the value in a `ByteStorage` envelope, as the TypeScript client stores it by default.
///
/// # Errors
///
/// Like [`read`].
pub fn read_envelope<T: DeserializeOwned>(envelope: &[u8]) -> Result<T, Error> {
    let (payload, format) = storage::open(envelope)?;
    if format != FORMAT {
        return Err(Error::new(
            ErrorKind::Serializer,
            "the envelope holds another format than MessagePack, which only its own library reads",
        ));
    }
    document(&payload)
}

/// The content of a `ByteStorage` envelope: the payload, and the name of its format.
///
/// # Errors
///
/// Like [`read`]: the kinds from [`ErrorKind::InputTooLarge`] to [`ErrorKind::DeserializationFailed`].
pub fn open_envelope(envelope: &[u8]) -> Result<(Vec<u8>, String), Error> {
    storage::open(envelope)
}

fn document<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    markers::check(bytes)?;
    Ok(decode::document(bytes)?)
}
