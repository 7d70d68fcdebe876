//! The derivation tree, with every label there is.
//!
//! ```text
//! master key ── HKDF-Extract(salt = "cachekit/seal/v1") ──► root
//! root ── Expand("scope" ‖ len ‖ tenant ‖ len ‖ namespace) ──► scope key        one per tenant and namespace
//! scope key ── Expand("key-id") ──► 8 bytes, in every header
//!           ── Expand("blind") ──► HMAC key of the storage keys
//!           ── Expand("entry") ──► 60 bytes, the secret Z of all entries
//! Z ── SHA-256(00000001 ‖ Z ‖ "data" ‖ salt) ──► AES-256 key of one entry
//! ```
//!
//! No two labels under one key have the same length and the same bytes, so no two purposes share an
//! output. The last step is the one-step key derivation of NIST SP 800-56C. With its counter, Z fills
//! the first block of SHA-256: what that block makes of the hash is computed once for a scope, and
//! an entry costs one compression.

use super::KeyId;
use super::aead::{KEY_LEN, Key};
use super::context::push_part;
use super::keyring::MasterKey;
use super::layout::SALT_LEN;
use super::secret::Secret;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sha2::block_api::compress256;
use std::convert::Infallible;
use zeroize::{Zeroize as _, Zeroizing, zeroize_stack};

const EXTRACT_SALT: &[u8] = b"cachekit/seal/v1";
const SCOPE: &[u8] = b"scope";
const KEY_ID: &[u8] = b"key-id";
const BLIND: &[u8] = b"blind";
const ENTRY: &[u8] = b"entry";
const DATA: &[u8] = b"data";

/// Bytes that SHA-256 takes at once.
const BLOCK_LEN: usize = 64;
/// Bytes in the last block of an entry's derivation, before the hash's padding.
const LAST_LEN: usize = DATA.len() + SALT_LEN;
/// The counter of the one-step derivation; one hash gives all that is wanted.
const COUNTER: [u8; 4] = [0, 0, 0, 1];
/// What a new SHA-256 starts from (FIPS 180-4, section 5.3.3).
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Everything one master key gives for one tenant and namespace.
///
/// Every secret has an allocation of its own, so that moving this leaves no copies behind.
pub(crate) struct ScopeKey {
    pub(crate) id: KeyId,
    /// SHA-256 after the block with the secret of the entries.
    entry: Box<Zeroizing<[u32; 8]>>,
    blind: Box<Hmac<Sha256>>,
}

impl ScopeKey {
    pub(crate) fn derive(master: &MasterKey, tenant: &str, namespace: &str) -> Self {
        let scope = Self::derive_on_the_stack(master, tenant, namespace);
        // The libraries wipe their states, and not what moving them left on the stack.
        zeroize_stack::<4096>();
        scope
    }

    #[inline(never)]
    fn derive_on_the_stack(master: &MasterKey, tenant: &str, namespace: &str) -> Self {
        let (mut prk, root) = Hkdf::<Sha256>::extract(Some(EXTRACT_SALT), master.expose());
        prk.as_mut_slice().zeroize();
        let mut info = SCOPE.to_vec();
        push_part(&mut info, tenant.as_bytes());
        push_part(&mut info, namespace.as_bytes());
        let scope = secret(&root, &info);
        let scope =
            Hkdf::<Sha256>::from_prk(scope.expose()).expect("32 bytes are enough for HKDF-SHA256");
        let mut id = KeyId([0; 8]);
        expand(&scope, KEY_ID, &mut id.0);
        let blind = secret(&scope, BLIND);
        let blind = Hmac::new_from_slice(blind.expose()).expect("HMAC takes keys of any length");
        let mut block = Zeroizing::new([0; BLOCK_LEN]);
        block[..COUNTER.len()].copy_from_slice(&COUNTER);
        expand(&scope, ENTRY, &mut block[COUNTER.len()..]);
        let mut entry = Box::new(Zeroizing::new(START));
        compress256(&mut entry, std::slice::from_ref(&*block));
        Self { id, entry, blind: Box::new(blind) }
    }

    /// Writes the AES-256 key of the entry with this salt to `key`.
    pub(crate) fn entry(&self, salt: &[u8; SALT_LEN], key: &mut Key) {
        let mut block = [0; BLOCK_LEN];
        block[..DATA.len()].copy_from_slice(DATA);
        block[DATA.len()..LAST_LEN].copy_from_slice(salt);
        // The padding of FIPS 180-4, section 5.1.1: a bit, and how many there were.
        block[LAST_LEN] = 0x80;
        let bits = 8 * (BLOCK_LEN + LAST_LEN) as u64;
        block[BLOCK_LEN - 8..].copy_from_slice(&bits.to_be_bytes());
        // Copied into place: a copy on the way would not be wiped.
        let mut state = Zeroizing::new([0; 8]);
        state.copy_from_slice(&**self.entry);
        compress256(&mut state, std::slice::from_ref(&block));
        for (bytes, word) in key.chunks_exact_mut(4).zip(&*state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
    }

    /// The keyed hash that stands in for a logical key.
    pub(crate) fn blind(&self, logical_key: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::clone(&self.blind);
        mac.update(logical_key);
        mac.finalize().into_bytes().into()
    }
}

fn secret(from: &Hkdf<Sha256>, info: &[u8]) -> Secret {
    let filled = Secret::fill(KEY_LEN, |bytes| {
        expand(from, info, bytes);
        Ok::<_, Infallible>(())
    });
    filled.unwrap_or_else(|never| match never {})
}

fn expand(from: &Hkdf<Sha256>, info: &[u8], out: &mut [u8]) {
    from.expand(info, out).expect("at most 60 bytes are asked for");
}
