use std::time::Duration;

use super::frame::{Frame, HEADER, Place};
use crate::clock::{NEVER, ticks};

fn frame(payload: &[u8]) -> Frame<'_> {
    Frame { created_ms: 1_000, fresh_ms: 500, weight: 3, trace: 9, payload }
}

#[test]
fn a_frame_reads_back_and_nothing_else_does() {
    let place = Place { key: "k", type_name: "u32" };
    let bytes = frame(b"value").encode(place).unwrap();
    assert_eq!(bytes.len(), HEADER + 5);
    assert_eq!(Frame::decode(&bytes, place), Some(frame(b"value")));
    assert_eq!(Frame::decode(&bytes, Place { key: "l", ..place }), None);
    assert_eq!(Frame::decode(&bytes, Place { type_name: "u64", ..place }), None);
    for end in 0..bytes.len() {
        assert_eq!(Frame::decode(&bytes[..end], place), None, "cut at {end}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Frame::decode(&longer, place), None);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert_eq!(Frame::decode(&damaged, place), None, "bit {bit} of byte {at}");
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
