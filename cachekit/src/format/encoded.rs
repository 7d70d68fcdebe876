//! An encoded value and the information needed to read it. Without the feature `shared` nothing is encoded, but these
//! types appear in the signatures of a tier.

use std::borrow::Cow;
use std::fmt;

/// How a value was written. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// One document of the interop protocol. It has no frame.
    Interop = 0,
    MessagePack = 1,
    Bincode = 2,
}

impl Codec {
    pub(crate) fn from_id(id: u8) -> Option<Self> {
        [Self::MessagePack, Self::Bincode].into_iter().find(|codec| *codec as u8 == id)
    }
}

/// A value's bytes, and what is needed to read them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Encoded<'a> {
    pub(crate) codec: Codec,
    /// Fingerprint of the schema, for bincode; otherwise 0.
    pub(crate) fingerprint: u64,
    /// Trace of the value; 0, for bincode, if its bytes are compared instead.
    pub(crate) trace: u64,
    pub(crate) bytes: Cow<'a, [u8]>,
}

impl<'a> Encoded<'a> {
    /// A self-describing document.
    pub(crate) fn interop(document: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { codec: Codec::Interop, fingerprint: 0, trace: 0, bytes: document.into() }
    }
}

// Values stay out of logs.
impl fmt::Debug for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded")
            .field("codec", &self.codec)
            .field("fingerprint", &self.fingerprint)
            .field("trace", &self.trace)
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// A `Serialize` or `Deserialize` of the user's panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// When the writer reads a value back before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Each value: nothing checks it again ([`super::codec::decode_again`]).
    Each,
    /// The first values of a type, some of the later ones, and all once one failed: every reader checks again.
    First,
}
