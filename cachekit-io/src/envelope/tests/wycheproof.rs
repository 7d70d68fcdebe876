//! Project Wycheproof's vectors, against the primitives as they are used here.

use super::providers::ALL;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wycheproof::{aead, hkdf as kdf, mac};

#[test]
fn aes_gcm() {
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let mut run = 0;
    for group in set.test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in group.tests {
            let key = test.key[..].try_into().unwrap();
            let nonce = test.nonce[..].try_into().unwrap();
            for provider in ALL {
                let mut body = test.pt.to_vec();
                let tag = provider.0.seal(key, nonce, &test.aad, &mut body).unwrap();
                let same = body == test.ct[..] && tag == test.tag[..];
                assert_eq!(same, !test.result.must_fail(), "{provider:?} {}", test.tc_id);

                let mut body = test.ct.to_vec();
                let tag = test.tag[..].try_into().unwrap();
                let opened = provider.0.open(key, nonce, &test.aad, &mut body, tag).is_ok();
                assert_eq!(opened, !test.result.must_fail(), "{provider:?} {}", test.tc_id);
                assert!(!opened || body == test.pt[..]);
            }
            run += 1;
        }
    }
    assert!(run >= 60, "only {run} vectors for this key size were found");
}

#[test]
fn hkdf_sha256() {
    let set = kdf::TestSet::load(kdf::TestName::HkdfSha256).unwrap();
    let mut run = 0;
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let mut okm = vec![0; test.size];
        let derived = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut okm);
        assert_eq!(derived.is_ok(), !test.result.must_fail(), "{}", test.tc_id);
        assert!(derived.is_err() || okm == test.okm[..], "{}", test.tc_id);
        run += 1;
    }
    assert!(run >= 80, "only {run} vectors were found");
}

#[test]
fn hmac_sha256() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut run = 0;
    for group in set.test_groups {
        for test in group.tests {
            let mut mac = Hmac::<Sha256>::new_from_slice(&test.key).unwrap();
            mac.update(&test.msg);
            let same = mac.finalize().into_bytes()[..group.tag_size / 8] == test.tag[..];
            assert_eq!(same, !test.result.must_fail(), "{}", test.tc_id);
            run += 1;
        }
    }
    assert!(run >= 100, "only {run} vectors were found");
}
