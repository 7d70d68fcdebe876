//! A sealed entry and its storage key, as seen by the parts of the crate that do not seal themselves. [`crate::secure`]
//! seals.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::format::encoded::Encoded;
use crate::stats::Refusal;

/// Sealed bytes, with everything needed to open them except the keys.
pub(crate) trait Openable: Send + Sync {
    fn bytes(&self) -> &Bytes;

    /// Opens them with the current keys, and passes on the encoded value.
    fn open(&self, read: &mut dyn FnMut(&Encoded<'_>)) -> Result<(), Refusal>;
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

    /// The result of reading the encoded value.
    pub(crate) fn open<T>(&self, read: impl FnOnce(&Encoded<'_>) -> T) -> Result<T, Refusal> {
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

/// The storage key of an entry, if it may be shown: a sealed entry has `s1:{hash}` or `ns:{namespace}:s1:{hash}`, an
/// entry for all languages has `{namespace}:{operation}:{hash}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BlindedKey {
    /// If the storage key shows it.
    pub(crate) namespace: Option<&'static str>,
    /// For all languages.
    pub(crate) operation: Option<&'static str>,
    pub(crate) hash: [u8; 32],
}

impl BlindedKey {
    /// With the hash at the end of a key.
    pub(crate) fn new(
        namespace: Option<&'static str>,
        operation: Option<&'static str>,
        key: &str,
    ) -> Self {
        let digits = key.as_bytes().last_chunk::<64>().unwrap_or(&[0; 64]);
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default();
            *byte = u8::try_from(digit(digits[0]) * 16 + digit(digits[1])).unwrap_or_default();
        }
        Self { namespace, operation, hash }
    }
}

impl fmt::Display for BlindedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.namespace, self.operation) {
            (Some(namespace), Some(operation)) => write!(f, "{namespace}:{operation}:")?,
            (Some(namespace), None) => write!(f, "ns:{namespace}:s1:")?,
            (None, _) => f.write_str("s1:")?,
        }
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
