//! The derivation tree, with every label there is.
//!
//! ```text
//! master key ── HKDF-Extract(salt = "cachekit/seal/v1") ──► root
//! root ── Expand("scope" ‖ len ‖ tenant ‖ len ‖ namespace) ──► scope key        one per tenant and namespace
//! scope key ── Expand("key-id") ──► 16 bytes, in every header
//!           ── Expand("blind") ──► HMAC key of the storage keys
//!           ── Expand("place") ──► 16 bytes, key of the place field
//!           ── Expand("data" ‖ salt) ──► AES-256 key of one entry
//!           ── Expand("commit" ‖ salt) ──► commitment of one entry
//! ```
//!
//! Under one key no label is a prefix of another label's input of the same length, so no two
//! purposes share an output.

use super::KeyId;
use super::aead::{KEY_LEN, Key};
use super::context::push_part;
use super::keyring::MasterKey;
use super::layout::{COMMITMENT_LEN, SALT_LEN};
use super::secret::Secret;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::convert::Infallible;
use zeroize::Zeroizing;

const EXTRACT_SALT: &[u8] = b"cachekit/seal/v1";
const SCOPE: &[u8] = b"scope";
const KEY_ID: &[u8] = b"key-id";
const BLIND: &[u8] = b"blind";
const PLACE: &[u8] = b"place";
const DATA: &[u8] = b"data";
const COMMIT: &[u8] = b"commit";

/// Everything one master key gives for one tenant and namespace. The HMAC states are computed once;
/// an entry costs two expansions of one block each.
pub(crate) struct ScopeKey {
    pub(crate) id: KeyId,
    entry: Hkdf<Sha256>,
    blind: Hmac<Sha256>,
    place: Box<Zeroizing<[u8; 16]>>,
}

impl ScopeKey {
    pub(crate) fn derive(master: &MasterKey, tenant: &str, namespace: &str) -> Self {
        let (mut prk, root) = Hkdf::<Sha256>::extract(Some(EXTRACT_SALT), master.expose());
        wipe(&mut prk);
        let mut info = SCOPE.to_vec();
        push_part(&mut info, tenant.as_bytes());
        push_part(&mut info, namespace.as_bytes());
        let scope = secret(&root, &info);
        let entry = Hkdf::from_prk(scope.expose()).expect("32 bytes are enough for HKDF-SHA256");
        let blind = secret(&entry, BLIND);
        let mut id = KeyId([0; 16]);
        expand(&entry, &[KEY_ID], &mut id.0);
        let mut place = Box::new(Zeroizing::new([0; 16]));
        expand(&entry, &[PLACE], place.as_mut_slice());
        let blind = Hmac::new_from_slice(blind.expose()).expect("HMAC takes keys of any length");
        Self { id, entry, blind, place }
    }

    /// The AES-256 key of the entry with this salt.
    pub(crate) fn data_key(&self, salt: &[u8; SALT_LEN]) -> Zeroizing<Key> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        expand(&self.entry, &[DATA, salt], key.as_mut_slice());
        key
    }

    /// What binds the entry with this salt to this very key.
    pub(crate) fn commitment(&self, salt: &[u8; SALT_LEN]) -> [u8; COMMITMENT_LEN] {
        let mut commitment = [0; COMMITMENT_LEN];
        expand(&self.entry, &[COMMIT, salt], &mut commitment);
        commitment
    }

    /// The keyed hash that stands in for a logical key.
    pub(crate) fn blind(&self, logical_key: &[u8]) -> [u8; 32] {
        let mut mac = self.blind.clone();
        mac.update(logical_key);
        mac.finalize().into_bytes().into()
    }

    pub(crate) fn place_key(&self) -> &[u8; 16] {
        &self.place
    }
}

fn secret(from: &Hkdf<Sha256>, info: &[u8]) -> Secret {
    let filled = Secret::fill(KEY_LEN, |bytes| {
        expand(from, &[info], bytes);
        Ok::<_, Infallible>(())
    });
    filled.unwrap_or_else(|never| match never {})
}

fn expand(from: &Hkdf<Sha256>, info: &[&[u8]], out: &mut [u8]) {
    from.expand_multi_info(info, out).expect("at most 32 bytes are asked for");
}

fn wipe(bytes: &mut [u8]) {
    zeroize::Zeroize::zeroize(bytes);
}
