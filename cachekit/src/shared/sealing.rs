//! What the shared tier asks of the seal of a call. It is made by `crate::secure`, if the feature is on.

use bytes::Bytes;

use crate::cached_function::L1;
use crate::error::Error;
use crate::format::frame::Frame;
use crate::sealed::{BlindedKey, SealedBytes};
use crate::stats::Refusal;

/// What a call seals and opens with.
pub(crate) trait Sealing: Send + Sync {
    /// Where the current key puts the entry, for [`crate::EntryKey`].
    fn blinded(&self) -> Option<BlindedKey>;

    /// What an entry of this process is to hold.
    fn l1(&self) -> L1;

    /// Seals with the current key.
    fn seal(&self, frame: &Frame<'_>) -> Result<SealedBytes, Refusal>;

    /// Bytes that the current key sealed for this call.
    fn as_current(&self, bytes: Bytes) -> SealedBytes;

    /// Opens an entry from where the key of this index puts it (0 is the current one), and hands over what it holds; with
    /// whether that is where and how the current key would have it.
    fn open(
        &self,
        bytes: &[u8],
        index: usize,
        read: &mut dyn FnMut(&Frame<'_>, bool),
    ) -> Result<(), Refusal>;

    /// The error that a refused entry leads to, if it does.
    fn on_refusal(&self, refusal: Refusal) -> Option<Error>;
}
