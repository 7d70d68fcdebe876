//! The header of a value in the shared tier.
//!
//! | bytes | field |
//! | --- | --- |
//! | 0..3 | magic `C1 43 4B`; no MessagePack document begins with `C1` |
//! | 3 | version of the format: `34` |
//! | 4 | codec: 1 is MessagePack with field names, 2 is bincode |
//! | 5 | flags: bit 0, the payload is an LZ4 block; bit 7 is reserved for sealed payloads |
//! | 6..14 | checksum: XXH3-64 of the storage key, the value's type and everything else in the frame |
//! | 14..22 | fingerprint of the type's schema; 0 exactly for MessagePack |
//! | 22..30 | trace of the value ([`super::codec`]) |
//! | 30..38 | created at, milliseconds since 1970 |
//! | 38..46 | fresh for, milliseconds; 0 does not expire |
//! | 46..54 | stale but usable for, milliseconds after that; 0 not at all |
//! | 54..62 | weight |
//! | 62..66 | length of the value's bytes |
//! | 66..70 | length of the payload, which is those bytes or their LZ4 block |
//! | 70.. | the payload, exactly that long |
//!
//! Numbers are big-endian. Anything else is a miss: another length, an unknown flag, a value that
//! does not expire and yet becomes stale, an LZ4 block that saved nothing or claims more than LZ4 can pack.
//! Nothing is allocated before all of this is checked, and never more than the claim or
//! [`MAX_VALUE`].
//!
//! The checksum finds damage, and values under the wrong key; it is no protection against an attacker
//! with write access: sealing is for that. A caller that picks arguments cannot cause values to be confused
//! either, because storage keys differ by a cryptographic hash ([`super::key`]).

use std::borrow::Cow;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use twox_hash::XxHash3_64;

use super::encoded::{Codec, Encoded};

pub(crate) const MAGIC: [u8; 4] = [0xc1, b'C', b'K', b'4'];
const LZ4: u8 = 1;
pub(crate) const HEADER: usize = 70;

/// The position of the checksum.
const CHECKSUM: std::ops::Range<usize> = 6..14;

/// Size in bytes of the largest value that is written to the shared tier or read from it: 64 MiB.
pub(crate) const MAX_VALUE: usize = 64 << 20;

/// Size in bytes from which on a value is worth compressing.
const COMPRESS_FROM: usize = 4 << 10;

/// How many bytes one byte of an LZ4 block can represent, at most.
const MAX_RATIO: usize = 255;

/// A value with its header.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) created_ms: u64,
    /// 0 does not expire.
    pub(crate) fresh_ms: u64,
    /// How long after that it may be served stale; 0 means not at all.
    pub(crate) stale_ms: u64,
    pub(crate) weight: u64,
    /// As the codec made it, never compressed.
    pub(crate) value: Encoded<'a>,
}

// Values stay out of logs.
impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("created_ms", &self.created_ms)
            .field("fresh_ms", &self.fresh_ms)
            .field("stale_ms", &self.stale_ms)
            .field("weight", &self.weight)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

/// What a frame belongs to: its storage key, and the type of its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameContext<'a> {
    pub(crate) key: &'a str,
    pub(crate) type_name: &'static str,
}

impl<'a> Frame<'a> {
    /// For a document without a frame: only the backend knows how long it lives.
    pub(crate) fn around(document: impl Into<Cow<'a, [u8]>>) -> Self {
        Self {
            created_ms: now_ms(),
            fresh_ms: 0,
            // For the copy that the reader keeps: as long as the reader allows.
            stale_ms: u64::MAX,
            weight: 1,
            value: Encoded::interop(document),
        }
    }

    /// `None` if the payload is longer than [`MAX_VALUE`], or the fields contradict each other.
    pub(crate) fn encode(&self, context: FrameContext<'_>) -> Option<Vec<u8>> {
        self.encode_after(0, context, compress)
    }

    /// The same, to be sealed, after this many bytes of space. Never compressed: the length of a block would reveal
    /// something about its content.
    pub(crate) fn encode_to_seal(&self, room: usize, context: FrameContext<'_>) -> Option<Vec<u8>> {
        self.encode_after(room, context, |_| None)
    }

    fn encode_after(
        &self,
        room: usize,
        context: FrameContext<'_>,
        compress: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        let Encoded { codec, fingerprint, trace, bytes: value } = &self.value;
        if !self.is_consistent() || value.len() > MAX_VALUE {
            return None;
        }
        let block = compress(value);
        let stored = block.as_deref().unwrap_or(value);
        // Sealing in place also appends a tag of 16 bytes.
        let tag = if room > 0 { 16 } else { 0 };
        let mut bytes = Vec::with_capacity(room + HEADER + stored.len() + tag);
        bytes.resize(room, 0);
        bytes.extend_from_slice(&MAGIC);
        bytes.push(*codec as u8);
        bytes.push(if block.is_some() { LZ4 } else { 0 });
        bytes.extend_from_slice(&[0; 8]);
        for field in
            [*fingerprint, *trace, self.created_ms, self.fresh_ms, self.stale_ms, self.weight]
        {
            bytes.extend_from_slice(&field.to_be_bytes());
        }
        for length in [value.len(), stored.len()] {
            bytes.extend_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
        }
        bytes.extend_from_slice(stored);
        sign(&mut bytes[room..], context);
        Some(bytes)
    }

    /// `None` for anything but exactly one frame of this format, written under this key.
    pub(crate) fn decode(bytes: &'a [u8], context: FrameContext<'_>) -> Option<Self> {
        Self::decode_if(bytes, |bytes, found| found == checksum(context, bytes))
    }

    /// The same for bytes whose origin and key are proven: the seal binds both, so the checksum is not checked.
    pub(crate) fn decode_authentic(bytes: &'a [u8]) -> Option<Self> {
        Self::decode_if(bytes, |_, _| true)
    }

    #[inline]
    fn decode_if(bytes: &'a [u8], is_whole: impl FnOnce(&[u8], [u8; 8]) -> bool) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let ([codec, flags], rest) = rest.split_first_chunk::<2>()?;
        let (found, mut rest) = rest.split_first_chunk::<8>()?;
        let mut number = || {
            let (number, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            Some(u64::from_be_bytes(*number))
        };
        let (fingerprint, trace) = (number()?, number()?);
        let (created_ms, fresh_ms, stale_ms) = (number()?, number()?, number()?);
        let weight = number()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (stored_length, stored) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let stored_length = usize::try_from(u32::from_be_bytes(*stored_length)).ok()?;
        if *magic != MAGIC || stored.len() != stored_length || length > MAX_VALUE {
            return None;
        }
        let codec = Codec::from_id(*codec)?;
        if !is_whole(bytes, *found) {
            return None;
        }
        let value = match *flags {
            0 if length == stored_length => Cow::Borrowed(stored),
            LZ4 => Cow::Owned(decompress(stored, length)?),
            _ => return None,
        };
        let value = Encoded { codec, fingerprint, trace, bytes: value };
        let frame = Self { created_ms, fresh_ms, stale_ms, weight, value };
        frame.is_consistent().then_some(frame)
    }

    fn is_consistent(&self) -> bool {
        let Encoded { codec, fingerprint, .. } = self.value;
        (fingerprint == 0) == (codec == Codec::MessagePack)
            && (self.fresh_ms != 0 || self.stale_ms == 0)
    }

    /// How long ago the value was computed, in milliseconds. A frame from the future was written by a clock
    /// ahead of ours; it is valid for its whole TTL, not for longer.
    pub(crate) fn age(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.created_ms)
    }
}

/// The wall clock, which is what machines share.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// An LZ4 block of these bytes, if they are many and it saves at least an eighth.
fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < COMPRESS_FROM {
        return None;
    }
    let block = lz4_flex::block::compress(bytes);
    (block.len() <= bytes.len() - bytes.len() / 8).then_some(block)
}

/// The content of an LZ4 block, if it is exactly `length` bytes.
fn decompress(block: &[u8], length: usize) -> Option<Vec<u8>> {
    // A false claim, or not worth it; both are known before anything is allocated.
    if length > block.len().saturating_mul(MAX_RATIO) || length <= block.len() {
        return None;
    }
    let mut bytes = vec![0; length];
    let written = lz4_flex::block::decompress_into(block, &mut bytes).ok()?;
    (written == length).then_some(bytes)
}

/// Writes the checksum.
pub(super) fn sign(frame: &mut [u8], context: FrameContext<'_>) {
    let checksum = checksum(context, frame);
    frame[CHECKSUM].copy_from_slice(&checksum);
}

/// Of a frame, ignoring the bytes of the checksum itself.
fn checksum(context: FrameContext<'_>, frame: &[u8]) -> [u8; 8] {
    let (before, after) = (&frame[..CHECKSUM.start], &frame[CHECKSUM.end..]);
    // Each hash, which covers the length of its part, is the seed of the next: neighbours stay apart.
    let parts = [context.key.as_bytes(), context.type_name.as_bytes(), before, after];
    let hash = |seed, part: &[u8]| XxHash3_64::oneshot_with_seed(seed, part);
    parts.into_iter().fold(0, hash).to_be_bytes()
}
