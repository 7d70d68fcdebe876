//! A key as one path segment, and back.

use percent_encoding::percent_decode;
use std::fmt;

/// Where the API begins.
pub const PREFIX: &str = "/v1/cache/";
/// The path of the health check.
pub const HEALTH: &str = "/v1/cache/health";

/// Whether a byte stays as it is: one of `A-Z a-z 0-9 - . _ ~`, the unreserved characters of RFC 3986 §2.3.
const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        // At most 255.
        #[allow(clippy::cast_possible_truncation)]
        let ascii = byte as u8;
        table[byte] = ascii.is_ascii_alphanumeric() || matches!(ascii, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

/// Keys that no path can carry, because they mean something else there.
const RESERVED: [&str; 5] = [".", "..", "health", "ttl", "lock"];

/// What belongs to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The value itself.
    Value,
    /// Its time to live: `…/ttl`.
    Ttl,
    /// Its lock: `…/lock`.
    Lock,
}

impl Part {
    /// The suffix after the key.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Value => "",
            Self::Ttl => "/ttl",
            Self::Lock => "/lock",
        }
    }
}

/// Whether a path can carry the key: not empty, and none of `.`, `..`, `health`, `ttl`, `lock`.
///
/// # Example
///
/// ```
/// use cachekit_io::wire::path::is_reserved;
///
/// assert!(is_reserved("health"));
/// assert!(is_reserved(""));
/// assert!(!is_reserved("HEALTH"));
/// ```
pub fn is_reserved(key: &str) -> bool {
    key.is_empty() || RESERVED.contains(&key)
}

/// Appends the path of a key's part, from `/v1/cache/` on.
///
/// # Errors
///
/// [`ReservedKey`] for a key that a path cannot carry; nothing is appended.
///
/// # Example
///
/// ```
/// use cachekit_io::wire::path::{Part, push};
///
/// let mut url = String::from("https://api.cachekit.io");
/// push(&mut url, "ns:shop:item 7", Part::Ttl)?;
/// assert_eq!(url, "https://api.cachekit.io/v1/cache/ns%3Ashop%3Aitem%207/ttl");
/// # Ok::<(), cachekit_io::wire::path::ReservedKey>(())
/// ```
pub fn push(url: &mut String, key: &str, part: Part) -> Result<(), ReservedKey> {
    if is_reserved(key) {
        return Err(ReservedKey);
    }
    // Most keys grow by a few escaped colons.
    url.reserve(PREFIX.len() + key.len() * 3 / 2 + part.suffix().len());
    url.push_str(PREFIX);
    push_escaped(url, key);
    url.push_str(part.suffix());
    Ok(())
}

/// `%00%01` and so on: what stands for each byte.
const ESCAPES: [u8; 3 * 256] = {
    let digits = b"0123456789ABCDEF";
    let mut table = [b'%'; 3 * 256];
    let mut byte = 0;
    while byte < 256 {
        table[3 * byte + 1] = digits[byte >> 4];
        table[3 * byte + 2] = digits[byte & 15];
        byte += 1;
    }
    table
};
const ESCAPES_TEXT: &str = match std::str::from_utf8(&ESCAPES) {
    Ok(text) => text,
    Err(_) => panic!("it is ASCII"),
};

/// Every request goes through here: what stays is copied in runs.
fn push_escaped(url: &mut String, key: &str) {
    // A run is ASCII, so it ends where characters do.
    let mut run = 0;
    for (at, byte) in key.bytes().enumerate() {
        let byte = usize::from(byte);
        if !UNRESERVED[byte] {
            if run < at {
                url.push_str(&key[run..at]);
            }
            url.push_str(&ESCAPES_TEXT[3 * byte..3 * byte + 3]);
            run = at + 1;
        }
    }
    url.push_str(&key[run..]);
}

/// The key is empty or one of the words that the API's paths use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservedKey;

impl fmt::Display for ReservedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key must not be empty, `.`, `..`, `health`, `ttl` or `lock`")
    }
}

impl std::error::Error for ReservedKey {}

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The health check.
    Health,
    /// A key's part. The key is decoded.
    Entry(String, Part),
}

/// Why a path asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// Not below [`PREFIX`], or with segments the API does not have.
    NotFound,
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    Encoding,
    /// A key that a path cannot carry.
    Reserved,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "no such path",
            Self::Encoding => "the key is not valid percent-encoded UTF-8",
            Self::Reserved => "the key is reserved",
        })
    }
}

impl std::error::Error for PathError {}

/// Reads a request's path, without its query. The key is decoded exactly once.
///
/// # Errors
///
/// [`PathError`] tells why it asks for nothing.
///
/// # Example
///
/// ```
/// use cachekit_io::wire::path::{Part, Target, parse};
///
/// assert_eq!(parse("/v1/cache/health"), Ok(Target::Health));
/// let target = parse("/v1/cache/ns%3Aa/lock")?;
/// assert_eq!(target, Target::Entry("ns:a".into(), Part::Lock));
/// # Ok::<(), cachekit_io::wire::path::PathError>(())
/// ```
pub fn parse(path: &str) -> Result<Target, PathError> {
    if path == HEALTH {
        return Ok(Target::Health);
    }
    let rest = path.strip_prefix(PREFIX).ok_or(PathError::NotFound)?;
    let (segment, part) = match rest.split_once('/') {
        None => (rest, Part::Value),
        Some((segment, "ttl")) => (segment, Part::Ttl),
        Some((segment, "lock")) => (segment, Part::Lock),
        Some(_) => return Err(PathError::NotFound),
    };
    let key = decode(segment)?;
    if is_reserved(&key) {
        return Err(PathError::Reserved);
    }
    Ok(Target::Entry(key, part))
}

/// Decodes one segment, strictly: every `%` needs its two digits.
fn decode(segment: &str) -> Result<String, PathError> {
    let bytes = segment.as_bytes();
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let digits = bytes.get(at + 1..at + 3).ok_or(PathError::Encoding)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(PathError::Encoding);
        }
    }
    let decoded = percent_decode(bytes).decode_utf8().map_err(|_| PathError::Encoding)?;
    Ok(decoded.into_owned())
}
