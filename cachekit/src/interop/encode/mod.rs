//! The canonical encoding: one value, one sequence of bytes.
//!
//! A `serde::Serializer` that writes while the value is walked. What has to be in order (the keys of a map, the
//! elements of a set) is sorted in place once the collection is complete, so there is no tree in between.

use serde::Serialize;

use super::error::{Error, Fault};

mod compound;
mod dates;
mod map_key;
mod recognize;
mod root;
mod serializer;
mod sink;
mod sort;
mod write;

use root::Root;
use serializer::Encoder;
use sink::{ARGUMENTS, Document, Sink as _, Window};
use sort::Marks;
use write::Profile;

/// What is made of the flat array of arguments, as it is hashed.
pub(super) fn arguments<A: Serialize + ?Sized, R>(
    args: &A,
    made: impl FnOnce(&[u8]) -> R,
) -> Result<R, Error> {
    let (mut window, mut marks) = ([0; ARGUMENTS], Marks::new());
    let mut encoder = Encoder::new(Window::new(&mut window), &mut marks, Profile::Arguments);
    match args.serialize(Root(&mut encoder)) {
        Ok(()) => Ok(made(encoder.out.written())),
        Err(fault) => Err(failed(fault, encoder.argument)),
    }
}

/// What is made of one argument, and whether the protocol itself keeps less of it than its type has.
pub(super) fn argument<A: Serialize + ?Sized, R>(
    argument: &A,
    made: impl FnOnce(&[u8]) -> R,
) -> Result<(R, bool), Error> {
    let (mut window, mut marks) = ([0; ARGUMENTS], Marks::new());
    let mut encoder = Encoder::new(Window::new(&mut window), &mut marks, Profile::Arguments);
    encoder.serialize_part(argument)?;
    Ok((made(encoder.out.written()), encoder.keeps_less))
}

#[cold]
fn failed(fault: Fault, argument: Option<u32>) -> Error {
    let error = Error::from(fault);
    match argument {
        Some(position) => error.in_argument(position),
        None => error,
    }
}

/// A value's document.
pub(super) fn value<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut marks = Marks::new();
    let mut encoder = Encoder::new(Document::new(), &mut marks, Profile::Value);
    encoder.serialize_part(value)?;
    Ok(encoder.into_out().into_vec())
}
