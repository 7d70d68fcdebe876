//! AES-256-GCM, from one of three libraries.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(feature = "ring")]
mod ring;
mod rustcrypto;

#[cfg(feature = "aws-lc-rs")]
use self::aws_lc::AwsLc as Chosen;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use self::ring::Ring as Chosen;
#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
use self::rustcrypto::RustCrypto as Chosen;

use aes_gcm::KeyInit as _;
use aes_gcm::aes::cipher::BlockCipherEncrypt as _;
use aes_gcm::aes::{Aes256Enc, Block};
use std::fmt;
use zeroize::zeroize_stack;

const BLOCK_LEN: usize = 16;
/// Stack size below which a cipher of the `aes-gcm` crate leaves no traces: about 2,930 bytes by the frames of a
/// release build, and more without optimization. The crate wipes its ciphers and their parts at their last location,
/// but not at earlier ones.
const SPENT: usize = if cfg!(debug_assertions) { 16 * 1024 } else { 3 * 1024 };
pub(crate) const KEY_LEN: usize = 32;
pub(crate) const NONCE_LEN: usize = 12;
pub(crate) const TAG_LEN: usize = 16;

pub(crate) type Key = [u8; KEY_LEN];
pub(crate) type Nonce = [u8; NONCE_LEN];
pub(crate) type Tag = [u8; TAG_LEN];

/// The AEAD refused: a wrong tag, or more data than it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused;

/// A cipher with its key schedule.
pub(crate) trait Cipher: Send + Sync {
    /// Encrypts in place and returns the tag.
    fn seal(&self, nonce: &Nonce, aad: &[u8], data: &mut [u8]) -> Result<Tag, Refused>;

    /// Checks the tag and decrypts in place. After a refusal, `data` holds nothing useful.
    fn open(&self, nonce: &Nonce, aad: &[u8], data: &mut [u8], tag: &Tag) -> Result<(), Refused>;
}

/// Decrypts the first bytes of a ciphertext, unauthenticated, to find out what is wrong with one whose
/// tag is wrong. The libraries do not expose that, and neither should the caller.
pub(crate) fn decrypt_first(key: &Key, nonce: &Nonce, bytes: &mut [u8; 3 * BLOCK_LEN]) {
    decrypt_on_the_stack(key, nonce, bytes);
    zeroize_stack::<SPENT>();
}

#[inline(never)]
fn decrypt_on_the_stack(key: &Key, nonce: &Nonce, bytes: &mut [u8; 3 * BLOCK_LEN]) {
    let cipher = Aes256Enc::new(key.into());
    let mut stream = [Block::default(); 3];
    // The first block of a message is the second of its counter (NIST SP 800-38D, section 7.1).
    for (block, counter) in stream.iter_mut().zip(2_u32..) {
        block[..NONCE_LEN].copy_from_slice(nonce);
        block[NONCE_LEN..].copy_from_slice(&counter.to_be_bytes());
    }
    cipher.encrypt_blocks(&mut stream);
    for (byte, mask) in bytes.iter_mut().zip(stream.iter().flatten()) {
        *byte ^= mask;
    }
}

/// A library that offers the cipher.
pub(crate) trait Library: Send + Sync {
    fn name(&self) -> &'static str;

    /// A cipher for repeated use.
    fn cipher(&self, key: &Key) -> Box<dyn Cipher>;

    /// Passes on a cipher that is created on the stack, and leaves no traces of it there.
    fn with_cipher(&self, key: &Key, then: Then<'_>) -> Result<(), Refused>;
}

/// What is done with a temporary cipher.
pub(crate) type Then<'a> = &'a mut dyn FnMut(&dyn Cipher) -> Result<(), Refused>;

impl dyn Library {
    /// Seals once under `key`; no allocation for the cipher.
    pub(crate) fn seal(
        &self,
        key: &Key,
        nonce: &Nonce,
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<Tag, Refused> {
        let mut tag = [0; TAG_LEN];
        self.with_cipher(key, &mut |cipher| {
            tag = cipher.seal(nonce, aad, data)?;
            Ok(())
        })?;
        Ok(tag)
    }

    /// Opens once under `key`; no allocation for the cipher.
    pub(crate) fn open(
        &self,
        key: &Key,
        nonce: &Nonce,
        aad: &[u8],
        data: &mut [u8],
        tag: &Tag,
    ) -> Result<(), Refused> {
        self.with_cipher(key, &mut |cipher| cipher.open(nonce, aad, data, tag))
    }
}

/// Which library computes AES-256-GCM. The bytes are the same whichever it is.
///
/// The default is `aws-lc-rs` with the feature of that name, else `ring` with the feature of that name, else `aes-gcm`.
/// Which one is the fastest depends on the processor; `cargo bench -p benches -- seal` names it.
///
/// # Example
///
/// ```
/// use cachekit_io::envelope::Provider;
///
/// assert_eq!(Provider::aes_gcm().name(), "aes-gcm");
/// ```
#[derive(Clone, Copy)]
pub struct Provider(pub(crate) &'static dyn Library);

impl Provider {
    /// The `aes-gcm` crate of the `RustCrypto` project, in Rust alone.
    pub const fn aes_gcm() -> Self {
        Self(&rustcrypto::RustCrypto)
    }

    /// A cipher for repeated use. Wipes the stack where it was created, and where the key came from.
    pub(crate) fn cipher(self, key: &Key) -> Box<dyn Cipher> {
        let cipher = self.0.cipher(key);
        zeroize_stack::<{ 8 * SPENT }>();
        cipher
    }

    /// The name of the crate.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl Default for Provider {
    fn default() -> Self {
        Self(&Chosen)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Provider").field(&self.name()).finish()
    }
}
