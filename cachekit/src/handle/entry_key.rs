//! The name of one cached call.

use std::fmt;

use crate::sealed::BlindedKey;

/// The identity of one cached call, for logs and for comparing; it reveals nothing of the arguments.
///
/// Equal exactly if both name the same function and the same arguments, up to collisions of a 64-bit hash
/// whose seed differs from process to process.
///
/// That of a `#[cache::secure]` call shows the key that its entry is stored under: a keyed hash, the same in
/// every process that has the key. Without a key it is as any other.
///
/// That of a call with `interop` shows the key by which all languages find its entry, where there is a backend. It
/// ends with a hash of the arguments without a secret, which confirms them to a reader who guesses them.
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
