//! Values as bytes, and the checks that a value that is read is the value that was written.
//!
//! There are two codecs. **Bincode** writes neither names nor kinds: it is the fastest and the shortest, but by itself
//! it would read a changed struct as a wrong value without noticing. **MessagePack** with field names carries
//! everything else.
//!
//! # Why a decoded value is the value that was written, or a miss
//!
//! Bincode bytes mean something only together with the type that wrote them. So:
//!
//! 1. *One schema.* They are written only for types whose [`schema`] could be recorded in full, and read only
//!    by a type of the same name whose schema has the same fingerprint: names, order and kinds of all fields
//!    and variants. A changed struct misses before a byte of it is decoded.
//! 2. *The value conforms.* A value may serialize differently from how its type is read: `skip_serializing_if`
//!    omits fields that bincode would still read. So every serialization is compared with the schema
//!    ([`conform`]), and a value that deviates is written as MessagePack. Under one schema, the bytes of
//!    conforming values are equal only if the values serialize equally, down to every name and kind.
//! 3. *The value reproduces its bytes.* The reader serializes what it decoded. Unless that conforms, too,
//!    and gives the stored bytes again, it is a miss. This detects whatever went wrong in between: in the codec, in a type
//!    that now reads differently, or in a `Deserialize` that is not the inverse of its `Serialize`.
//!    Hash maps and sets have another order in every process: for types that contain them, a *trace* takes the
//!    place of the bytes, a digest of the value as it is serialized that does not depend on their order
//!    ([`trace`]).
//!
//! The third rule applies at the reader. The writer does what a reader will do, for the first values of each type and
//! for some of the later ones, and writes MessagePack if that would fail. Once it has failed, for a writer or a reader
//! of this process, the writer does so for all values of the type. So readers do not keep missing values that are still
//! being written, and writing does not take two or three times as long. Sealed values are all read back: bincode that
//! this process wrote or read, and kept sealed, is not checked again.
//!
//! MessagePack has no schema, and says less than was written: it has one `nil` for `None`, `Some(None)` and
//! `()`, and a changed type may read it as something that was never written. There only the trace decides, which has
//! names and kinds.
//!
//! Both must consume their payload exactly.
//!
//! Hostile bytes cost no more than their length: nesting is limited, and so is the sum of all lengths that
//! collections claim ([`depth`]). Strings are taken out of the payload, never allocated by the length they claim.
//!
//! Nothing here can see what a type never serializes (`#[serde(skip)]`): it comes back as its default.
//! Values whose serialization is asymmetric (for example, an omitted field that is filled in with something else)
//! always miss, and so do values nested deeper than [`depth`] allows. The limit on nesting cannot reach
//! into what serde buffers itself, as it does for untagged and internally tagged enums and for flattened
//! fields; such types have no schema and are written as MessagePack.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::encoded::{Codec, Encoded, Panicked, Proof};
use crate::contained::contained;

mod binary;
mod conform;
mod depth;
mod message_pack;
mod schema;
mod trace;

use schema::Schema;

#[cfg(test)]
#[allow(
    // Tests declare their types where they explain them, and odd types are the ones worth testing.
    clippy::items_after_statements,
    clippy::option_option,
    clippy::unnecessary_wraps,
    clippy::zero_sized_map_values,
    // Hostile inputs are large.
    clippy::large_stack_arrays
)]
mod tests;

/// Runs code that calls the user's `Serialize` and `Deserialize`, which may panic. The hook has reported the panic.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    contained(run).ok_or(Panicked)
}

/// As bincode where that is safe, otherwise as MessagePack. `None` if the value does not serialize, if its `Serialize`
/// panics, or if its `Deserialize` panics when it is read back.
pub(crate) fn encode<V: Serialize + DeserializeOwned + 'static>(
    value: &V,
    proof: Proof,
) -> Option<Encoded<'static>> {
    let encode = || {
        let as_bincode = schema::of::<V>().and_then(|schema| as_bincode(value, schema, proof));
        as_bincode.or_else(|| as_message_pack(value))
    };
    guarded(encode).unwrap_or_else(|Panicked| {
        doubt::<V>();
        None
    })
}

/// Records that a value of the type could not be read back.
fn doubt<V: DeserializeOwned>() {
    if let Some(schema) = schema::of::<V>() {
        schema.doubt();
    }
}

fn as_message_pack<V: Serialize>(value: &V) -> Option<Encoded<'static>> {
    let (trace, bytes) = (trace::of(value)?, message_pack::encode(value)?.into());
    Some(Encoded { codec: Codec::MessagePack, fingerprint: 0, trace, bytes })
}

/// How a type is read: the fingerprint of its schema, or 0.
pub(crate) fn fingerprint<V: DeserializeOwned>() -> u64 {
    schema::of::<V>().map_or(0, Schema::fingerprint)
}

/// `None` if it is known that no reader could read it back.
fn as_bincode<V: Serialize + DeserializeOwned + 'static>(
    value: &V,
    schema: &Schema,
    proof: Proof,
) -> Option<Encoded<'static>> {
    let bytes = binary::encode(value, schema)?;
    let trace = if proof == Proof::Each || schema.wants_proof() {
        let Some(trace) = proven(value, schema, &bytes) else {
            schema.doubt();
            return None;
        };
        trace
    } else if schema.is_ordered() {
        NO_TRACE
    } else {
        unordered_trace(value)?
    };
    let fingerprint = schema.fingerprint();
    Some(Encoded { codec: Codec::Bincode, fingerprint, trace, bytes: bytes.into() })
}

/// The trace of a value that a reader can read back.
fn proven<V: Serialize + DeserializeOwned + 'static>(
    value: &V,
    schema: &Schema,
    bytes: &[u8],
) -> Option<u64> {
    let read = binary::decode::<V>(bytes)?;
    if schema.is_ordered() && binary::reproduces(&read, schema, bytes) {
        return Some(NO_TRACE);
    }
    let trace = unordered_trace(value).filter(|trace| unordered_trace(&read) == Some(*trace))?;
    if schema.is_ordered() {
        // There is an order that the schema does not show, for example in a list made from a hash map.
        schema.doubt();
    }
    Some(trace)
}

/// The value that was encoded like this; `None` if it is not certain.
pub(crate) fn decode<V: Serialize + DeserializeOwned + 'static>(
    encoded: &Encoded<'_>,
) -> Result<Option<V>, Panicked> {
    guarded(|| decode_now(encoded)).inspect_err(|Panicked| doubt::<V>())
}

fn decode_now<V: Serialize + DeserializeOwned + 'static>(encoded: &Encoded<'_>) -> Option<V> {
    let Encoded { codec, fingerprint, trace, bytes } = encoded;
    match codec {
        Codec::MessagePack if *fingerprint == 0 => {
            let value = message_pack::decode(bytes)?;
            (trace::of(&value)? == *trace).then_some(value)
        }
        Codec::Bincode => {
            let schema = schema::of::<V>().filter(|it| it.fingerprint() == *fingerprint)?;
            let is_same = |value: &V| {
                if *trace == NO_TRACE {
                    binary::reproduces(value, schema, bytes)
                } else {
                    unordered_trace(value) == Some(*trace)
                }
            };
            let value = binary::decode(bytes).filter(is_same);
            if value.is_none() {
                // Doubt the type as it is in this build. Values that another version of it wrote do not count.
                schema.doubt();
            }
            value
        }
        // `None` if the document is not one of such a value.
        #[cfg(feature = "interop")]
        Codec::Interop => crate::interop::decode_value(bytes).ok(),
        #[allow(unreachable_patterns)] // In a build with interop.
        Codec::MessagePack | Codec::Interop => None,
    }
}

/// The same for bytes that [`encode`] returned in this process, or that [`decode`] read, for this same type, and
/// that have not changed: for sealed bytes, opening them proves it.
///
/// With [`Proof::Each`] bincode is read back before it leaves `encode`, so it needs no second proof. MessagePack does.
pub(crate) fn decode_again<V: Serialize + DeserializeOwned + 'static>(
    encoded: &Encoded<'_>,
) -> Result<Option<V>, Panicked> {
    guarded(|| match encoded.codec {
        Codec::Bincode => binary::decode(&encoded.bytes),
        Codec::MessagePack | Codec::Interop => decode_now(encoded),
    })
}

/// A document of the interop protocol. `None` if the value is outside its model, or if its type reads the document as
/// another value.
///
/// A document has no stamp by which a reader could notice that, and readers in other languages have no such type. So the
/// writer reads each value back. It compares documents, because the protocol itself shortens a date and sorts a set; and
/// where these differ, traces, because a list that is made from a hash map has another order each time.
#[cfg(feature = "interop")]
pub(crate) fn encode_interop<V: Serialize + DeserializeOwned>(
    value: &V,
    _proof: Proof,
) -> Option<Encoded<'static>> {
    use crate::interop::{decode_value, encode_value};
    let proven = || {
        let bytes = encode_value(value).ok()?;
        let read: V = decode_value(&bytes).ok()?;
        let is_same = encode_value(&read).is_ok_and(|again| again == bytes)
            || unordered_trace(value).is_some_and(|trace| unordered_trace(&read) == Some(trace));
        is_same.then_some(bytes)
    };
    Some(Encoded::interop(guarded(proven).ok()??))
}

/// Used instead of a trace: the value must reproduce its bytes.
const NO_TRACE: u64 = 0;

fn unordered_trace<V: Serialize>(value: &V) -> Option<u64> {
    trace::of(value).map(|trace| trace.max(1))
}
