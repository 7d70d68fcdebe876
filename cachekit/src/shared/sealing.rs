//! The interface between the shared tier and the seal of a call. `crate::secure` implements it, if the feature is on.

use bytes::Bytes;

use crate::cached_function::L1;
use crate::error::Error;
use crate::format::frame::Frame;
use crate::sealed::{BlindedKey, SealedBytes};
use crate::stats::Refusal;

/// How a call seals and opens.
pub(crate) trait Sealing: Send + Sync {
    /// The entry's storage key under the current key, for [`crate::EntryKey`].
    fn blinded(&self) -> Option<BlindedKey>;

    /// What an entry of this process holds.
    fn l1(&self) -> L1;

    /// Seals with the current key.
    fn seal(&self, frame: &Frame<'_>) -> Result<SealedBytes, Refusal>;

    /// Bytes that the current key sealed for this call.
    fn as_current(&self, bytes: Bytes) -> SealedBytes;

    /// Opens an entry that was stored under the key of this index (0 is the current one), and passes on its content,
    /// and whether it has the storage key and the form of the current key.
    fn open(
        &self,
        bytes: &[u8],
        index: usize,
        read: &mut dyn FnMut(&Frame<'_>, bool),
    ) -> Result<(), Refusal>;

    /// The error that a refused entry causes, if any.
    fn on_refusal(&self, refusal: Refusal) -> Option<Error>;
}
