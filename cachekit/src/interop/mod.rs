//! Keys and values that every language of the ecosystem shares: the protocol interop/v1.
//!
//! The Python, TypeScript and Rust SDKs compute the same [`key`] for the same call, and store values as one plain
//! MessagePack document. This module does what they do, byte for byte, for any type that serde serializes.
//!
//! ```
//! use cachekit::interop;
//!
//! // As Python's `get_user(42)` with `@cache(interop=…, namespace="users")`.
//! let key = interop::key("users", "get_user", &(42,))?;
//! let stored = interop::encode_value(&("Ada", 36))?;
//! assert_eq!(interop::decode_value::<(String, u8)>(&stored)?, ("Ada".to_owned(), 36));
//! # Ok::<_, interop::Error>(())
//! ```
//!
//! # The model
//!
//! | Rust | others |
//! | --- | --- |
//! | `()`, `None`, unit structs | nil |
//! | `bool` | boolean |
//! | integers of all widths, -2^63 to 2^64 - 1 | integer |
//! | `f32`, `f64`, finite | float; in keys an integral float is the integer |
//! | `str`, `String`, `char`, `Uuid` and other types with a text form | string |
//! | `serde_bytes`, `bytes::Bytes` | bytes |
//! | `Vec`, slices, arrays, tuples, tuple structs; also `Vec<u8>` and `&[u8]` | list |
//! | maps with string keys, structs | map, sorted by key |
//! | `HashSet`, `BTreeSet`, `IndexSet`, anything in [`Set`] | set: a sorted list without duplicates |
//! | dates (below) | date |
//! | enums: a unit variant is its name, the others `{"Variant": content}` | string, map |
//! | `Some(x)`, newtypes, references, boxes | as their content |
//!
//! Everything else is an error, never another value: numbers out of range, NaN, map keys that are not strings, a key
//! twice, `Some(None)` (which a reader could not tell from `None`), more than 100 levels of nesting.
//!
//! # How sets and dates are told from lists and strings
//!
//! To serde a date is a string and a set is a list. Wrapping them by hand would be forgotten, and the key would
//! differ from Python's without a sign. So the encoder looks at the *type* at the two places where serde shows it:
//!
//! - Sets pass through `collect_seq`, whose parameter is the collection. Its name is compared.
//! - Dates of chrono and jiff pass through `collect_str`, whose parameter is a type of that crate. That holds
//!   behind references, boxes, options and newtypes as well. With the crate's feature off, a date is an error.
//! - The crate `time` formats its dates itself, but asks first whether the format is readable for people, and
//!   writes a form that no other type has. Two of its types share a form: a `UtcDateTime` or
//!   `PrimitiveDateTime` that hides in a transparent newtype is an error, not a guess.
//! - [`DateTime`], [`Date`] and [`Time`] are types of our own, for programs without these crates. A `SystemTime`
//!   converts to a `DateTime`, and is an error by itself.
//!
//! A reader is told by the type that a visitor makes.
//!
//! What is not seen: a type that copies its content into a buffer of serde's before it writes it (a newtype variant that
//! holds another enum, within `#[serde(tag)]` or `#[serde(flatten)]`), and erased serializers. There, use the types of
//! this module. A `Set` wraps the collection itself: within it, an option or a newtype around the collection makes a list
//! of it. Fields with `#[serde(with)]` are written as that module says.
//!
//! # Dates
//!
//! - Among arguments a date has to be an instant: with an offset, or in UTC. It counts as its seconds since 1970,
//!   rounded down to the microsecond. Naive dates, days and times of day are errors.
//! - In values it is a map of a tag and a text: `{"__datetime__": true, "value": "2024-01-01T12:00:00+00:00"}`, and
//!   likewise `__date__` and `__time__`. Naive ones are allowed. The text has microseconds, as in Python: what is
//!   finer is cut off. A jiff `Zoned` is an error there, since no other language reads the name of its
//!   zone.
//! - chrono and jiff round an offset to minutes when they write it. Offsets with seconds are those of local times
//!   before about 1900; convert such dates to UTC first.
//!
//! # Reading
//!
//! [`decode_value`] takes exactly one document. It refuses what follows it, lengths that the bytes do not back, more
//! than 100 levels, text that is not UTF-8, and entries of the Python client's own format, which it names. Unsorted
//! keys, numbers wider than needed, 32-bit floats and extension types are read: other writers may use them. Bytes
//! are also read as a `Vec<u8>`. A field or a variant has its name, and no number; a number that is too large for an `f32`
//! is an error, and no infinity. Of a key that a map has twice the last one counts; a field that a struct has twice
//! is an error.

pub(crate) mod decode;
mod encode;
mod error;
mod key;
mod names;
mod segment;
mod set;
mod temporal;
mod value;

#[cfg(test)]
#[allow(
    // Types stand next to what is said of them.
    clippy::items_after_statements,
    // Exactly these floats, and exactly these references are the ones to try.
    clippy::float_cmp,
    clippy::needless_borrows_for_generic_args,
    clippy::needless_pass_by_value
)]
mod tests;

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};

pub(crate) use error::Fault;
pub use error::{Error, ErrorKind};
pub use key::{Key, key, key_in};
pub use segment::{Namespace, Operation};
pub use set::Set;
pub use temporal::{Date, DateTime, Time};
pub use value::Value;

/// How many arrays and maps may stand in each other, in what is written and what is read.
pub const MAX_DEPTH: usize = 100;

/// How many `Some`s and newtypes may stand around one value. They recurse, too, and have no bytes of their own.
const MAX_WRAPPERS: u32 = 256;

/// The canonical MessagePack of a list of arguments: what [`key`] hashes. For tests and tools.
///
/// # Errors
///
/// As [`key`], for the arguments.
pub fn encode_args<A: Serialize + ?Sized>(args: &A) -> Result<Vec<u8>, Error> {
    encode::arguments(args, <[u8]>::to_vec)
}

/// What an argument of a key reads as, where it reads as its type; and whether the protocol itself keeps less of it than
/// the type has.
pub(crate) fn argument_again<T: Serialize + DeserializeOwned>(
    argument: &T,
) -> Result<(Option<T>, bool), Error> {
    encode::argument(argument, |encoded| decode::document(encoded).ok())
}

/// A value as it is stored: one MessagePack document in canonical form, floats kept as floats.
///
/// # Errors
///
/// The kind of [`ErrorKind`] that says what in the value is outside the model.
///
/// # Example
///
/// ```
/// use cachekit::interop;
///
/// assert_eq!(interop::encode_value(&[1, 300])?, [0x92, 0x01, 0xcd, 0x01, 0x2c]);
/// assert!(interop::encode_value(&f64::NAN).is_err());
/// # Ok::<_, interop::Error>(())
/// ```
pub fn encode_value<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    encode::value(value)
}

/// Reads a stored value. It may borrow from the bytes.
///
/// # Errors
///
/// [`ErrorKind::PythonFrame`], [`Malformed`](ErrorKind::Malformed), [`TooDeep`](ErrorKind::TooDeep) and
/// [`TrailingBytes`](ErrorKind::TrailingBytes) for bytes that are not one document within the bounds, and
/// [`Mismatch`](ErrorKind::Mismatch) where the type does not fit it.
///
/// # Example
///
/// ```
/// use cachekit::interop;
///
/// assert_eq!(interop::decode_value::<Vec<u16>>(&[0x92, 0x01, 0xcd, 0x01, 0x2c])?, [1, 300]);
/// // A trailing byte: two documents are not a document.
/// assert!(interop::decode_value::<u8>(&[0x01, 0x02]).is_err());
/// # Ok::<_, interop::Error>(())
/// ```
pub fn decode_value<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    decode::value(bytes)
}
