//! TTLs and sizes that the service accepts.

use std::time::Duration;

/// The longest TTL, and the longest sum of a TTL and a stale window: 30 days.
pub const MAX_TTL: Duration = Duration::from_secs(MAX_TTL_SECONDS);
/// [`MAX_TTL`] in seconds.
pub const MAX_TTL_SECONDS: u64 = 2_592_000;
/// The largest value that the service accepts, in bytes.
pub const MAX_VALUE_BYTES: usize = 25 * 1024 * 1024;
/// The longest key that the service accepts, in characters after decoding.
pub const MAX_KEY_LENGTH: usize = 400;

/// A TTL as the API counts it: whole seconds, rounded down so that nothing lives longer than
/// it should. A TTL of less than one second becomes one, because there is nothing shorter.
///
/// `None` for zero and for more than [`MAX_TTL`].
///
/// # Example
///
/// ```
/// use cachekit_io::wire::limits::seconds;
/// use std::time::Duration;
///
/// assert_eq!(seconds(Duration::from_millis(10)), Some(1));
/// assert_eq!(seconds(Duration::from_secs(60)), Some(60));
/// assert_eq!(seconds(Duration::ZERO), None);
/// assert_eq!(seconds(Duration::from_secs(2_592_001)), None);
/// ```
pub fn seconds(ttl: Duration) -> Option<u64> {
    (!ttl.is_zero() && ttl <= MAX_TTL).then(|| ttl.as_secs().max(1))
}

/// Reads a TTL from a header or a body: ASCII digits, from 1 to [`MAX_TTL_SECONDS`].
///
/// # Example
///
/// ```
/// use cachekit_io::wire::limits::parse_seconds;
///
/// assert_eq!(parse_seconds(b"300"), Some(300));
/// assert_eq!(parse_seconds(b"0"), None);
/// assert_eq!(parse_seconds(b"+5"), None);
/// ```
pub fn parse_seconds(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 7 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let whole = text.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    (1..=MAX_TTL_SECONDS).contains(&whole).then_some(whole)
}
