//! Whether a key's serialized forms contain everything that its `Eq` distinguishes.
//!
//! A key that survives a round trip is determined by its bytes: if two keys gave the same bytes, both
//! would equal the value that those bytes read as, and so each other. A field that `#[serde(skip)]` omits and `Eq`
//! compares does not survive, nor does an encoding that maps two values to one.

use crate::contained::contained;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Fidelity, Form};

#[cfg(all(test, feature = "interop"))]
mod tests;

/// What writing a key and reading it back shows about it.
pub(super) fn read_back<T: Serialize + DeserializeOwned + Eq>(key: &T, form: Form) -> Fidelity {
    // Serialization is the user's code. If it panics, it proves nothing.
    let known = contained(|| match form {
        Form::Native => native(key),
        // As an argument in a key that all languages share. There a text may represent an identifier, and an integer a
        // float, so a type with both can be ambiguous in that form but not in ours.
        #[cfg(feature = "interop")]
        Form::Interop => match crate::interop::is_told_apart(key) {
            Ok(true) => Fidelity::Full,
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
