//! Reading the freshness headers of a `GET`. Anything unknown counts as stale.

use crate::{Fetched, Freshness};
use bytes::Bytes;
use std::time::Duration;

use super::limits::MAX_TTL_SECONDS;

/// Reads all lines of `X-CacheKit-Freshness`.
///
/// Without any line the value is fresh; otherwise every line must be exactly `fresh`.
///
/// # Example
///
/// ```
/// use cachekit_io::Freshness;
/// use cachekit_io::wire::freshness::freshness;
///
/// assert_eq!(freshness([]), Freshness::Fresh);
/// assert_eq!(freshness([b"fresh".as_slice()]), Freshness::Fresh);
/// assert_eq!(freshness([b"Fresh".as_slice()]), Freshness::Stale);
/// ```
pub fn freshness<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Freshness {
    if lines.into_iter().all(|line| line == b"fresh") { Freshness::Fresh } else { Freshness::Stale }
}

/// Reads all lines of `X-CacheKit-Fresh-For`: how long a copy may be kept.
///
/// `None` without any line: there is no bound. One line of 1 to 7 digits, at most 30 days, is the
/// bound; anything else is a bound of zero.
///
/// # Example
///
/// ```
/// use cachekit_io::wire::freshness::fresh_for;
/// use std::time::Duration;
///
/// assert_eq!(fresh_for([]), None);
/// assert_eq!(fresh_for([b"90".as_slice()]), Some(Duration::from_secs(90)));
/// assert_eq!(fresh_for([b"1.5".as_slice()]), Some(Duration::ZERO));
/// ```
pub fn fresh_for<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<Duration> {
    let mut lines = lines.into_iter();
    let first = lines.next()?;
    let bound = if lines.next().is_some() { 0 } else { bounded(first) };
    Some(Duration::from_secs(bound))
}

fn bounded(text: &[u8]) -> u64 {
    // The length is checked first, so that nothing can overflow.
    if text.is_empty() || text.len() > 7 || !text.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let bound = text.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    if bound <= MAX_TTL_SECONDS { bound } else { 0 }
}

/// A value with the information of the two headers.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit_io::wire::freshness::fetched;
///
/// let value = fetched(Bytes::from_static(b"v"), [b"fresh".as_slice()], [b"0".as_slice()]);
/// assert!(value.is_fresh());
/// assert_eq!(value.local_lifetime(std::time::Duration::from_secs(60)), None);
/// ```
pub fn fetched<'a>(
    value: Bytes,
    freshness_lines: impl IntoIterator<Item = &'a [u8]>,
    fresh_for_lines: impl IntoIterator<Item = &'a [u8]>,
) -> Fetched {
    match (freshness(freshness_lines), fresh_for(fresh_for_lines)) {
        (Freshness::Stale, _) => Fetched::stale(value),
        (Freshness::Fresh, None) => Fetched::fresh(value),
        (Freshness::Fresh, Some(bound)) => Fetched::fresh(value).with_fresh_for(bound),
    }
}
