//! Whether a key's serialized forms hold everything that its `Eq` distinguishes.
//!
//! A key that reads back as itself is determined by what was written: if two keys gave the same bytes, both
//! would equal what those bytes read as, and so each other. A field that `#[serde(skip)]` leaves out and `Eq`
//! compares does not pass, nor does an encoding that maps two values to one.

use crate::contained::contained;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Fidelity, Form};

/// What is known of a key after writing it and reading it back.
pub(super) fn read_back<T: Serialize + DeserializeOwned + Eq>(key: &T, form: Form) -> Fidelity {
    // Serialization is the user's code. What panics in it proves nothing.
    let known = contained(|| match form {
        Form::Native => native(key),
        // As an argument in a key that all languages share. There a text may stand for an identifier and an integer for a
        // float, so that a type with both can be ambiguous that is not so in our own forms.
        #[cfg(feature = "interop")]
        Form::Interop => match crate::interop::argument_again(key) {
            Ok((Some(read), _)) if read == *key => Fidelity::Full,
            // The protocol itself rounds a date down and sorts a set, and neither is read back. What is in them is known
            // if our own forms hold it.
            Ok((_, true)) => native(key),
            _ => Fidelity::Partial,
        },
        #[allow(unreachable_patterns)] // In a build with interop.
        _ => Fidelity::Partial,
    });
    known.unwrap_or(Fidelity::Partial)
}

fn native<T: Serialize + DeserializeOwned + Eq>(key: &T) -> Fidelity {
    let named = rmp_serde::to_vec_named(key).ok();
    if named.and_then(|bytes| rmp_serde::from_slice::<T>(&bytes).ok()).as_ref() == Some(key) {
        return Fidelity::Full;
    }
    // MessagePack writes `Some(None)` as it writes `None`.
    let configuration = bincode::config::standard();
    let exact = bincode::serde::encode_to_vec(key, configuration).ok();
    let read = exact.and_then(|bytes| {
        let (read, length) =
            bincode::serde::decode_from_slice::<T, _>(&bytes, configuration).ok()?;
        (length == bytes.len()).then_some(read)
    });
    if read.as_ref() == Some(key) { Fidelity::Exact } else { Fidelity::Partial }
}
