//! AES-256-GCM by the `aes-gcm` crate.

use super::{Cipher, Key, Library, Nonce, Refused, SPENT, Tag, Then};
use aes_gcm::aead::AeadInOut as _;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use zeroize::zeroize_stack;

pub(super) struct RustCrypto;

impl Cipher for Aes256Gcm {
    fn seal(&self, nonce: &Nonce, aad: &[u8], data: &mut [u8]) -> Result<Tag, Refused> {
        let tag = self.encrypt_inout_detached(nonce.into(), aad, InOutBuf::from(data));
        tag.map(Into::into).map_err(|_| Refused)
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], data: &mut [u8], tag: &Tag) -> Result<(), Refused> {
        self.decrypt_inout_detached(nonce.into(), aad, InOutBuf::from(data), tag.into())
            .map_err(|_| Refused)
    }
}

impl Library for RustCrypto {
    fn name(&self) -> &'static str {
        "aes-gcm"
    }

    fn cipher(&self, key: &Key) -> Box<dyn Cipher> {
        boxed(key)
    }

    fn with_cipher(&self, key: &Key, then: Then<'_>) -> Result<(), Refused> {
        let done = on_the_stack(key, then);
        zeroize_stack::<SPENT>();
        done
    }
}

// Ciphers are moved from the stack of these two functions, which must not be inlined into their
// callers.

#[inline(never)]
fn boxed(key: &Key) -> Box<Aes256Gcm> {
    Box::new(Aes256Gcm::new(key.into()))
}

#[inline(never)]
fn on_the_stack(key: &Key, then: Then<'_>) -> Result<(), Refused> {
    then(&Aes256Gcm::new(key.into()))
}
