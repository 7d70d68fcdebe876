//! Bincode, for values that conform to their type's schema.
//!
//! The crate is complete and no longer maintained, so nothing here relies on it against hostile or mistaken bytes. The
//! schema's fingerprint decides whether they are read at all, [`Limited`] bounds the cost of decoding, and a decoded
//! value must be able to reproduce them, once for bytes that stay in this process. The crate's types appear in no
//! signature outside this file.

use std::any::{Any, TypeId};
use std::cell::Cell;
use std::marker::PhantomData;

use bincode::config::{Configuration, standard};
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use bincode::serde::{encode_into_writer, encode_to_vec, seed_decode_from_slice};
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer};

use super::conform;
use super::depth::{Limited, budget};
use super::schema::Schema;

/// Little-endian, variable-length integers.
const CONFIG: Configuration = standard();

/// `None` if the value does not serialize according to its schema.
pub(super) fn encode<V: Serialize + 'static>(value: &V, schema: &Schema) -> Option<Vec<u8>> {
    if let Some(value) = as_bytes(value) {
        let mut bytes = bincode::encode_to_vec(value.len() as u64, CONFIG).ok()?;
        bytes.extend_from_slice(value);
        return Some(bytes);
    }
    let walk = conform::Walk::new(schema);
    let bytes = encode_to_vec(walk.value(value), CONFIG).ok()?;
    // The same sum as the reader's: only collections of zero-sized elements, `Vec<()>`, can exceed it.
    (walk.claimed() <= budget(bytes.len())).then_some(bytes)
}

/// A value that all of these bytes can be read as. Only the fingerprint says whether they were
/// written as one.
pub(super) fn decode<V: DeserializeOwned + 'static>(bytes: &[u8]) -> Option<V> {
    if TypeId::of::<V>() == TypeId::of::<Vec<u8>>() {
        let (length, used) = bincode::decode_from_slice::<u64, _>(bytes, CONFIG).ok()?;
        let mut value = Some(bytes[used..].to_vec()).filter(|value| value.len() as u64 == length);
        let value: &mut dyn Any = &mut value;
        return value.downcast_mut::<Option<V>>()?.take();
    }
    let budget = Cell::new(budget(bytes.len()));
    let seed = Seed { budget: &budget, value: PhantomData::<V> };
    let (value, used) = seed_decode_from_slice(seed, bytes, CONFIG).ok()?;
    (used == bytes.len()).then_some(value)
}

/// Whether the value serializes, according to its schema, to exactly these bytes. Then they were written by a
/// value that serializes the same: under one schema, the bytes determine everything.
pub(super) fn reproduces<V: Serialize + 'static>(value: &V, schema: &Schema, bytes: &[u8]) -> bool {
    let mut rest = Rest(bytes);
    if let Some(value) = as_bytes(value) {
        let length = bincode::encode_into_writer(value.len() as u64, &mut rest, CONFIG);
        return length.is_ok() && rest.0 == value;
    }
    let walk = conform::Walk::new(schema);
    encode_into_writer(walk.value(value), &mut rest, CONFIG).is_ok() && rest.0.is_empty()
}

/// The value, if it is a `Vec<u8>`. To serde that is a sequence like any other, with one step for each byte;
/// here it is one piece, with the same bytes.
fn as_bytes<V: 'static>(value: &V) -> Option<&[u8]> {
    let value: &dyn Any = value;
    value.downcast_ref::<Vec<u8>>().map(Vec::as_slice)
}

/// The bytes that must still be written for the value to be the same.
struct Rest<'a>(&'a [u8]);

impl Writer for Rest<'_> {
    // Most pieces are short and have a length that is known once this is inlined.
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        match self.0.split_at_checked(bytes.len()) {
            Some((head, rest)) if head == bytes => {
                self.0 = rest;
                Ok(())
            }
            _ => Err(EncodeError::Other("other bytes")),
        }
    }
}

struct Seed<'b, V> {
    budget: &'b Cell<usize>,
    value: PhantomData<V>,
}

impl<'de, V: DeserializeOwned> DeserializeSeed<'de> for Seed<'_, V> {
    type Value = V;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<V, D::Error> {
        V::deserialize(Limited::new(inner, self.budget))
    }
}
