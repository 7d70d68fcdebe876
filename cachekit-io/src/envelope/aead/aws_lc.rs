//! AES-256-GCM by the `aws-lc-rs` crate.

use super::{Cipher, Key, Library, Nonce, Provider, Refused, TAG_LEN, Tag, Then};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce as AwsNonce, UnboundKey};

pub(super) struct AwsLc;

impl Provider {
    /// The `aws-lc-rs` crate: C and assembly. Only with the feature `aws-lc-rs`.
    pub const fn aws_lc_rs() -> Self {
        Self(&AwsLc)
    }
}

fn keyed(key: &Key) -> Result<LessSafeKey, Refused> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| Refused)
}

impl Cipher for LessSafeKey {
    fn seal(&self, nonce: &Nonce, aad: &[u8], data: &mut [u8]) -> Result<Tag, Refused> {
        let nonce = AwsNonce::assume_unique_for_key(*nonce);
        let tag = self.seal_in_place_separate_tag(nonce, Aad::from(aad), data);
        let tag = tag.map_err(|_| Refused)?;
        <[u8; TAG_LEN]>::try_from(tag.as_ref()).map_err(|_| Refused)
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], data: &mut [u8], tag: &Tag) -> Result<(), Refused> {
        let nonce = AwsNonce::assume_unique_for_key(*nonce);
        self.open_in_place_separate_tag(nonce, Aad::from(aad), tag, data)
            .map(|_| ())
            .map_err(|_| Refused)
    }
}

impl Library for AwsLc {
    fn name(&self) -> &'static str {
        "aws-lc-rs"
    }

    fn cipher(&self, key: &Key) -> Box<dyn Cipher> {
        Box::new(keyed(key).expect("every 32 bytes are a key of AES-256"))
    }

    fn with_cipher(&self, key: &Key, then: Then<'_>) -> Result<(), Refused> {
        then(&keyed(key)?)
    }
}
