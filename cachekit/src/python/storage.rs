//! The `ByteStorage` envelope: an LZ4 block with the checksum and the length of its content.

use std::borrow::Cow;

use super::error::{Error, ErrorKind};
use crate::interop::decode::reader::{Item, Reader};
use crate::interop::{Error as DocumentError, ErrorKind as DocumentErrorKind};

/// The longest envelope, compressed data and payload, in bytes.
pub const MAX_LEN: usize = 512 * 1024 * 1024;
/// How many times longer a payload may be than its compressed data.
pub const MAX_RATIO: u64 = 1000;

const CHECKSUM_LEN: usize = 8;

struct Envelope<'a> {
    compressed: Cow<'a, [u8]>,
    checksum: [u8; CHECKSUM_LEN],
    len: u64,
    format: &'a str,
}

fn failed() -> Error {
    Error::new(ErrorKind::DeserializationFailed, "the bytes are not an envelope")
}

/// The payload and its format. The checks follow the order of the format's description: none of them costs more
/// than the checks before it allow.
pub(super) fn open(bytes: &[u8]) -> Result<(Vec<u8>, String), Error> {
    if bytes.len() > MAX_LEN {
        return Err(too_large());
    }
    Reader::new(bytes).skip(0).map_err(|fault| {
        let what = if DocumentError::from(fault).kind() == DocumentErrorKind::TooDeep {
            "decode pre-scan: the envelope is nested more than 100 deep"
        } else {
            "decode pre-scan: the envelope is incomplete or claims more than it holds"
        };
        Error::new(ErrorKind::DeserializationFailed, what)
    })?;
    let envelope = decode(bytes)?;
    let compressed_len = envelope.compressed.len() as u64;
    if compressed_len > MAX_LEN as u64 || envelope.len > MAX_LEN as u64 {
        return Err(too_large());
    }
    if compressed_len == 0 || envelope.len > MAX_RATIO * compressed_len {
        return Err(Error::new(
            ErrorKind::DecompressionBomb,
            "the envelope claims to become more than a thousand times as long",
        ));
    }
    let len = usize::try_from(envelope.len).map_err(|_| too_large())?;
    let payload = lz4_flex::block::decompress(&envelope.compressed, len).map_err(|_| {
        Error::new(
            ErrorKind::DecompressionFailed,
            "the envelope does not hold an LZ4 block of its length",
        )
    })?;
    if twox_hash::XxHash3_64::oneshot(&payload).to_be_bytes() != envelope.checksum {
        return Err(Error::new(ErrorKind::ChecksumMismatch, "the payload has another checksum"));
    }
    if payload.len() != len {
        return Err(Error::new(ErrorKind::SizeValidationFailed, "the payload has another length"));
    }
    Ok((payload, envelope.format.to_owned()))
}

fn too_large() -> Error {
    Error::new(ErrorKind::InputTooLarge, "envelopes and payloads have at most 512 MiB")
}

/// Four fields in an array, or in a map by their names.
fn decode(bytes: &[u8]) -> Result<Envelope<'_>, Error> {
    let mut reader = Reader::new(bytes);
    let reader = &mut reader;
    match next(reader)? {
        Item::Array(4) => Ok(Envelope {
            compressed: compressed(reader)?,
            checksum: checksum(reader)?,
            len: number(reader)?,
            format: text(reader)?,
        }),
        Item::Map(fields) => {
            let (mut data, mut sum, mut len, mut format) = (None, None, None, None);
            for _ in 0..fields {
                let was_there = match text(reader)? {
                    "compressed_data" => data.replace(compressed(reader)?).is_some(),
                    "checksum" => sum.replace(checksum(reader)?).is_some(),
                    "original_size" => len.replace(number(reader)?).is_some(),
                    "format" => format.replace(text(reader)?).is_some(),
                    _ => {
                        reader.skip(1).map_err(|_| failed())?;
                        false
                    }
                };
                if was_there {
                    return Err(failed());
                }
            }
            let all = (data, sum, len, format);
            let (Some(compressed), Some(checksum), Some(len), Some(format)) = all else {
                return Err(failed());
            };
            Ok(Envelope { compressed, checksum, len, format })
        }
        _ => Err(failed()),
    }
}

fn next<'a>(reader: &mut Reader<'a>) -> Result<Item<'a>, Error> {
    reader.item().map_err(|_| failed())
}

fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Error> {
    match next(reader)? {
        Item::Str(text) => Ok(text),
        _ => Err(failed()),
    }
}

fn number(reader: &mut Reader<'_>) -> Result<u64, Error> {
    match next(reader)? {
        Item::Unsigned(number) => Ok(number),
        Item::Signed(number) => u64::try_from(number).map_err(|_| failed()),
        _ => Err(failed()),
    }
}

fn byte(reader: &mut Reader<'_>) -> Result<u8, Error> {
    u8::try_from(number(reader)?).map_err(|_| failed())
}

/// Older writers have an array of numbers.
fn compressed<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, [u8]>, Error> {
    match next(reader)? {
        Item::Bytes(bytes) => Ok(bytes.into()),
        Item::Str(text) => Ok(text.as_bytes().into()),
        Item::Array(len) => {
            (0..len).map(|_| byte(reader)).collect::<Result<_, _>>().map(Cow::Owned)
        }
        _ => Err(failed()),
    }
}

fn checksum(reader: &mut Reader<'_>) -> Result<[u8; CHECKSUM_LEN], Error> {
    match next(reader)? {
        Item::Bytes(bytes) => bytes.try_into().map_err(|_| failed()),
        Item::Array(8) => {
            let mut sum = [0; CHECKSUM_LEN];
            for slot in &mut sum {
                *slot = byte(reader)?;
            }
            Ok(sum)
        }
        _ => Err(failed()),
    }
}
