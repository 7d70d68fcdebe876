//! XAES-256-GCM as others compute it.

use super::*;
use crate::envelope::layout::CLEAR_LEN;
use crate::envelope::tests::tree::Tree;
use crate::envelope::xaes::{Xaes, short};
use twox_hash::XxHash3_64;
use xaes_256_gcm::Xaes256Gcm;
use xaes_256_gcm::aead::{Aead as _, KeyInit as _, Payload};

/// The vectors of the specification, <https://c2sp.org/XAES-256-GCM>: a key where the doubling of CMAC carries, and
/// one where it does not.
#[test]
fn the_specification_s_vectors_hold() {
    let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
    for (byte, data, sealed) in [
        (1, &b""[..], "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (3, b"c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
    ] {
        let mut key = [0; 32];
        Xaes::new(&[byte; 32]).derive(nonce, &mut key);
        for provider in super::providers::ALL.iter().copied() {
            let mut text = *b"XAES-256-GCM";
            let tag = provider.0.seal(&key, &short(nonce), data, &mut text).unwrap();
            assert_eq!(hex::encode([&text[..], &tag].concat()), sealed, "{provider:?}");
        }
    }
}

/// From behind its header, an entry is what any XAES-256-GCM makes.
#[test]
fn another_implementation_opens_entries() {
    let envelope = envelope(1, &[]);
    let mut cases = Cases::new(29);
    for _ in 0..500 {
        let (tenant_len, key_len, len) = (1 + cases.below(30), cases.below(80), cases.below(400));
        let (tenant, key) = (cases.text(tenant_len), cases.text(key_len));
        let value = cases.bytes(len);
        let context = Context::new(&tenant, "users", &key).codec("msgpack");
        let mut entry = Vec::new();
        envelope.seal(&context, &value, &mut entry).unwrap();

        let (header, sealed) = entry.split_at(CLEAR_LEN);
        let mut data = header.to_vec();
        for part in [&tenant[..], "users", &key, "msgpack", ""] {
            data.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data.resize(data.len().next_multiple_of(16), 0);
        let cipher = Xaes256Gcm::new(&Tree::of(&master(1), &tenant, "users").entry.into());
        let nonce: [u8; 24] = header[24..].try_into().unwrap();
        let opened = cipher.decrypt(&nonce.into(), Payload { msg: sealed, aad: &data }).unwrap();
        assert_eq!((&opened[..40], &opened[48..]), (&[0; 40][..], &value[..]));
        // What says where it is cannot be computed without a key.
        assert_ne!(opened[40..48], XxHash3_64::oneshot(&data[CLEAR_LEN..]).to_be_bytes());
    }
}
