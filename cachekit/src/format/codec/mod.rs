//! Values as bytes, and the guards that make what is read what was written.
//!
//! Two codecs. **Bincode** writes neither names nor kinds: it is the fastest and the shortest, and alone it
//! would read a changed struct as a wrong value without noticing. **MessagePack** with field names carries
//! everything else.
//!
//! # Why a decoded value is the value that was written, or a miss
//!
//! Bincode bytes mean something only together with the type that wrote them. So:
//!
//! 1. *One schema.* They are written only for types whose [`schema`] could be recorded in full, and read only
//!    by a type of the same name whose schema has the same fingerprint: names, order and kinds of all fields
//!    and variants. A changed struct misses before a byte of it is decoded.
//! 2. *The value conforms.* A value may serialize otherwise than its type is read: `skip_serializing_if`
//!    leaves out what bincode would read all the same. So every serialization is held against the schema
//!    ([`conform`]), and a value that deviates is written as MessagePack. Under one schema, the bytes of
//!    conforming values are equal only if the values serialize equally, to the last name and kind.
//! 3. *The value reproduces its bytes.* The reader serializes what it decoded, and unless that conforms, too,
//!    and gives the stored bytes again, it is a miss. Whatever went wrong in between, in the codec, in a type
//!    that reads differently now, or in a `Deserialize` that is not the inverse of its `Serialize`, shows
//!    here. Hash maps and sets have another order in every process: for types with such, a *trace* takes the
//!    place of the bytes, a digest of the value as it is serialized that does not depend on their order
//!    ([`trace`]).
//!
//! The third decides at the reader. The writer does what a reader will do for the first values of each type and for some
//! of the later ones, and writes MessagePack if that would fail; once it did fail, for a writer or a reader of this
//! process, it does so for all values of the type. So readers do not miss for long what is written, and writing does not
//! take two or three times as long. Values that are sealed are all read back: bincode that this process wrote or
//! read, and kept sealed, is not held against it again.
//!
//! MessagePack has no schema, and says less than was written: it has one `nil` for `None`, `Some(None)` and
//! `()`, and a changed type may read it as something that was never written. There the trace, which has names and
//! kinds, decides alone.
//!
//! Both have to use up their payload exactly.
//!
//! Hostile bytes cost no more than they weigh: nesting is limited and so is the sum of all lengths that
//! collections claim ([`depth`]), and strings are taken out of the payload, never allocated by their claim.
//!
//! What a type never serializes (`#[serde(skip)]`) nothing here can see: it comes back as its default.
//! Values whose serialization is asymmetric (a field left out that is filled in with something else, say)
//! always miss, and so do values nested deeper than [`depth`] allows. The limit on nesting cannot reach
//! into what serde buffers itself, as it does for untagged and internally tagged enums and for flattened
//! fields; such types have no schema and go as MessagePack.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::encoded::{Codec, Encoded, EncodedRef, Panicked, Proof, Stamp};
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
    // Types stand next to what is said of them, and the odd ones are the ones to try.
    clippy::items_after_statements,
    clippy::option_option,
    clippy::unnecessary_wraps,
    clippy::zero_sized_map_values,
    // Hostile inputs are large.
    clippy::large_stack_arrays
)]
mod tests;

/// Runs what calls the user's `Serialize` and `Deserialize`, which may panic. The hook has reported it.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    contained(run).ok_or(Panicked)
}

/// As bincode where that is safe, else as MessagePack. `None` if the value does not serialize, or its `Serialize`
/// panics, or its `Deserialize` where it is read back.
pub(crate) fn encode<V: Serialize + DeserializeOwned + 'static>(
    value: &V,
    proof: Proof,
) -> Option<Encoded> {
    let encode = || {
        let as_bincode = schema::of::<V>().and_then(|schema| as_bincode(value, schema, proof));
        as_bincode.or_else(|| as_message_pack(value))
    };
    guarded(encode).unwrap_or_else(|Panicked| {
        doubt::<V>();
        None
    })
}

/// A value of the type could not be read back.
fn doubt<V: DeserializeOwned>() {
    if let Some(schema) = schema::of::<V>() {
        schema.doubt();
    }
}

fn as_message_pack<V: Serialize>(value: &V) -> Option<Encoded> {
    let stamp = Stamp { codec: Codec::MessagePack, fingerprint: 0, trace: trace::of(value)? };
    Some(Encoded { stamp, bytes: message_pack::encode(value)? })
}

/// What is known of how a type is read: the fingerprint of its schema, or 0.
pub(crate) fn fingerprint<V: DeserializeOwned>() -> u64 {
    schema::of::<V>().map_or(0, Schema::fingerprint)
}

/// `None` if it is known that no reader could read it back.
fn as_bincode<V: Serialize + DeserializeOwned + 'static>(
    value: &V,
    schema: &Schema,
    proof: Proof,
) -> Option<Encoded> {
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
    let stamp = Stamp { codec: Codec::Bincode, fingerprint: schema.fingerprint(), trace };
    Some(Encoded { stamp, bytes })
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
        // There is an order that the schema does not show, as in a list made from a hash map.
        schema.doubt();
    }
    Some(trace)
}

/// The value that was encoded to these bytes with this stamp, or nothing.
pub(crate) fn decode<V: Serialize + DeserializeOwned + 'static>(
    encoded: EncodedRef<'_>,
) -> Result<Option<V>, Panicked> {
    guarded(|| decode_now(encoded)).inspect_err(|Panicked| doubt::<V>())
}

fn decode_now<V: Serialize + DeserializeOwned + 'static>(encoded: EncodedRef<'_>) -> Option<V> {
    let EncodedRef { stamp, bytes } = encoded;
    match stamp.codec {
        Codec::MessagePack if stamp.fingerprint == 0 => {
            let value = message_pack::decode(bytes)?;
            (trace::of(&value)? == stamp.trace).then_some(value)
        }
        Codec::Bincode => {
            let schema = schema::of::<V>().filter(|it| it.fingerprint() == stamp.fingerprint)?;
            let is_same = |value: &V| {
                if stamp.trace == NO_TRACE {
                    binary::reproduces(value, schema, bytes)
                } else {
                    unordered_trace(value) == Some(stamp.trace)
                }
            };
            let value = binary::decode(bytes).filter(is_same);
            if value.is_none() {
                // Of the type as it is here. What another version of it wrote does not count.
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

/// The same for bytes that [`encode`] returned in this process, or that [`decode`] read, for this very type, and
/// that are still the same bytes: for sealed ones, that is what opening them shows.
///
/// With [`Proof::Each`] bincode is read back before it leaves `encode`, so it needs no second proof. MessagePack is not.
pub(crate) fn decode_again<V: Serialize + DeserializeOwned + 'static>(
    encoded: EncodedRef<'_>,
) -> Result<Option<V>, Panicked> {
    guarded(|| match encoded.stamp.codec {
        Codec::Bincode => binary::decode(encoded.bytes),
        Codec::MessagePack | Codec::Interop => decode_now(encoded),
    })
}

/// A document of the interop protocol. `None` if the value is outside its model.
#[cfg(feature = "interop")]
pub(crate) fn encode_interop<V: Serialize>(value: &V, _proof: Proof) -> Option<Encoded> {
    let bytes = guarded(|| crate::interop::encode_value(value).ok()).ok()??;
    Some(Encoded { stamp: Stamp::INTEROP, bytes })
}

/// In place of a trace: the value has to reproduce its bytes.
const NO_TRACE: u64 = 0;

fn unordered_trace<V: Serialize>(value: &V) -> Option<u64> {
    trace::of(value).map(|trace| trace.max(1))
}
