//! A sealed entry and the place it is stored at, as those parts of the crate see them that seal nothing themselves. What
//! seals is [`crate::secure`].

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::format::encoded::EncodedRef;
use crate::stats::Refusal;

/// Sealed bytes, with what it takes to open them except for the keys.
pub(crate) trait Openable: Send + Sync {
    fn bytes(&self) -> &Bytes;

    /// Opens them with the keys of now, and hands over the encoded value.
    fn open(&self, read: &mut dyn FnMut(EncodedRef<'_>)) -> Result<(), Refusal>;
}

/// A sealed entry.
#[derive(Clone)]
pub struct SealedBytes(Arc<dyn Openable>);

impl SealedBytes {
    pub(crate) fn new(sealed: impl Openable + 'static) -> Self {
        Self(Arc::new(sealed))
    }

    pub(crate) fn bytes(&self) -> Bytes {
        self.0.bytes().clone()
    }

    /// What reading the encoded value comes to.
    pub(crate) fn open<T>(&self, read: impl FnOnce(EncodedRef<'_>) -> T) -> Result<T, Refusal> {
        let (mut read, mut came) = (Some(read), None);
        self.0.open(&mut |encoded| came = read.take().map(|read| read(encoded)))?;
        came.ok_or(Refusal::Unread)
    }
}

impl fmt::Debug for SealedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedBytes").field("length", &self.0.bytes().len()).finish()
    }
}

/// Where a sealed entry is stored: `s1:{hash}` or `ns:{namespace}:s1:{hash}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BlindedKey {
    /// Where it shows.
    pub(crate) namespace: Option<&'static str>,
    pub(crate) hash: [u8; 32],
}

impl fmt::Display for BlindedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = self.namespace {
            write!(f, "ns:{namespace}:")?;
        }
        f.write_str("s1:")?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
