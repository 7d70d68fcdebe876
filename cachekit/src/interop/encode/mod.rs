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
mod refusals;
mod root;
mod serializer;
mod sink;
mod sort;
mod write;

use root::Root;
use serializer::Encoder;
pub(super) use sink::copy_short;
use sink::{ARGUMENTS, DOCUMENT, Larger, Window};
use sort::Marks;
pub(super) use write::Profile;

/// What is made of the flat array of arguments, as it is hashed.
pub(super) fn arguments<A: Serialize + ?Sized, R>(
    args: &A,
    made: impl FnOnce(&[u8]) -> R,
) -> Result<R, Error> {
    let (mut space, mut larger, mut marks) = ([0; ARGUMENTS], Larger::default(), Marks::new());
    let out = Window::new(&mut space, &mut larger);
    let mut encoder = Encoder::new(out, &mut marks, Profile::Arguments);
    match args.serialize(Root(&mut encoder)) {
        Ok(()) => Ok(made(encoder.out.written())),
        Err(fault) => Err(failed(fault, encoder.argument)),
    }
}

/// Of what the protocol itself keeps less than its type has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shortened {
    pub(super) dates: bool,
    pub(super) sets: bool,
}

/// What is made of one argument as keys have it, or of all that is in it (`Profile::Whole`).
pub(super) fn argument<A: Serialize + ?Sized, R>(
    argument: &A,
    profile: Profile,
    made: impl FnOnce(&[u8]) -> R,
) -> Result<(R, Shortened), Error> {
    let (mut space, mut larger, mut marks) = ([0; ARGUMENTS], Larger::default(), Marks::new());
    let out = Window::new(&mut space, &mut larger);
    let mut encoder = Encoder::new(out, &mut marks, profile);
    encoder.serialize_part(argument)?;
    let shortened = Shortened { dates: encoder.has_dates, sets: encoder.has_sets };
    Ok((made(encoder.out.written()), shortened))
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
    // Of zeros it would be: but memory that the allocator has to clear is slower to get.
    let (mut space, mut larger, mut marks) =
        (vec![0xc1; DOCUMENT], Larger::default(), Marks::new());
    let out = Window::new(&mut space, &mut larger);
    let mut encoder = Encoder::new(out, &mut marks, Profile::Value);
    encoder.serialize_part(value)?;
    let len = encoder.out.len();
    let mut document = larger.into_last().unwrap_or(space);
    document.truncate(len);
    // Stored documents live long.
    if len < document.capacity() / 2 {
        document.shrink_to_fit();
    }
    Ok(document)
}
