//! AES-256-GCM by the `aes-gcm` crate.

use super::{Cipher, Key, Library, Nonce, Refused, SPENT, Tag};
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

    fn seal(&self, key: &Key, nonce: &Nonce, aad: &[u8], data: &mut [u8]) -> Result<Tag, Refused> {
        let tag = seal_once(key, nonce, aad, data);
        zeroize_stack::<SPENT>();
        tag
    }

    fn open(
        &self,
        key: &Key,
        nonce: &Nonce,
        aad: &[u8],
        data: &mut [u8],
        tag: &Tag,
    ) -> Result<(), Refused> {
        let opened = open_once(key, nonce, aad, data, tag);
        zeroize_stack::<SPENT>();
        opened
    }
}

// Where the ciphers were before they came to their place is the stack of these three: it must not become part of their
// callers'.

#[inline(never)]
fn boxed(key: &Key) -> Box<Aes256Gcm> {
    Box::new(Aes256Gcm::new(key.into()))
}

#[inline(never)]
fn seal_once(key: &Key, nonce: &Nonce, aad: &[u8], data: &mut [u8]) -> Result<Tag, Refused> {
    Aes256Gcm::new(key.into()).seal(nonce, aad, data)
}

#[inline(never)]
fn open_once(
    key: &Key,
    nonce: &Nonce,
    aad: &[u8],
    data: &mut [u8],
    tag: &Tag,
) -> Result<(), Refused> {
    Aes256Gcm::new(key.into()).open(nonce, aad, data, tag)
}
