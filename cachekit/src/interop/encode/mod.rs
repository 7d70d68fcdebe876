//! The canonical encoding: one value, one sequence of bytes.
//!
//! A `serde::Serializer` that writes while the value is walked. What has to be in order (the keys of a map, the
//! elements of a set) is sorted in place once the collection is complete, so there is no tree in between.

use serde::Serialize;

use super::error::Error;

mod compound;
mod map_key;
mod recognize;
mod root;
mod serializer;
mod sink;
mod sort;
mod write;

use root::Root;
use serializer::Encoder;
use sink::Stack;
use sort::Marks;
use write::Profile;

/// The flat array of arguments, as it is hashed.
pub(super) fn arguments<A: Serialize + ?Sized>(args: &A) -> Result<Stack, Error> {
    let mut marks = Marks::new();
    let mut encoder = Encoder::new(Stack::new(), &mut marks, Profile::Arguments);
    match args.serialize(Root(&mut encoder)) {
        Ok(()) => Ok(encoder.into_sink()),
        Err(error) => Err(match encoder.argument {
            Some(position) => error.in_argument(position),
            None => error,
        }),
    }
}

/// A value's document.
pub(super) fn value<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut marks = Marks::new();
    // Most documents are longer than a few bytes: one allocation in place of four.
    let mut encoder = Encoder::new(Vec::with_capacity(128), &mut marks, Profile::Value);
    encoder.serialize_part(value)?;
    Ok(encoder.into_sink())
}
