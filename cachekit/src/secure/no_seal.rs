//! Nothing is sealed in this build: the feature `secure` is off. The types stand for what is never there.

#![cfg_attr(not(feature = "shared"), allow(dead_code))]

/// A sealed entry.
#[derive(Clone, Debug)]
pub enum SealedBytes {}

/// Where a sealed entry is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BlindedKey {}

impl std::fmt::Display for BlindedKey {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

#[cfg(feature = "shared")]
mod shared {
    use bytes::Bytes;

    use super::{BlindedKey, SealedBytes};
    use crate::error::Error;
    use crate::format::frame::Frame;
    use crate::site::L1;
    use crate::stats::Refusal;
    use crate::store::Store;

    impl SealedBytes {
        pub(crate) fn bytes(&self) -> Bytes {
            match *self {}
        }

        pub(crate) fn into_bytes(self) -> Bytes {
            match self {}
        }
    }

    /// What a call seals with.
    pub(crate) enum Seal {}

    impl Seal {
        pub(crate) fn seal(&self, _frame: &Frame<'_>) -> Result<SealedBytes, Refusal> {
            match *self {}
        }

        pub(crate) fn blinded(&self) -> Option<BlindedKey> {
            match *self {}
        }

        pub(crate) fn as_current(&self, _bytes: Bytes) -> SealedBytes {
            match *self {}
        }

        pub(crate) fn open<T>(
            &self,
            _bytes: &[u8],
            _index: usize,
            _read: impl FnOnce(&Frame<'_>, bool) -> T,
        ) -> Result<T, Refusal> {
            match *self {}
        }

        pub(crate) fn l1(&self) -> L1 {
            match *self {}
        }

        pub(crate) fn on_refusal(&self, _refusal: Refusal) -> Option<Error> {
            match *self {}
        }
    }

    /// Why nothing can be sealed.
    pub(crate) enum Unsealed {}

    impl Unsealed {
        pub(crate) fn error(&self) -> Error {
            match *self {}
        }

        pub(crate) fn runs(&self, _store: &Store) {
            match *self {}
        }

        pub(crate) fn has_backend(&self) -> bool {
            match *self {}
        }
    }
}

#[cfg(feature = "shared")]
pub(crate) use shared::{Seal, Unsealed};

/// What is wrong with the keys of these functions: none of them seals.
#[cfg(feature = "shared")]
pub(crate) fn keys_for(_functions: &[crate::site::Function]) -> Option<crate::error::Problem> {
    None
}

/// What is wrong with the namespace of a function that seals.
#[cfg(feature = "shared")]
pub(crate) fn wrong_namespace(_namespace: Option<&str>) -> Option<String> {
    None
}
