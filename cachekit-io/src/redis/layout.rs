//! The layout of stored values.
//!
//! A value without a stale window is stored unchanged. A value with a stale window has a header of 12 bytes
//! before it: a magic and the length of the window in milliseconds, big endian. The entry expires at
//! the end of the window, so the value is fresh while more than the window is left. Only the
//! server's clock counts. The magic begins with `0xC1`, with which no MessagePack document begins. A value that
//! itself begins with the magic gets a header with an empty window. For a value that other programs read
//! ([`SetOptions::verbatim`]) the window is dropped.

use crate::SetOptions;
use bytes::{Bytes, BytesMut};
use std::time::Duration;

/// The beginning of a header.
pub(super) const MAGIC: [u8; 4] = [0xC1, b'C', b'K', 0x01];
/// The length of a header.
pub(super) const HEADER: usize = 12;
/// Redis adds TTLs to its clock, in 64 bits.
const MAX_MILLIS: u64 = 1 << 52;

/// The stored bytes, and their TTL.
pub(super) struct Stored {
    pub(super) value: Bytes,
    pub(super) millis: Option<u64>,
}

/// In milliseconds, at least one.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(MAX_MILLIS).clamp(1, MAX_MILLIS)
}

/// The stored form of a value with these windows.
pub(super) fn stored(value: Bytes, options: &SetOptions) -> Stored {
    let window = options.stale_ttl.filter(|window| !window.is_zero() && !options.verbatim);
    let stale = window.map_or(0, millis);
    let millis = options.ttl.map(|ttl| millis(ttl) + stale);
    if stale == 0 && !value.starts_with(&MAGIC) {
        return Stored { value, millis };
    }
    let mut framed = BytesMut::with_capacity(HEADER + value.len());
    framed.extend_from_slice(&MAGIC);
    framed.extend_from_slice(&stale.to_be_bytes());
    framed.extend_from_slice(&value);
    Stored { value: framed.freeze(), millis }
}

/// The result of reading a value.
pub(super) enum Found {
    /// A value that is fresh as long as it exists.
    Plain(Bytes),
    /// A value with a stale window of this many milliseconds at its end.
    Windowed(Bytes, u64),
}

/// Removes the header.
pub(super) fn read(stored: Bytes) -> Found {
    if stored.first() != Some(&MAGIC[0]) {
        return Found::Plain(stored);
    }
    match stored.split_first_chunk::<HEADER>() {
        Some((header, _)) if header.starts_with(&MAGIC) => {
            let value = stored.slice(HEADER..);
            match window(*header) {
                0 => Found::Plain(value),
                stale => Found::Windowed(value, stale),
            }
        }
        _ => Found::Plain(stored),
    }
}

/// The stale window in a header, in milliseconds.
pub(super) fn window(header: [u8; HEADER]) -> u64 {
    let mut stale = [0; 8];
    stale.copy_from_slice(&header[MAGIC.len()..]);
    u64::from_be_bytes(stale)
}

/// The freshness of a value with a stale window, given the remaining time of its entry; `None` means no
/// expiry.
pub(super) fn fetched(value: Bytes, stale: u64, left: Option<u64>) -> crate::Fetched {
    match left {
        None => crate::Fetched::fresh(value),
        Some(left) if left > stale => {
            crate::Fetched::fresh(value).with_fresh_for(Duration::from_millis(left - stale))
        }
        Some(_) => crate::Fetched::stale(value),
    }
}
