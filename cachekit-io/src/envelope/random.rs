//! Bytes that must not repeat: nonces.

use super::EnvelopeError;
use super::error::EnvelopeErrorKind as Kind;
use std::time::{SystemTime, UNIX_EPOCH};

/// Fills `bytes` (at least 8) from the operating system, for this one use.
///
/// The time is combined with the system's output: two virtual machines that resume from one snapshot start
/// with the same kernel, but hardly read the clock in the same nanosecond. This does no harm, because
/// uniform bits stay uniform.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), EnvelopeError> {
    getrandom::fill(bytes).map_err(|_| EnvelopeError::from(Kind::Random))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = (u64::from(now.subsec_nanos()) << 32) ^ now.as_secs();
    for (byte, time) in bytes.iter_mut().zip(now.to_le_bytes()) {
        *byte ^= time;
    }
    Ok(())
}
