//! What stands before a value in the shared tier.
//!
//! | bytes | field |
//! | --- | --- |
//! | 0..4 | magic `C1 43 4B 31`; `C1` is no first byte of any MessagePack document |
//! | 4 | codec: 1 is MessagePack with field names |
//! | 5 | flags, 0 |
//! | 6..14 | checksum: Blake2b-64 of the storage key, the value's type and all that follows |
//! | 14..22 | created at, milliseconds since 1970, big-endian |
//! | 22..30 | fresh for, milliseconds, big-endian; 0 does not expire |
//! | 30..38 | weight, big-endian |
//! | 38..46 | trace of the value ([`super::codec`]), big-endian |
//! | 46..50 | length of the payload, big-endian |
//! | 50.. | the payload, exactly that long |
//!
//! Anything else is a miss. The checksum finds damage, and values in the place of others; it is no
//! protection against somebody who means to deceive: that is what sealing is for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use blake2::digest::consts::U8;
use blake2::{Blake2b, Digest};

use crate::clock::{self, NEVER, Ticks};

const MAGIC: [u8; 4] = [0xc1, b'C', b'K', b'1'];
const CODEC_MESSAGEPACK: u8 = 1;
pub(crate) const HEADER: usize = 50;

/// Where the checksum ends and what it covers begins.
const COVERED: usize = 14;

/// A value with its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) created_ms: u64,
    /// 0 does not expire.
    pub(crate) fresh_ms: u64,
    pub(crate) weight: u64,
    pub(crate) trace: u64,
    pub(crate) payload: &'a [u8],
}

/// What a frame is for: the place it was written to, and the type of its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) key: &'a str,
    pub(crate) type_name: &'static str,
}

impl<'a> Frame<'a> {
    /// `None` if the payload is too long for the format.
    pub(crate) fn encode(&self, place: Place<'_>) -> Option<Vec<u8>> {
        let length = u32::try_from(self.payload.len()).ok()?;
        let mut bytes = Vec::with_capacity(HEADER + self.payload.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[CODEC_MESSAGEPACK, 0]);
        bytes.extend_from_slice(&[0; 8]);
        for field in [self.created_ms, self.fresh_ms, self.weight, self.trace] {
            bytes.extend_from_slice(&field.to_be_bytes());
        }
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(self.payload);
        let checksum = checksum(place, &bytes[COVERED..]);
        bytes[COVERED - 8..COVERED].copy_from_slice(&checksum);
        Some(bytes)
    }

    /// `None` for anything but exactly one frame of this format, written to this place.
    pub(crate) fn decode(bytes: &'a [u8], place: Place<'_>) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<2>()?;
        let (found, covered) = rest.split_first_chunk::<8>()?;
        let (created, rest) = covered.split_first_chunk::<8>()?;
        let (fresh, rest) = rest.split_first_chunk::<8>()?;
        let (weight, rest) = rest.split_first_chunk::<8>()?;
        let (trace, rest) = rest.split_first_chunk::<8>()?;
        let (length, payload) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        if *magic != MAGIC || *kind != [CODEC_MESSAGEPACK, 0] || payload.len() != length {
            return None;
        }
        if *found != checksum(place, covered) {
            return None;
        }
        Some(Self {
            created_ms: u64::from_be_bytes(*created),
            fresh_ms: u64::from_be_bytes(*fresh),
            weight: u64::from_be_bytes(*weight),
            trace: u64::from_be_bytes(*trace),
            payload,
        })
    }

    /// How long the value may still be served: 0 no more, `NEVER` without end.
    ///
    /// A frame from the future was written by a clock ahead of ours; it is good for its whole time, not
    /// for longer.
    pub(crate) fn remaining(&self, now_ms: u64) -> Ticks {
        if self.fresh_ms == 0 {
            return NEVER;
        }
        let age = now_ms.saturating_sub(self.created_ms);
        clock::ticks(Duration::from_millis(self.fresh_ms.saturating_sub(age)))
    }
}

/// The wall clock, which is what machines share.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn checksum(place: Place<'_>, covered: &[u8]) -> [u8; 8] {
    let mut digest = Blake2b::<U8>::new();
    for part in [place.key.as_bytes(), place.type_name.as_bytes(), covered] {
        // Lengths keep neighbouring parts apart.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}
