//! AES-256-GCM by the `ring` crate.

use super::{Cipher, KEY_LEN, Key, Library, Nonce, Provider, Refused, TAG_LEN, Tag, Then};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce as RingNonce, UnboundKey};
use zeroize::{Zeroizing, zeroize_stack};

/// Bytes of stack below which the crate leaves nothing of a key schedule: about 4,720 by the frames of a release build,
/// while a key is made. It wipes nothing itself.
const SPENT: usize = if cfg!(debug_assertions) { 64 * 1024 } else { 8 * 1024 };

pub(super) struct Ring;

impl Provider {
    /// The `ring` crate: C and assembly, and what TLS uses here already. Only with the feature `ring`.
    pub const fn ring() -> Self {
        Self(&Ring)
    }
}

/// The key alone: the crate does not wipe a key schedule where it ends. So it is made for each entry, on the stack, which is
/// wiped.
struct Kept(Zeroizing<Key>);

impl Cipher for Kept {
    fn seal(&self, nonce: &Nonce, aad: &[u8], data: &mut [u8]) -> Result<Tag, Refused> {
        (&Ring as &dyn Library).seal(&self.0, nonce, aad, data)
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], data: &mut [u8], tag: &Tag) -> Result<(), Refused> {
        (&Ring as &dyn Library).open(&self.0, nonce, aad, data, tag)
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
        let mut kept = Box::new(Kept(Zeroizing::new([0; KEY_LEN])));
        kept.0.copy_from_slice(key);
        kept
    }

    fn with_cipher(&self, key: &Key, then: Then<'_>) -> Result<(), Refused> {
        let done = on_the_stack(key, then);
        zeroize_stack::<SPENT>();
        done
    }
}

// The key schedule is on the stack of this one: it must not become part of its caller's.
#[inline(never)]
fn on_the_stack(key: &Key, then: Then<'_>) -> Result<(), Refused> {
    then(&UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| Refused)?)
}
