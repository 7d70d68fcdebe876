//! Bytes that must not come twice: nonces.

use super::EnvelopeError;
use super::error::EnvelopeErrorKind as Kind;
use std::time::{SystemTime, UNIX_EPOCH};

/// Fills `bytes` (8 at least) from the operating system, for this one use.
///
/// The time is added to what the system gave: two virtual machines that go on from one snapshot start with
/// the same kernel, but hardly read the clock in the same nanosecond. It takes nothing away: what is
/// uniform stays uniform whatever is added to it.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), EnvelopeError> {
    getrandom::fill(bytes).map_err(|_| EnvelopeError::from(Kind::Random))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = (u64::from(now.subsec_nanos()) << 32) ^ now.as_secs();
    for (byte, time) in bytes.iter_mut().zip(now.to_le_bytes()) {
        *byte ^= time;
    }
    Ok(())
}
