//! The name of one cached call.

use std::fmt;

use crate::sealed::BlindedKey;

/// The identity of one cached call, for logs and comparisons; it does not reveal the arguments.
///
/// Equal if, and only if, both name the same function and the same arguments, up to collisions of a 64-bit hash
/// whose seed differs between processes.
///
/// For a `#[cache::secure]` call it shows the key that its entry is stored under: a keyed hash, the same in
/// every process that has the key. Without a key it is like any other.
///
/// For a call with `interop` it shows the key by which all languages find its entry, if there is a backend. That
/// key ends with an unkeyed hash of the arguments, which confirms a reader's guess of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryKey {
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    pub(super) hash: u64,
    pub(super) blinded: Option<BlindedKey>,
}

impl fmt::Display for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(blinded) = &self.blinded {
            return blinded.fmt(f);
        }
        write!(f, "{}::{}#{:016x}", self.module, self.name, self.hash)
    }
}

impl fmt::Debug for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
