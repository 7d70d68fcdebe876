//! The header of a sealed entry: strict to read, the same bytes for the same fields.
//!
//! | bytes | field |
//! | --- | --- |
//! | 0..4 | magic `C1 43 4B 53`; `C1` is no first byte of any MessagePack document |
//! | 4 | version, 2 |
//! | 5 | suite, 1: HKDF-SHA256, HMAC-SHA256, XAES-256-GCM |
//! | 6 | padding: 0 none, 1 Padmé, 2 powers of two |
//! | 7 | reserved, 0 |
//! | 8..24 | key id |
//! | 24..48 | nonce |
//! | 48..88 | encrypted: zeros, the key commitment |
//! | 88..96 | encrypted: place |
//! | 96.. | encrypted: the padded value, then 16 bytes of tag |
//!
//! Encrypted zeros commit to the key: what AES makes of two counter blocks and half of a third is the same
//! for two keys only if a collision of 320 bits was found. They cost nothing, because the cipher is at
//! work anyway. The place is encrypted, too, and says nothing to a reader without the key.

use super::aead::TAG_LEN;
use super::error::EnvelopeErrorKind as Kind;
use super::padding::Padding;
use super::xaes::LongNonce;
use super::{EnvelopeError, KeyId};
use subtle::ConstantTimeEq as _;

const MAGIC: [u8; 4] = [0xc1, b'C', b'K', b'S'];
const VERSION: u8 = 2;
const SUITE: u8 = 1;

/// Bytes of the readable header.
pub(crate) const CLEAR_LEN: usize = 48;

/// Bytes that are encrypted before the value: zeros, then the place.
pub(crate) const PREAMBLE_LEN: usize = COMMITMENT_LEN + PLACE_LEN;

/// How many of the [`HEADER_LEN`] bytes before the value are sealed like the value itself. The others can be
/// [read](Header::parse) without a key.
pub const SEALED_LEN: usize = PREAMBLE_LEN;

/// Bytes before the encrypted value of a sealed entry: its readable header, and what is encrypted with the
/// value to tell keys and places apart.
pub const HEADER_LEN: usize = CLEAR_LEN + PREAMBLE_LEN;

/// Bytes by which a sealed entry is longer than its unpadded value.
pub const OVERHEAD: usize = HEADER_LEN + TAG_LEN;

pub(crate) const COMMITMENT_LEN: usize = 40;
pub(crate) const PLACE_LEN: usize = 8;

/// What the header of a sealed entry says, readable without any key.
///
/// Nothing in it is authenticated until the entry has been opened.
///
/// # Example
///
/// ```
/// use cachekit_io::envelope::{Context, Envelope, Header, KeySet, Keyring, MasterKey, Padding};
///
/// # fn main() -> Result<(), cachekit_io::envelope::EnvelopeError> {
/// let keyring = Keyring::new(KeySet::new(MasterKey::generate()?, [])?);
/// let envelope = Envelope::new(keyring);
/// let mut entry = Vec::new();
/// envelope.seal(&Context::new("acme", "users", "s1:00"), b"value", &mut entry)?;
///
/// let header = Header::parse(&entry)?;
/// assert_eq!(header.padding(), Padding::None);
/// assert_eq!(header.key_id(), envelope.keyring().key_ids("acme", "users")?[0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    padding: Padding,
    key_id: KeyId,
    pub(crate) nonce: LongNonce,
}

impl Header {
    pub(crate) fn new(padding: Padding, key_id: KeyId, nonce: LongNonce) -> Self {
        Self { padding, key_id, nonce }
    }

    /// Reads the header of an entry.
    ///
    /// # Errors
    ///
    /// [`Downgraded`](Kind::Downgraded) for what is no entry of this format and version,
    /// [`Damaged`](Kind::Damaged) for one that is too short or has fields no writer produces.
    pub fn parse(entry: &[u8]) -> Result<Self, EnvelopeError> {
        let seen = entry.len().min(MAGIC.len());
        if entry[..seen] != MAGIC[..seen] {
            return Err(Kind::Downgraded.into());
        }
        if entry.len() < OVERHEAD {
            return Err(Kind::Damaged.into());
        }
        if entry[4] != VERSION || entry[5] != SUITE {
            return Err(Kind::Downgraded.into());
        }
        let (Some(padding), 0) = (Padding::from_byte(entry[6]), entry[7]) else {
            return Err(Kind::Damaged.into());
        };
        Ok(Self { padding, key_id: KeyId(field(entry, 8)), nonce: field(entry, 24) })
    }

    pub(crate) fn encode(&self) -> [u8; CLEAR_LEN] {
        let mut bytes = [0; CLEAR_LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[5] = SUITE;
        bytes[6] = self.padding.to_byte();
        bytes[8..24].copy_from_slice(&self.key_id.0);
        bytes[24..].copy_from_slice(&self.nonce);
        bytes
    }

    /// How the length was hidden.
    pub fn padding(&self) -> Padding {
        self.padding
    }

    /// Which key sealed it.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }
}

/// What is encrypted before a value.
pub(crate) fn preamble(place: [u8; PLACE_LEN]) -> [u8; PREAMBLE_LEN] {
    let mut bytes = [0; PREAMBLE_LEN];
    bytes[COMMITMENT_LEN..].copy_from_slice(&place);
    bytes
}

/// Whether the key that decrypted this is the one that encrypted it. In constant time.
pub(crate) fn is_committed(preamble: &[u8; PREAMBLE_LEN]) -> bool {
    let words = preamble[..COMMITMENT_LEN].chunks_exact(8);
    let any = words.fold(0, |any, word| any | u64::from_ne_bytes(field(word, 0)));
    any.ct_eq(&0).into()
}

/// The `N` bytes from `start`; the caller has checked the length.
fn field<const N: usize>(entry: &[u8], start: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&entry[start..start + N]);
    bytes
}
