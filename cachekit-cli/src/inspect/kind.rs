//! Recognizing formats by their first bytes.

use crate::frame::{self, Frame};
use cachekit_io::envelope::{EnvelopeErrorKind, Header, interop};
use serde::de::{Deserialize as _, IgnoredAny};
use std::io::Cursor;
use std::time::{Duration, UNIX_EPOCH};

pub(crate) enum Kind<'a> {
    /// Ours, and intact as far as the header shows.
    Sealed(Header),
    /// It begins like ours; why it is not.
    SealedBadly(&'static str),
    /// What the runtime stores for functions that do not seal.
    Frame(Frame<'a>),
    FrameUnknown,
    /// The file backend of the ecosystem puts an expiry before the entry.
    FileOfBackend {
        expires: Option<String>,
        entry: &'a [u8],
    },
    /// An entry that only the Python SDK reads.
    Python {
        serializer: Option<String>,
        is_encrypted: bool,
    },
    ByteStorage,
    MessagePack,
    /// No recognizable format, like sealed interop entries.
    Unknown,
    /// Too short for any sealed entry.
    Short,
}

pub(crate) fn of(bytes: &[u8]) -> Kind<'_> {
    match Header::parse(bytes) {
        Ok(header) => return Kind::Sealed(header),
        Err(error) if bytes.starts_with(&[0xc1, b'C', b'K', b'S']) => {
            return Kind::SealedBadly(match error.kind() {
                EnvelopeErrorKind::Downgraded => "of an unknown version or suite",
                _ => "damaged: too short, or fields that no writer produces",
            });
        }
        Err(_) => {}
    }
    if frame::is_frame(bytes) {
        return Frame::parse(bytes).map_or(Kind::FrameUnknown, Kind::Frame);
    }
    if let Some(kind) = file_of_backend(bytes).or_else(|| python(bytes)) {
        return kind;
    }
    // Checked before the length: short values may be plaintext, too.
    if is_one_document(bytes) {
        return if is_byte_storage(bytes) { Kind::ByteStorage } else { Kind::MessagePack };
    }
    if bytes.len() < interop::OVERHEAD { Kind::Short } else { Kind::Unknown }
}

/// `CK`, version 1, three zeros, the time of expiry in seconds, the entry.
fn file_of_backend(bytes: &[u8]) -> Option<Kind<'_>> {
    let rest = bytes.strip_prefix(&[b'C', b'K', 1, 0, 0, 0])?;
    let (expiry, entry) = rest.split_first_chunk::<8>()?;
    let expires = match u64::from_be_bytes(*expiry) {
        0 => None,
        seconds => Some(match UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
            // Up to the end of the year 9999.
            Some(time) if seconds < 253_402_300_800 => {
                humantime::format_rfc3339_seconds(time).to_string()
            }
            _ => format!("{seconds} s after 1970"),
        }),
    };
    Some(Kind::FileOfBackend { expires, entry })
}

/// `CK`, version 3, the length of a JSON header, the header, the rest.
fn python(bytes: &[u8]) -> Option<Kind<'_>> {
    let rest = bytes.strip_prefix(&[b'C', b'K', 3])?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let header = rest.get(..usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
    let header: serde_json::Value = serde_json::from_slice(header).ok()?;
    let serializer = header["s"].as_str().map(str::to_owned);
    Some(Kind::Python { serializer, is_encrypted: header["m"]["encrypted"] == true })
}

/// Whether the bytes are one MessagePack document and nothing else.
fn is_one_document(bytes: &[u8]) -> bool {
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(bytes));
    let read = IgnoredAny::deserialize(&mut reader);
    read.is_ok() && reader.get_ref().position() == bytes.len() as u64
}

/// An array of four: the compressed bytes, a checksum of eight, a length, the name of a format.
fn is_byte_storage(bytes: &[u8]) -> bool {
    type Envelope = (IgnoredAny, [u8; 8], u32, String);
    bytes.first() == Some(&0x94) && rmp_serde::from_slice::<Envelope>(bytes).is_ok()
}
