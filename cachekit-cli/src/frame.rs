//! The header of a value: the frame of the runtime, as far as it is of interest to humans.
//!
//! The layout is that of `cachekit`'s `format/frame.rs`; a test compares them.

use std::time::{Duration, UNIX_EPOCH};

/// The first bytes of a frame of any version.
const MAGIC: [u8; 3] = [0xc1, b'C', b'K'];
const VERSION: u8 = b'4';
const HEADER: usize = 70;
const LZ4: u8 = 1;

/// The fields of a frame. Only checks that need no more than its bytes are made.
pub(crate) struct Frame<'a> {
    pub(crate) codec: FrameCodec,
    pub(crate) is_compressed: bool,
    created_ms: u64,
    fresh_ms: u64,
    stale_ms: u64,
    pub(crate) value_len: u32,
    pub(crate) payload: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameCodec {
    MessagePack,
    Bincode,
}

impl FrameCodec {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MessagePack => "MessagePack",
            Self::Bincode => "bincode",
        }
    }
}

/// Whether the bytes begin like a frame of this or another version.
pub(crate) fn is_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

impl<'a> Frame<'a> {
    /// `None` for another version, and for fields that no writer produces.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, payload) = bytes.split_at_checked(HEADER)?;
        let number = |at: usize| header[at..at + 8].try_into().ok().map(u64::from_be_bytes);
        let short = |at: usize| header[at..at + 4].try_into().ok().map(u32::from_be_bytes);
        if header[..3] != MAGIC || header[3] != VERSION {
            return None;
        }
        let codec = match header[4] {
            1 => FrameCodec::MessagePack,
            2 => FrameCodec::Bincode,
            _ => return None,
        };
        let (value_len, payload_len) = (short(62)?, short(66)?);
        let is_compressed = match header[5] {
            0 => false,
            LZ4 => true,
            _ => return None,
        };
        if usize::try_from(payload_len) != Ok(payload.len()) {
            return None;
        }
        Some(Self {
            codec,
            is_compressed,
            created_ms: number(30)?,
            fresh_ms: number(38)?,
            stale_ms: number(46)?,
            value_len,
            payload,
        })
    }

    pub(crate) fn created(&self) -> String {
        time(self.created_ms)
    }

    /// Until when the value is served fresh, and until when it may be served stale.
    pub(crate) fn lifetime(&self) -> String {
        if self.fresh_ms == 0 {
            return "without end".to_owned();
        }
        let fresh = self.created_ms.saturating_add(self.fresh_ms);
        let until = format!("fresh until {}", time(fresh));
        match self.stale_ms {
            0 => until,
            stale => format!("{until}, usable until {}", time(fresh.saturating_add(stale))),
        }
    }
}

/// A wall-clock time, in UTC; a time beyond the calendar as a number.
fn time(ms: u64) -> String {
    /// The end of the year 9999.
    const LAST: u64 = 253_402_300_799_999;
    if ms > LAST {
        return format!("{ms} ms after 1970");
    }
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms)).to_string()
}
