//! The same bytes from every library.

use super::*;
use crate::envelope::aead::{KEY_LEN, NONCE_LEN};

pub(super) const ALL: &[Provider] = &[
    Provider::aes_gcm(),
    #[cfg(feature = "aws-lc-rs")]
    Provider::aws_lc_rs(),
    #[cfg(feature = "ring")]
    Provider::ring(),
];

#[test]
fn all_providers_write_the_same_bytes() {
    let mut cases = Cases::new(5);
    for _ in 0..1000 {
        let key: [u8; KEY_LEN] = cases.bytes(KEY_LEN).try_into().unwrap();
        let nonce: [u8; NONCE_LEN] = cases.bytes(NONCE_LEN).try_into().unwrap();
        let lens = (cases.below(200), cases.below(2000));
        let (data, value) = (cases.bytes(lens.0), cases.bytes(lens.1));
        let written: Vec<_> = ALL
            .iter()
            .map(|provider| {
                let mut body = value.clone();
                let tag = provider.0.seal(&key, &nonce, &data, &mut body).unwrap();
                let mut again = value.clone();
                let kept = provider.0.cipher(&key);
                assert_eq!(kept.seal(&nonce, &data, &mut again).unwrap(), tag, "{provider:?}");
                assert_eq!(again, body, "{provider:?}");
                (body, tag)
            })
            .collect();
        for (body, tag) in &written {
            assert_eq!((body, tag), (&written[0].0, &written[0].1));
            for provider in ALL {
                let mut copy = body.clone();
                provider.0.open(&key, &nonce, &data, &mut copy, tag).unwrap();
                assert_eq!(copy, value, "{provider:?}");
                let mut copy = body.clone();
                provider.0.cipher(&key).open(&nonce, &data, &mut copy, tag).unwrap();
                assert_eq!(copy, value, "{provider:?}");
                let mut wrong = *tag;
                wrong[usize::from(nonce[0] % 16)] ^= 1 << (nonce[1] % 8);
                let mut copy = body.clone();
                assert!(provider.0.open(&key, &nonce, &data, &mut copy, &wrong).is_err());
                let mut copy = body.clone();
                let kept = provider.0.cipher(&key);
                assert!(kept.open(&nonce, &data, &mut copy, &wrong).is_err(), "{provider:?}");
            }
        }
    }
}

#[test]
fn every_provider_opens_the_entries_of_every_other() {
    for sealing in ALL {
        let entry = sealed(&envelope(1, &[]).provider(*sealing), b"value");
        for opening in ALL {
            let opened = open(&envelope(1, &[]).provider(*opening), &CONTEXT(), &entry);
            assert_eq!(opened, Ok(b"value".to_vec()), "{sealing:?} to {opening:?}");
        }
    }
}
