//! Hiding the length of a value.

use super::EnvelopeError;
use super::error::EnvelopeErrorKind as Kind;

/// The true length, big-endian, at the end of a padded value.
const TRAILER: usize = 4;
/// The smallest padded length: for short values, lengths reveal the most.
const SMALLEST: usize = 64;

/// The longest value one entry holds: 1 GiB, far below what AES-GCM and the length field allow.
pub const MAX_VALUE_LEN: usize = 1 << 30;

/// How the length of a value is hidden from a reader of the entry.
///
/// The true length is inside the encryption. Padding is zeros, so it costs bandwidth and storage.
///
/// # Example
///
/// ```
/// use cachekit_io::envelope::Padding;
///
/// assert_eq!(Padding::None.padded_len(1000), 1000);
/// assert_eq!(Padding::PowerOfTwo.padded_len(1000), 1024);
/// assert_eq!(Padding::Padme.padded_len(100_000), 100_352);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Padding {
    /// The exact length is visible.
    #[default]
    None,
    /// Padmé: at most 12 % longer, less for long values; of a length L about log log L bits are
    /// visible.
    Padme,
    /// The next power of two: at most twice as long; only the magnitude is visible.
    PowerOfTwo,
}

impl Padding {
    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Padme => 1,
            Self::PowerOfTwo => 2,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::None),
            1 => Some(Self::Padme),
            2 => Some(Self::PowerOfTwo),
            _ => None,
        }
    }

    /// How many bytes are encrypted for a value of `len` bytes (at most [`MAX_VALUE_LEN`]).
    ///
    /// # Panics
    ///
    /// If `len` is close to the largest `usize`.
    pub const fn padded_len(self, len: usize) -> usize {
        match self {
            Self::None => len,
            Self::Padme => padme(at_least(len + TRAILER, SMALLEST)),
            Self::PowerOfTwo => at_least(len + TRAILER, SMALLEST).next_power_of_two(),
        }
    }

    /// Extends the value that starts at `start` of the buffer.
    pub(crate) fn pad(self, buffer: &mut Vec<u8>, start: usize) -> Result<(), EnvelopeError> {
        let len = buffer.len() - start;
        if len > MAX_VALUE_LEN {
            return Err(Kind::TooLarge.into());
        }
        if self == Self::None {
            return Ok(());
        }
        let trailer = u32::try_from(len).map_err(|_| EnvelopeError::from(Kind::TooLarge))?;
        buffer.resize(start + self.padded_len(len) - TRAILER, 0);
        buffer.extend_from_slice(&trailer.to_be_bytes());
        Ok(())
    }

    /// The length of the value in its padded form; `None` if no writer pads like this.
    pub(crate) fn unpadded_len(self, padded: &[u8]) -> Option<usize> {
        if self == Self::None {
            return Some(padded.len());
        }
        let (body, trailer) = padded.split_last_chunk::<TRAILER>()?;
        let len = usize::try_from(u32::from_be_bytes(*trailer)).ok()?;
        let fits = len <= body.len() && self.padded_len(len) == padded.len();
        (fits && body[len..].iter().all(|&byte| byte == 0)).then_some(len)
    }
}

const fn at_least(len: usize, smallest: usize) -> usize {
    if len < smallest { smallest } else { len }
}

/// Padmé of `len`, which is at least [`SMALLEST`]: round up to a multiple of a power of two, so that
/// as many leading bits stay as the exponent has bits.
const fn padme(len: usize) -> usize {
    let exponent = len.ilog2();
    let kept = exponent.ilog2() + 1;
    let mask = (1_usize << (exponent - kept)) - 1;
    (len + mask) & !mask
}
