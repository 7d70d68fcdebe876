//! The derivation tree once more, straight from the documentation and with the libraries' own HMAC, HKDF, CMAC and
//! XAES-256-GCM: no line of it is shared with what it checks.

use super::*;
use crate::envelope::derive::ScopeKey;
use aes_gcm::aes::Aes256;
use cmac::{Cmac, Mac as _};
use hkdf::Hkdf;
use sha2::Sha256;
use sha2::block_api::compress256;

/// Every secret between a master key and an entry.
pub(super) struct Tree {
    pub(super) root: [u8; 32],
    pub(super) scope: [u8; 32],
    pub(super) key_id: [u8; 16],
    pub(super) blind: [u8; 32],
    pub(super) place: [u8; 8],
    pub(super) entry: [u8; 32],
}

impl Tree {
    pub(super) fn of(master: &MasterKey, tenant: &str, namespace: &str) -> Self {
        let (root, _) = Hkdf::<Sha256>::extract(Some(b"cachekit/seal/v1"), master.expose());
        let mut info = b"scope".to_vec();
        for name in [tenant, namespace] {
            info.extend_from_slice(&u32::try_from(name.len()).unwrap().to_be_bytes());
            info.extend_from_slice(name.as_bytes());
        }
        let scope: [u8; 32] = expand(&root, &info);
        Self {
            root: root.into(),
            key_id: expand(&scope, b"key-id"),
            blind: expand(&scope, b"blind"),
            place: expand(&scope, b"place"),
            entry: expand(&scope, b"entry"),
            scope,
        }
    }

    /// The states that are kept to compute with the HMAC of the storage keys, inner and outer.
    pub(super) fn kept_states(&self) -> [Vec<u8>; 2] {
        let mut key = [0; 64];
        key[..32].copy_from_slice(&self.blind);
        [key.map(|byte| byte ^ 0x36), key.map(|byte| byte ^ 0x5c)].map(|block| state(&block))
    }

    /// The key of AES-256-GCM for one entry: two blocks of SP 800-108's counter mode with CMAC, with the label `X`
    /// and twelve bytes of context.
    pub(super) fn of_entry(&self, nonce: &[u8; 24]) -> [u8; 32] {
        let halves = [1, 2].map(|counter| {
            let mut cmac = <Cmac<Aes256> as cmac::KeyInit>::new(&self.entry.into());
            cmac.update(&[0, counter, b'X', 0]);
            cmac.update(&nonce[..12]);
            cmac.finalize().into_bytes()
        });
        halves.concat().try_into().unwrap()
    }
}

/// What SHA-256 makes of its first block, as it lies in memory.
fn state(block: &[u8; 64]) -> Vec<u8> {
    let mut state = [2, 3, 5, 7, 11, 13, 17, 19].map(fraction_of_root);
    compress256(&mut state, std::slice::from_ref(block));
    state.into_iter().flat_map(u32::to_ne_bytes).collect()
}

/// The first 32 bits of the fraction of a square root: SHA-256 starts from those of eight primes.
fn fraction_of_root(number: u64) -> u32 {
    u32::try_from((u128::from(number) << 64).isqrt() & u128::from(u32::MAX)).unwrap()
}

fn expand<const N: usize>(key: &[u8], info: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(key).unwrap().expand(info, &mut out).unwrap();
    out
}

#[test]
fn the_derivation_is_the_documented_one() {
    let mut cases = Cases::new(17);
    for _ in 0..200 {
        let lens = (1 + cases.below(255), 1 + cases.below(255), cases.below(300));
        let (tenant, namespace) = (cases.text(lens.0), cases.text(lens.1));
        let master = MasterKey::from_bytes(&cases.bytes(32)).unwrap();
        let nonce: [u8; 24] = cases.bytes(24).try_into().unwrap();
        let tree = Tree::of(&master, &tenant, &namespace);
        let scope = ScopeKey::derive(&master, &tenant, &namespace);
        let mut key = [0; 32];
        scope.entries().derive(&nonce, &mut key);
        assert_eq!(key, tree.of_entry(&nonce));
        assert_eq!(scope.id.0, tree.key_id);
        assert_eq!(scope.place_seed(), u64::from_be_bytes(tree.place));
        let logical_key = cases.bytes(lens.2);
        let mut mac = <hmac::Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&tree.blind).unwrap();
        hmac::Mac::update(&mut mac, &logical_key);
        assert_eq!(scope.blind(&logical_key)[..], hmac::Mac::finalize(mac).into_bytes()[..]);
    }
}
