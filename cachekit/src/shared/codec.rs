//! Values as bytes: MessagePack with field names, and beside them a trace of the value.
//!
//! The bytes alone do not say what was written. MessagePack has one `nil`, so that `Some(None)` and
//! `Some(())` read back as `None`; and a type that has changed since may read old bytes as something
//! nobody wrote: a renamed field falls back to its default, an integer passes for a wider one. A cache
//! must not serve such values. So the writer records a digest of the value as it was serialized, names
//! and kinds included, and the reader compares it with that of the value it decoded. A value that does
//! not serialize the same again is a miss.
//!
//! The price is that values whose serialization is asymmetric (a field left out that is filled in with
//! something else, say) miss, and so do values nested deeper than [`depth`] allows. What a type never
//! serializes (`#[serde(skip)]`) nothing here can see: it comes back as its default.
//!
//! The limit on nesting cannot reach into what serde buffers itself, as it does for untagged and
//! internally tagged enums and for flattened fields.

use rmp_serde::Deserializer;
use rmp_serde::decode::Error;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[path = "depth.rs"]
mod depth;
#[path = "trace.rs"]
mod trace;

#[cfg(test)]
#[path = "codec_tests.rs"]
#[allow(
    // Hostile inputs are large, and types stand next to what is said of them.
    clippy::large_stack_arrays,
    clippy::items_after_statements,
    clippy::unnecessary_wraps,
    clippy::zero_sized_map_values
)]
mod tests;

/// A value's bytes and its trace.
pub(crate) type Encoded = (Vec<u8>, u64);

/// `None` if the value does not serialize.
pub(crate) fn encode<V: Serialize>(value: &V) -> Option<Encoded> {
    let bytes = rmp_serde::to_vec_named(value).ok()?;
    Some((bytes, trace::of(value)?))
}

/// The value that was encoded to these bytes with this trace, or nothing.
pub(crate) fn decode<V: Serialize + DeserializeOwned>(bytes: &[u8], trace: u64) -> Option<V> {
    let mut deserializer = Deserializer::from_read_ref(bytes);
    let value = V::deserialize(depth::Limited::new(&mut deserializer)).ok()?;
    // The deserializer does not tell what it has left. Reading a bool takes one marker, so that not
    // finding any means the end, also if a marker was looked at and put back.
    let end = matches!(bool::deserialize(&mut deserializer), Err(Error::InvalidMarkerRead(_)));
    (end && trace::of(&value)? == trace).then_some(value)
}
