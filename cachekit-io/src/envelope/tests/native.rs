use super::*;
use crate::envelope::context::AssociatedData;
use crate::envelope::derive::ScopeKey;
use crate::envelope::layout::{COMMITMENT_LEN, PREAMBLE_LEN, preamble};
use crate::envelope::{HEADER_LEN, Header, MAX_VALUE_LEN, OVERHEAD, Padding};
use EnvelopeErrorKind::{Damaged, Downgraded, InvalidContext, Tampered, WrongKey, WrongPlace};
use std::fmt::Write as _;

const PADDINGS: [Padding; 3] = [Padding::None, Padding::Padme, Padding::PowerOfTwo];

#[test]
fn what_was_sealed_opens_whatever_its_length_and_padding() {
    for padding in PADDINGS {
        let envelope = envelope(1, &[]).padding(padding);
        let mut entry = Vec::new();
        for len in (0..300).chain([1023, 1024, 4096, 65_537]) {
            let value = Cases::new(len as u64).bytes(len);
            envelope.seal(&CONTEXT(), &value, &mut entry).unwrap();
            assert_eq!(entry.len(), padding.padded_len(len) + OVERHEAD);
            assert_eq!(Header::parse(&entry).unwrap().padding(), padding);
            assert_eq!(open(&envelope, &CONTEXT(), &entry), Ok(value), "{padding:?} {len}");
        }
    }
}

#[test]
fn every_flipped_bit_is_refused_for_its_reason() {
    for padding in PADDINGS {
        let envelope = envelope(1, &[2]).padding(padding);
        let entry = sealed(&envelope, b"forty-two");
        for bit in 0..entry.len() * 8 {
            let mut changed = entry.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let refused = open(&envelope, &CONTEXT(), &changed).unwrap_err();
            let expected: &[EnvelopeErrorKind] = match bit / 8 {
                0..=5 => &[Downgraded],
                // Another padding is a possible padding, so only the tag notices.
                6 => &[Damaged, Tampered],
                7 => &[Damaged],
                // Id, nonce and commitment; then what is encrypted of the place.
                8..88 => &[WrongKey],
                88..96 => &[WrongPlace],
                _ => &[Tampered],
            };
            assert!(expected.contains(&refused), "byte {}: {refused:?}", bit / 8);
        }
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let envelope = envelope(1, &[]);
    let entry = sealed(&envelope, &[7; 200]);
    for len in 0..entry.len() {
        let expected = if len < OVERHEAD { Damaged } else { Tampered };
        assert_eq!(open(&envelope, &CONTEXT(), &entry[..len]), Err(expected), "cut to {len}");
        // Cut at the front: never the magic again.
        assert!(open(&envelope, &CONTEXT(), &entry[entry.len() - len..]).is_err(), "{len}");
    }
    for extra in 1..64 {
        let longer = [&entry[..], &vec![0; extra]].concat();
        assert_eq!(open(&envelope, &CONTEXT(), &longer), Err(Tampered), "extended by {extra}");
    }
    let twice = [&entry[..], &entry[..]].concat();
    assert_eq!(open(&envelope, &CONTEXT(), &twice), Err(Tampered));
}

#[test]
fn every_part_of_the_context_counts() {
    let envelope = envelope(1, &[]);
    let entry = sealed(&envelope, b"value");
    let right = CONTEXT();
    for (wrong, expected) in [
        (Context { tenant: "acmE", ..right }, WrongKey),
        (Context { namespace: "user", ..right }, WrongKey),
        (Context { key: "s1:01", ..right }, WrongPlace),
        (Context { codec: "bincode", ..right }, WrongPlace),
        (Context { fingerprint: &[1, 2, 4], ..right }, WrongPlace),
        // The same bytes in a row, cut elsewhere.
        (Context { tenant: "acmeu", namespace: "sers", ..right }, WrongKey),
        (Context { key: "s1:00m", codec: "sgpack", ..right }, WrongPlace),
        (Context { codec: "", fingerprint: &[], ..right }, WrongPlace),
    ] {
        assert_eq!(open(&envelope, &wrong, &entry), Err(expected));
    }
    assert_eq!(open(&envelope, &right, &entry), Ok(b"value".to_vec()));
}

#[test]
fn random_swaps_between_entries_are_refused() {
    let envelope = envelope(1, &[2, 3]);
    let mut cases = Cases::new(11);
    for _ in 0..1000 {
        let lens: [usize; 4] = std::array::from_fn(|_| 1 + cases.below(20));
        let [tenant, namespace, key, other] = lens.map(|len| cases.text(len));
        if other == key {
            continue;
        }
        let value_len = cases.below(500);
        let value = cases.bytes(value_len);
        let context = Context::new(&tenant, &namespace, &key);
        let mut entry = Vec::new();
        envelope.seal(&context, &value, &mut entry).unwrap();
        assert_eq!(open(&envelope, &context, &entry), Ok(value));
        let elsewhere = Context::new(&tenant, &namespace, &other);
        assert_eq!(open(&envelope, &elsewhere, &entry), Err(WrongPlace));
        // The header of one entry on the body of another of the same place.
        let mut second = Vec::new();
        envelope.seal(&context, b"another value", &mut second).unwrap();
        second.splice(..HEADER_LEN, entry[..HEADER_LEN].iter().copied());
        assert_eq!(open(&envelope, &context, &second), Err(Tampered));
    }
}

#[test]
fn no_key_opens_what_another_sealed() {
    let old = sealed(&envelope(1, &[]), b"old version");
    let ring = envelope(2, &[]);
    assert_eq!(open(&ring, &CONTEXT(), &old), Err(WrongKey));
    // Not even under the other key's id: the commitment does not fit.
    let mut relabelled = old.clone();
    relabelled[8..24].copy_from_slice(&sealed(&ring, b"")[8..24]);
    assert_eq!(open(&ring, &CONTEXT(), &relabelled), Err(WrongKey));
    // A member of the ring under another member's id.
    let both = envelope(2, &[1]);
    assert_eq!(open(&both, &CONTEXT(), &old), Ok(b"old version".to_vec()));
    assert_eq!(open(&both, &CONTEXT(), &relabelled), Err(WrongKey));
}

#[test]
fn a_valid_tag_without_the_commitment_opens_nothing() {
    // What a holder of the keys can make: an entry whose tag fits, and whose key is not committed to.
    for provider in super::providers::ALL.iter().copied() {
        let (envelope, context) = (envelope(1, &[]).provider(provider), CONTEXT());
        let scope = ScopeKey::derive(&master(1), context.tenant, context.namespace);
        let nonce = [9; 24];
        let header = Header::new(Padding::None, scope.id, nonce).encode();
        let mut data = AssociatedData::new();
        data.fill(&context).unwrap();
        let place = data.place(scope.place_seed());
        let make = |preamble: [u8; PREAMBLE_LEN], data: &[u8]| {
            let mut key = [0; 32];
            scope.entries().derive(&nonce, &mut key);
            let mut body = [&preamble[..], b"value"].concat();
            let tag = provider.0.seal(&key, &[9; 12], data, &mut body).unwrap();
            [&header[..], &body, &tag].concat()
        };
        let data = data.with_header(&header);
        assert_eq!(open(&envelope, &context, &make(preamble(place), data)), Ok(b"value".to_vec()));
        for bit in 0..COMMITMENT_LEN * 8 {
            let mut wrong = preamble(place);
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&envelope, &context, &make(wrong, data)), Err(WrongKey), "bit {bit}");
        }
    }
}

#[test]
fn plaintext_and_foreign_entries_are_downgrades() {
    let envelope = envelope(1, &[]);
    let plain_frame = [&[0xc1, b'C', b'K', b'1', 1, 0][..], &[0; 200]].concat();
    let entry = sealed(&envelope, b"value");
    let mut newer = entry.clone();
    newer[4] = 3;
    for foreign in [&plain_frame[..], &[0x2a; 300], b"{\"json\": true}", b"CK\x03", &[0x81], &newer]
    {
        assert_eq!(open(&envelope, &CONTEXT(), foreign), Err(Downgraded));
    }
    assert_eq!(open(&envelope, &CONTEXT(), b""), Err(Damaged));
}

#[test]
fn a_refused_entry_leaves_no_plaintext_behind() {
    for provider in super::providers::ALL.iter().copied() {
        let envelope = envelope(1, &[]).provider(provider);
        let value = [0x5a; 256];
        let mut entry = sealed(&envelope, &value);
        *entry.last_mut().unwrap() ^= 1;
        envelope.open_in_place(&CONTEXT(), &mut entry).unwrap_err();
        assert!(entry[HEADER_LEN..HEADER_LEN + value.len()].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn names_must_be_there_and_nothing_is_left_to_store_when_they_are_not() {
    let envelope = envelope(1, &[]);
    let long = "x".repeat(256);
    for (tenant, namespace) in [("", "users"), ("acme", ""), (&long[..], "users"), ("acme", &long)]
    {
        let mut entry = b"what was there".to_vec();
        let context = Context::new(tenant, namespace, "key");
        assert_eq!(kind(envelope.seal(&context, b"v", &mut entry)), InvalidContext);
        assert!(entry.is_empty(), "no plaintext to store by mistake");
        assert_eq!(kind(envelope.storage_keys(tenant, namespace, b"key")), InvalidContext);
    }
}

#[test]
fn padding_is_checked_when_read() {
    for padding in [Padding::Padme, Padding::PowerOfTwo] {
        for len in (0..2000).chain([100_000, 1 << 20, (1 << 20) + 1]) {
            let mut buffer = vec![9; 5 + len];
            padding.pad(&mut buffer, 5).unwrap();
            let body = &buffer[5..];
            assert_eq!(body.len(), padding.padded_len(len));
            assert_eq!(padding.unpadded_len(body), Some(len));
            assert!(body.len() <= (2 * (len + 4)).max(64));
        }
        let mut buffer = vec![9; 80];
        padding.pad(&mut buffer, 0).unwrap();
        let trailer = buffer.len() - 4;
        for change in 80..trailer {
            let mut wrong = buffer.clone();
            wrong[change] ^= 1;
            assert_eq!(padding.unpadded_len(&wrong), None, "byte {change}");
        }
        for len in [0, 79, u32::try_from(trailer).unwrap() + 1, u32::MAX] {
            let mut wrong = buffer.clone();
            wrong[trailer..].copy_from_slice(&len.to_be_bytes());
            assert_eq!(padding.unpadded_len(&wrong), None, "length {len}");
        }
        assert_eq!(padding.unpadded_len(&[]), None);
        assert_eq!(padding.unpadded_len(&[0; 3]), None);
    }
    assert!(u32::try_from(Padding::Padme.padded_len(MAX_VALUE_LEN)).is_ok());
    // Padmé never adds more than 12 % to what is above the smallest length.
    for len in 64..20_000 {
        assert!(Padding::Padme.padded_len(len) * 100 <= (len + 4) * 112, "{len}");
    }
}

#[test]
fn storage_keys_are_blind_and_rotate() {
    let old = envelope(1, &[]);
    let new = envelope(2, &[1]);
    let [before] = &old.storage_keys("acme", "users", b"user:42").unwrap()[..] else { panic!() };
    let after = new.storage_keys("acme", "users", b"user:42").unwrap();
    assert_eq!(after.len(), 2);
    assert_eq!(&after[1], before, "the second place to look is where the old key put it");
    assert_ne!(&after[0], before);
    for (tenant, namespace, key) in
        [("acm", "users", "user:42"), ("acme", "user", "user:42"), ("acme", "users", "user:43")]
    {
        assert_ne!(&old.storage_keys(tenant, namespace, key.as_bytes()).unwrap()[0], before);
    }
    assert!(before.strip_prefix("s1:").unwrap().bytes().all(|byte| byte.is_ascii_hexdigit()));

    let readable = old.clone().readable_namespace(true);
    let keys = readable.storage_keys("acme", "users", b"user:42").unwrap();
    assert_eq!(keys[0], format!("ns:users:{before}"));
    for refused in ["a:b", "a.b", "é", &"x".repeat(65)] {
        assert_eq!(kind(readable.storage_keys("acme", refused, b"k")), InvalidContext);
    }
}

#[test]
fn debug_and_errors_show_no_secrets() {
    let ring = envelope(0xab, &[0xcd]);
    let entry = sealed(&ring, b"PLAINTEXT");
    let mut copy = entry.clone();
    let opened = ring.open_in_place(&CONTEXT(), &mut copy).unwrap();
    let mut shown = format!("{ring:?} {:?} {opened:?} {:?}", ring.keyring(), CONTEXT());
    let _ = write!(shown, "{:?} {:?}", master(0xab), KeySet::new(master(0xab), []));
    let mut changed = entry.clone();
    changed[100] ^= 1;
    for wrong in [&changed[..], &entry[..20], b"plain"] {
        let error = ring.open_in_place(&CONTEXT(), &mut wrong.to_vec()).unwrap_err();
        let _ = write!(shown, "{error} {error:?}");
    }
    let error = MasterKey::from_hex(&"ab".repeat(31)).unwrap_err();
    let _ = write!(shown, "{error} {error:?}");
    let lower = shown.to_lowercase();
    for secret in ["abab", "171, 171", "cdcd", "plaintext", "acme", "s1:00"] {
        assert!(!lower.contains(secret), "{secret} in {shown}");
    }
}
