//! What the bytes are, by the published vectors and by an independent decoder.

use serde::Serialize;

use super::{Error, ErrorKind, Value, encode_args, encode_value};

mod dates;
mod encoding;
mod properties;
mod reading;
mod segments;
mod vectors;

/// The canonical bytes of one argument, in hex.
fn argument<T: Serialize>(value: T) -> String {
    let encoded = encode_args(&(value,)).unwrap();
    assert_eq!(encoded[0], 0x91);
    hex::encode(&encoded[1..])
}

fn stored<T: Serialize>(value: T) -> String {
    hex::encode(encode_value(&value).unwrap())
}

/// Why an argument is refused.
fn refused<T: Serialize>(value: T) -> ErrorKind {
    let error = encode_args(&(value,)).unwrap_err();
    assert_eq!(error.argument(), Some(0), "{error}");
    error.kind()
}

fn not_stored<T: Serialize>(value: T) -> ErrorKind {
    encode_value(&value).unwrap_err().kind()
}

fn read(hex: &str) -> Result<Value, Error> {
    super::decode_value(&hex::decode(hex).unwrap())
}
