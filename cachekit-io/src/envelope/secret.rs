//! Secret bytes, which are wiped when they are no longer needed.

use super::aead::{KEY_LEN, Key};
use std::fmt;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

/// Secret bytes in one heap allocation that never moves and never grows, so that wiping it on drop
/// wipes every copy we made.
pub(crate) struct Secret(Box<[u8]>);

impl Secret {
    /// `len` bytes, written by `fill` where they stay.
    pub(crate) fn fill<E>(
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut secret = Self(vec![0; len].into_boxed_slice());
        // On an error `secret` is dropped, and with it what was written so far is wiped.
        fill(&mut secret.0)?;
        Ok(secret)
    }

    /// The bytes; the name makes each use easy to find.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Equality in a time that depends on the lengths only.
    pub(crate) fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// The key of one entry, in place. Wiped as one piece: an array of bytes would be wiped byte by byte.
pub(crate) struct EntryKey(Key);

impl EntryKey {
    pub(crate) const fn empty() -> Self {
        Self([0; KEY_LEN])
    }

    pub(crate) fn expose(&self) -> &Key {
        &self.0
    }

    pub(crate) fn expose_mut(&mut self) -> &mut Key {
        &mut self.0
    }
}

impl Drop for EntryKey {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
