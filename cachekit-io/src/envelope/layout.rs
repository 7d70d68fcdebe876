//! The header of a sealed entry: strict to read, the same bytes for the same fields.
//!
//! | bytes | field |
//! | --- | --- |
//! | 0..4 | magic `C1 43 4B 53`; `C1` is no first byte of any MessagePack document |
//! | 4 | version, 1 |
//! | 5 | suite, 1: HKDF-SHA256, AES-256-GCM |
//! | 6 | padding: 0 none, 1 Padmé, 2 powers of two |
//! | 7 | reserved, 0 |
//! | 8..24 | key id |
//! | 24..56 | salt |
//! | 56..88 | key commitment |
//! | 88..96 | place |
//! | 96.. | ciphertext, then 16 bytes of tag |

use super::aead::TAG_LEN;
use super::error::EnvelopeErrorKind as Kind;
use super::padding::Padding;
use super::{EnvelopeError, KeyId};

const MAGIC: [u8; 4] = [0xc1, b'C', b'K', b'S'];
const VERSION: u8 = 1;
const SUITE: u8 = 1;

/// Bytes before the ciphertext of a sealed entry.
pub const HEADER_LEN: usize = 96;

/// Bytes by which a sealed entry is longer than its unpadded value.
pub const OVERHEAD: usize = HEADER_LEN + TAG_LEN;

pub(crate) const SALT_LEN: usize = 32;
pub(crate) const COMMITMENT_LEN: usize = 32;
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
    pub(crate) salt: [u8; SALT_LEN],
    pub(crate) commitment: [u8; COMMITMENT_LEN],
    pub(crate) place: [u8; PLACE_LEN],
}

impl Header {
    pub(crate) fn new(
        padding: Padding,
        key_id: KeyId,
        salt: [u8; SALT_LEN],
        commitment: [u8; COMMITMENT_LEN],
        place: [u8; PLACE_LEN],
    ) -> Self {
        Self { padding, key_id, salt, commitment, place }
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
        Ok(Self {
            padding,
            key_id: KeyId(field(entry, 8)),
            salt: field(entry, 24),
            commitment: field(entry, 56),
            place: field(entry, 88),
        })
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[5] = SUITE;
        bytes[6] = self.padding.to_byte();
        bytes[8..24].copy_from_slice(&self.key_id.0);
        bytes[24..56].copy_from_slice(&self.salt);
        bytes[56..88].copy_from_slice(&self.commitment);
        bytes[88..].copy_from_slice(&self.place);
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

/// The `N` bytes from `start`; the caller has checked the length.
fn field<const N: usize>(entry: &[u8], start: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&entry[start..start + N]);
    bytes
}
