//! Values as bytes: MessagePack with field names.
//!
//! A value of another shape does not decode, or decodes to what its names say: the format describes
//! itself. What is left over is an error, too.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Nesting that is decoded; more would be an attack on the stack.
const MAX_DEPTH: usize = 100;

pub(crate) fn encode<V: Serialize>(value: &V) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(value).ok()
}

pub(crate) fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Option<V> {
    let mut rest = bytes;
    let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
    deserializer.set_max_depth(MAX_DEPTH);
    let value = V::deserialize(&mut deserializer).ok()?;
    rest.is_empty().then_some(value)
}
