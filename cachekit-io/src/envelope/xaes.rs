//! The key half of XAES-256-GCM: from a key and a nonce of 24 bytes, a single-use key for AES-256-GCM.
//!
//! The source is <https://c2sp.org/XAES-256-GCM>; it is the counter mode of NIST SP 800-108 with CMAC, for one block.
//! The last twelve bytes of the nonce are AES-256-GCM's.

use super::aead::{Key, Nonce};
use aes_gcm::KeyInit as _;
use aes_gcm::aes::cipher::BlockCipherEncrypt as _;
use aes_gcm::aes::{Aes256Enc, Block};
use zeroize::{Zeroize as _, Zeroizing};

pub(crate) const LONG_NONCE_LEN: usize = 24;

/// A nonce of XAES-256-GCM.
pub(crate) type LongNonce = [u8; LONG_NONCE_LEN];

/// Half of a key, and the block size of AES.
const BLOCK_LEN: usize = 16;

/// A key of XAES-256-GCM, ready for many entries. Do not move it: moving leaves a copy.
pub(crate) struct Xaes {
    /// Wipes its key schedule when it is dropped.
    cipher: Aes256Enc,
    /// CMAC's key for whole blocks.
    subkey: Zeroizing<[u8; BLOCK_LEN]>,
}

impl Xaes {
    pub(crate) fn new(key: &Key) -> Self {
        let cipher = Aes256Enc::new(key.into());
        let mut block = Block::default();
        cipher.encrypt_block(&mut block);
        let mut subkey = Zeroizing::new([0; BLOCK_LEN]);
        *subkey = double(u128::from_be_bytes(block.0)).to_be_bytes();
        block.as_mut_slice().zeroize();
        Self { cipher, subkey }
    }

    /// Writes the key of AES-256-GCM for this nonce to `key`.
    #[inline]
    pub(crate) fn derive(&self, nonce: &LongNonce, key: &mut Key) {
        let mut blocks = [Block::default(); 2];
        for (counter, block) in (1..).zip(&mut blocks) {
            block[..4].copy_from_slice(&[0, counter, b'X', 0]);
            block[4..].copy_from_slice(&nonce[..12]);
            let masked = u128::from_ne_bytes(block.0) ^ u128::from_ne_bytes(*self.subkey);
            block.copy_from_slice(&masked.to_ne_bytes());
        }
        self.cipher.encrypt_blocks(&mut blocks);
        for (half, block) in key.chunks_exact_mut(BLOCK_LEN).zip(&mut blocks) {
            half.copy_from_slice(block);
            block.as_mut_slice().zeroize();
        }
    }
}

/// Doubles a number in the field of CMAC (NIST SP 800-38B, section 6.1), without a branch on it.
fn double(number: u128) -> u128 {
    (number << 1) ^ ((number >> 127) * 0x87)
}

/// AES-256-GCM's part of the nonce.
pub(crate) fn short(nonce: &LongNonce) -> Nonce {
    let mut short = [0; 12];
    short.copy_from_slice(&nonce[12..]);
    short
}
