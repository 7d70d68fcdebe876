//! MessagePack with field names, for every type that serde can carry.
//!
//! The bytes alone do not determine what was written: MessagePack has one `nil`, so `Some(None)` and
//! `Some(())` read back as `None`; a renamed field falls back to its default, and an integer passes for a
//! wider one. The trace detects this.

use std::cell::Cell;

use rmp_serde::Deserializer;
use rmp_serde::decode::Error;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::depth::{Limited, budget};

/// `None` if the value does not serialize.
pub(super) fn encode<V: Serialize>(value: &V) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(value).ok()
}

/// A value that all of these bytes can be read as.
pub(super) fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Option<V> {
    let mut deserializer = Deserializer::from_read_ref(bytes);
    let budget = Cell::new(budget(bytes.len()));
    let value = V::deserialize(Limited::new(&mut deserializer, &budget)).ok()?;
    // The deserializer does not report how many bytes are left. Reading a bool takes one marker, so
    // failing to find any means the end, even if a marker was looked at and put back.
    let end = matches!(bool::deserialize(&mut deserializer), Err(Error::InvalidMarkerRead(_)));
    end.then_some(value)
}
