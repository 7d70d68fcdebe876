//! Keys and values that every language of the ecosystem shares: the protocol interop/v1.
//!
//! The Python, TypeScript and Rust SDKs compute the same [`key`] for the same call, and store values as one plain
//! MessagePack document. This module does the same, byte for byte, for any type that serde can serialize.
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
//! Everything else is an error, never another value: numbers out of range, NaN, map keys that are not strings, a
//! duplicate key, a leap second, `Some(None)` (which a reader could not distinguish from `None`), more than 100 levels of
//! nesting.
//!
//! # How sets and dates are recognized
//!
//! To serde a date is a string and a set is a list. Users would forget to wrap them by hand, and the key would silently
//! differ from Python's. So the encoder looks at the *type* in the two calls in which serde shows it:
//!
//! - Sets pass through `collect_seq`, whose parameter is the collection. Its name is compared.
//! - Dates of chrono and jiff pass through `collect_str`, whose parameter is a type of that crate. That also holds
//!   behind references, boxes, options and newtypes. With the crate's feature off, a date is an error.
//! - The crate `time` formats its dates itself, but first asks whether the format is human-readable, and
//!   writes a form that no other type has. Two of its types share a form: a `UtcDateTime` or
//!   `PrimitiveDateTime` inside a transparent newtype is an error, not a guess.
//! - [`DateTime`], [`Date`] and [`Time`] are our own types, for programs without these crates. A `SystemTime`
//!   converts to a `DateTime`, and is an error by itself.
//!
//! A reader recognizes the type by its visitor.
//!
//! The encoder does not see a type that copies its content into a buffer of serde's before it writes it (a newtype
//! variant that holds another enum, within `#[serde(tag)]` or `#[serde(flatten)]`), nor a type behind an erased
//! serializer. Use the types of this module there. A `Set` wraps the collection itself: an option or a newtype inside
//! it, around the collection, makes it a list. Fields with `#[serde(with)]` are written as that module does.
//!
//! # Dates
//!
//! - Among arguments a date must be an instant: with an offset, or in UTC. It counts as its seconds since 1970,
//!   rounded down to the microsecond. Naive dates, days and times of day are errors.
//! - In values it is a map of a tag and a text: `{"__datetime__": true, "value": "2024-01-01T12:00:00+00:00"}`, and
//!   likewise `__date__` and `__time__`. Naive ones are allowed. The text has microseconds, as in Python; finer digits
//!   are cut off. A jiff `Zoned` is an error there, since no other language reads the name of its
//!   zone.
//! - chrono and jiff round an offset to minutes when they write it. Offsets with seconds are those of local times
//!   before about 1900; convert such dates to UTC first.
//!
//! # Reading
//!
//! [`decode_value`] accepts exactly one document. It refuses trailing bytes, lengths that exceed the bytes, more than
//! 100 levels, text that is not UTF-8, and entries of the Python client's own format, which it names. Unsorted keys,
//! numbers wider than needed, 32-bit floats and extension types are read, because other writers may use them. Bytes can
//! also be read as a `Vec<u8>`. A field or a variant is identified by its name, not by a number. A number that is too
//! large for an `f32` is an error, not infinity. If a map has a key twice, the last one counts; if a struct has a field
//! twice, it is an error.

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
    // Each test declares its types where it explains them.
    clippy::items_after_statements,
    // The tests need exactly these floats, and exactly these references.
    clippy::float_cmp,
    clippy::needless_borrows_for_generic_args,
    clippy::needless_pass_by_value
)]
mod tests;

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};

use encode::Profile;
pub(crate) use error::Fault;
pub use error::{Error, ErrorKind};
pub use key::{Key, key, key_in};
pub use segment::{Namespace, Operation};
pub use set::Set;
pub use temporal::{Date, DateTime, Time};
pub use value::Value;

/// Maximum nesting of arrays and maps, when writing and reading.
pub const MAX_DEPTH: usize = 100;

/// Maximum number of `Some`s and newtypes around one value. They recurse, too, and have no bytes of their own.
const MAX_WRAPPERS: u32 = 256;

/// The canonical MessagePack of a list of arguments: what [`key`] hashes. For tests and tools.
///
/// # Errors
///
/// As [`key`], for the arguments.
pub fn encode_args<A: Serialize + ?Sized>(args: &A) -> Result<Vec<u8>, Error> {
    encode::arguments(args, <[u8]>::to_vec)
}

/// Whether no other value of the type has this argument's place in a key, except one from which it differs only in what
/// the protocol itself leaves out: less than a microsecond and the offset of a date, and the order in a [`Set`].
///
/// It is, if the key's bytes are read as this value. With dates and sets they cannot be: a date is a number there, and a
/// set is in another order. Then the bytes have to be read as a value with dates and sets in the same places, with a
/// number taken for a date where the type wants one; and this value, written in full, has to survive a round trip. If two
/// values with the same bytes passed, both would have these places in common, and so everything but what is left out.
pub(crate) fn is_told_apart<T: Serialize + DeserializeOwned + Eq>(
    argument: &T,
) -> Result<bool, Error> {
    let read_as = |profile| {
        encode::argument(argument, profile, |encoded| decode::document::<T>(encoded).ok())
    };
    let (read, shortened) = read_as(Profile::Arguments)?;
    if read.as_ref() == Some(argument) {
        return Ok(true);
    }
    if !shortened.sets && !shortened.dates {
        return Ok(false);
    }
    let read = match read {
        // What is read without taking numbers for dates counts, because another value may be known by it.
        Some(read) => Some(read),
        None => {
            encode::argument(argument, Profile::Arguments, |encoded| {
                decode::argument::<T>(encoded).ok()
            })?
            .0
        }
    };
    let marked =
        |value: &T| Ok::<_, Error>(encode::argument(value, Profile::Marked, <[u8]>::to_vec)?.0);
    Ok(match read {
        Some(read) => {
            marked(&read)? == marked(argument)?
                && read_as(Profile::Whole)?.0.as_ref() == Some(argument)
        }
        None => false,
    })
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
/// [`Mismatch`](ErrorKind::Mismatch) if the document does not fit the type.
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
