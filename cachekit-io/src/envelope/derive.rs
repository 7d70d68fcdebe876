//! The derivation tree, with every label.
//!
//! ```text
//! master key ── HKDF-Extract(salt = "cachekit/seal/v1") ──► root
//! root ── Expand("scope" ‖ len ‖ tenant ‖ len ‖ namespace) ──► scope key        one per tenant and namespace
//! scope key ── Expand("key-id") ──► 16 bytes, in every header
//!           ── Expand("blind") ──► HMAC key of the storage keys
//!           ── Expand("place") ──► 8 bytes, seed of the places
//!           ── Expand("entry") ──► XAES-256-GCM key of all entries
//! entry key ── XAES-256-GCM's derivation, with the nonce ──► AES-256-GCM key of one entry
//! ```
//!
//! No two labels under one key have the same length and the same bytes, so no two purposes share an
//! output.

use super::KeyId;
use super::aead::KEY_LEN;
use super::context::push_part;
use super::keyring::MasterKey;
use super::secret::Secret;
use super::xaes::Xaes;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::convert::Infallible;
use zeroize::{Zeroize as _, Zeroizing, zeroize_stack};

const EXTRACT_SALT: &[u8] = b"cachekit/seal/v1";
const SCOPE: &[u8] = b"scope";
const KEY_ID: &[u8] = b"key-id";
const BLIND: &[u8] = b"blind";
const PLACE: &[u8] = b"place";
const ENTRY: &[u8] = b"entry";

/// Everything that is derived from one master key for one tenant and namespace.
///
/// Every secret has its own allocation, so that moving this leaves no copies behind.
pub(crate) struct ScopeKey {
    pub(crate) id: KeyId,
    entries: Box<Xaes>,
    place: Box<Zeroizing<[u8; 8]>>,
    blind: Box<Hmac<Sha256>>,
}

impl ScopeKey {
    pub(crate) fn derive(master: &MasterKey, tenant: &str, namespace: &str) -> Self {
        let scope = Self::derive_on_the_stack(master, tenant, namespace);
        // The libraries wipe their states, but not the copies that moves left on the stack.
        zeroize_stack::<16384>();
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
        let mut id = KeyId([0; 16]);
        expand(&scope, KEY_ID, &mut id.0);
        let blind = secret(&scope, BLIND);
        let blind = Hmac::new_from_slice(blind.expose()).expect("HMAC takes keys of any length");
        let mut place = Box::new(Zeroizing::new([0; 8]));
        expand(&scope, PLACE, place.as_mut_slice());
        let mut entry = Zeroizing::new([0; KEY_LEN]);
        expand(&scope, ENTRY, entry.as_mut_slice());
        Self { id, entries: Box::new(Xaes::new(&entry)), place, blind: Box::new(blind) }
    }

    /// The seed of the hashes that identify the context of an entry.
    pub(crate) fn place_seed(&self) -> u64 {
        u64::from_be_bytes(**self.place)
    }

    /// Derives the keys of entries.
    pub(crate) fn entries(&self) -> &Xaes {
        &self.entries
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
