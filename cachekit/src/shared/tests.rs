use std::time::Duration;

use super::codec;
use super::frame::{Frame, HEADER, fingerprint};
use crate::clock::{NEVER, ticks};

fn frame(payload: &[u8]) -> Frame<'_> {
    Frame {
        fingerprint: fingerprint::<u32>(),
        created_ms: 1_000,
        fresh_ms: 500,
        weight: 3,
        payload,
    }
}

#[test]
fn a_frame_reads_back_and_nothing_else_does() {
    let bytes = frame(b"value").encode().unwrap();
    assert_eq!(bytes.len(), HEADER + 5);
    assert_eq!(Frame::decode(&bytes), Some(frame(b"value")));
    for end in 0..bytes.len() {
        assert_eq!(Frame::decode(&bytes[..end]), None, "cut at {end}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Frame::decode(&longer), None);
    for at in (0..6).chain(38..42) {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert_eq!(Frame::decode(&damaged), None, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_frame_is_good_for_its_time() {
    let frame = frame(b"");
    let millis = |n| ticks(Duration::from_millis(n));
    assert_eq!(frame.remaining(1_000), millis(500));
    assert_eq!(frame.remaining(1_499), millis(1));
    assert_eq!(frame.remaining(1_500), 0);
    assert_eq!(frame.remaining(0), millis(500), "a clock ahead of ours");
    assert_eq!(Frame { fresh_ms: 0, ..frame }.remaining(u64::MAX), NEVER);
}

#[test]
fn types_have_fingerprints() {
    assert_ne!(fingerprint::<u32>(), fingerprint::<u64>());
    assert_ne!(fingerprint::<Option<u32>>(), fingerprint::<Vec<u32>>());
}

#[test]
fn values_read_back_whole_or_not_at_all() {
    let bytes = codec::encode(&vec![Some("a".to_owned()), None]).unwrap();
    assert_eq!(
        codec::decode::<Vec<Option<String>>>(&bytes),
        Some(vec![Some("a".to_owned()), None])
    );
    assert_eq!(codec::decode::<u32>(&bytes), None);
    let mut longer = bytes.clone();
    longer.push(0xc0);
    assert_eq!(codec::decode::<Vec<Option<String>>>(&longer), None);
}

#[test]
fn hostile_nesting_and_lengths_are_refused() {
    #[derive(serde::Deserialize)]
    struct Nested {
        #[allow(dead_code)]
        inner: Option<Box<Nested>>,
    }
    // Arrays in arrays: a struct may be written as one.
    assert!(codec::decode::<Nested>(&vec![0x91; 900_000]).is_none());
    // An array that claims 4 billion items.
    assert!(codec::decode::<Vec<u64>>(&[0xdd, 0xff, 0xff, 0xff, 0xff]).is_none());
}
