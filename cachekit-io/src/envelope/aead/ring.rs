//! AES-256-GCM by the `ring` crate.

use super::{Cipher, KEY_LEN, Key, Library, Nonce, Provider, Refused, TAG_LEN, Tag, Then};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce as RingNonce, UnboundKey};
use std::hint::black_box;
use zeroize::zeroize_stack;

/// Stack size below which the crate leaves no traces of a key schedule: about 4,720 bytes by the frames of a release
/// build, while a key is created. It wipes nothing itself.
const SPENT: usize = if cfg!(debug_assertions) { 64 * 1024 } else { 8 * 1024 };

pub(super) struct Ring;

impl Provider {
    /// The `ring` crate: C and assembly; TLS already uses it here. Only with the feature `ring`.
    pub const fn ring() -> Self {
        Self(&Ring)
    }
}

/// A cipher for repeated use. The crate does not wipe a dropped key schedule, so another one overwrites it: that of a
/// key that is not secret.
struct Kept(LessSafeKey);

impl Drop for Kept {
    fn drop(&mut self) {
        if let Ok(public) = keyed(&[0; KEY_LEN]) {
            self.0 = public;
        }
        // No code reads it any more. The compiler must not remove the line above for that reason.
        black_box(&mut self.0);
    }
}

impl Cipher for Kept {
    fn seal(&self, nonce: &Nonce, aad: &[u8], data: &mut [u8]) -> Result<Tag, Refused> {
        self.0.seal(nonce, aad, data)
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], data: &mut [u8], tag: &Tag) -> Result<(), Refused> {
        self.0.open(nonce, aad, data, tag)
    }
}

impl Cipher for LessSafeKey {
    fn seal(&self, nonce: &Nonce, aad: &[u8], data: &mut [u8]) -> Result<Tag, Refused> {
        let nonce = RingNonce::assume_unique_for_key(*nonce);
        let tag = self.seal_in_place_separate_tag(nonce, Aad::from(aad), data);
        let tag = tag.map_err(|_| Refused)?;
        <[u8; TAG_LEN]>::try_from(tag.as_ref()).map_err(|_| Refused)
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], data: &mut [u8], tag: &Tag) -> Result<(), Refused> {
        let nonce = RingNonce::assume_unique_for_key(*nonce);
        self.open_in_place_separate_tag(nonce, Aad::from(aad), (*tag).into(), data, 0..)
            .map(|_| ())
            .map_err(|_| Refused)
    }
}

impl Library for Ring {
    fn name(&self) -> &'static str {
        "ring"
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

fn keyed(key: &Key) -> Result<LessSafeKey, Refused> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| Refused)
}

// The key schedules are on the stack of these two functions, which must not be inlined into their callers.

#[inline(never)]
fn boxed(key: &Key) -> Box<Kept> {
    Box::new(Kept(keyed(key).expect("every 32 bytes are a key of AES-256")))
}

#[inline(never)]
fn on_the_stack(key: &Key, then: Then<'_>) -> Result<(), Refused> {
    then(&keyed(key)?)
}
