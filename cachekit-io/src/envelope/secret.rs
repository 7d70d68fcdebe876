//! Bytes that nobody may see and that are wiped when they are no longer needed.

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
