//! The 14 bytes before each value, as every SDK writes and reads them.

use std::time::Duration;

/// Magic, version, a reserved byte, flags, and the expiry of the entry.
pub(super) const LEN: usize = 14;
/// Position of the expiry: seconds since the Unix epoch, big-endian, 0 for none.
pub(super) const EXPIRY_AT: u64 = 6;

const MAGIC: [u8; 2] = *b"CK";
const VERSION: u8 = 1;

/// The meaning of the beginning of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Too short, or not an entry of this version: it is deleted.
    Corrupt,
    /// Written with something unknown to this reader: a miss, and the file stays.
    Unknown,
    /// Expired: it is deleted.
    Expired,
    /// An entry, until these seconds since the Unix epoch; 0 is never.
    Live(u64),
}

/// The header of an entry with this expiry.
pub(super) fn encode(expiry: u64) -> [u8; LEN] {
    let mut header = [0; LEN];
    header[..2].copy_from_slice(&MAGIC);
    header[2] = VERSION;
    header[6..].copy_from_slice(&expiry.to_be_bytes());
    header
}

/// Reads a header at `now`, the time since the Unix epoch.
pub(super) fn parse(bytes: &[u8], now: Duration) -> Header {
    let Some(header) = bytes.first_chunk::<LEN>() else { return Header::Corrupt };
    let [m0, m1, version, reserved, f0, f1, expiry @ ..] = *header;
    if [m0, m1] != MAGIC || version != VERSION {
        return Header::Corrupt;
    }
    // Before the expiry is checked, because the flags may affect it.
    if (reserved, f0, f1) != (0, 0, 0) {
        return Header::Unknown;
    }
    match u64::from_be_bytes(expiry) {
        0 => Header::Live(0),
        expiry if now.as_secs() >= expiry => Header::Expired,
        expiry => Header::Live(expiry),
    }
}
