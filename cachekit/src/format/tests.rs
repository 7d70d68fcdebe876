use std::borrow::Cow;

use super::encoded::{Codec, Encoded};
use super::frame::{Frame, FrameContext, HEADER, MAX_VALUE};

const PLACE: FrameContext<'static> = FrameContext { key: "k", type_name: "u32" };

fn frame(payload: &[u8]) -> Frame<'_> {
    Frame {
        created_ms: 1_000,
        fresh_ms: 500,
        stale_ms: 250,
        weight: 3,
        value: Encoded {
            codec: Codec::Bincode,
            fingerprint: 8,
            trace: 9,
            bytes: Cow::Borrowed(payload),
        },
    }
}

/// Compressible, but not to nothing.
fn large() -> Vec<u8> {
    (0..2_000_u32).flat_map(|n| format!("row {}, ", n * n).into_bytes()).collect()
}

/// No change of a single bit, no cut and no addition is read, as anything.
#[track_caller]
fn is_strict(bytes: &[u8], bits: impl Iterator<Item = usize>) {
    assert!(Frame::decode(bytes, PLACE).is_some());
    assert_eq!(Frame::decode(bytes, FrameContext { key: "l", ..PLACE }), None);
    assert_eq!(Frame::decode(bytes, FrameContext { type_name: "u64", ..PLACE }), None);
    let mut damaged = bytes.to_vec();
    for bit in bits {
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Frame::decode(&damaged, PLACE), None, "bit {bit}");
        damaged[bit / 8] ^= 1 << (bit % 8);
        let end = bit / 8;
        assert_eq!(Frame::decode(&bytes[..end], PLACE), None, "cut at {end}");
    }
    for extra in 0..=u8::MAX {
        damaged.push(extra);
        assert_eq!(Frame::decode(&damaged, PLACE), None, "with {extra}");
        damaged.pop();
    }
    assert!(Frame::decode(&damaged, PLACE).is_some());
}

#[test]
fn a_frame_reads_back_and_nothing_else_does() {
    let bytes = frame(b"value").encode(PLACE).unwrap();
    assert_eq!(bytes.len(), HEADER + 5);
    assert_eq!(Frame::decode(&bytes, PLACE), Some(frame(b"value")));
    is_strict(&bytes, 0..bytes.len() * 8);

    let bytes = Cow::Borrowed(&b""[..]);
    let value = Encoded { codec: Codec::MessagePack, fingerprint: 0, trace: 1, bytes };
    let other = Frame { value, stale_ms: 0, fresh_ms: 0, ..frame(b"") };
    let bytes = other.encode(PLACE).unwrap();
    assert_eq!(Frame::decode(&bytes, PLACE), Some(other));
    is_strict(&bytes, 0..bytes.len() * 8);
}

#[test]
fn a_compressed_frame_reads_back_and_nothing_else_does() {
    let payload = large();
    let bytes = frame(&payload).encode(PLACE).unwrap();
    assert!(bytes.len() < payload.len() * 7 / 8);
    assert_eq!(Frame::decode(&bytes, PLACE), Some(frame(&payload)));
    is_strict(&bytes, (0..HEADER * 8).chain((HEADER * 8..bytes.len() * 8).step_by(97)));

    let bytes = frame(&payload).encode_to_seal(0, PLACE).unwrap();
    assert_eq!(bytes.len(), HEADER + payload.len());
    assert_eq!(bytes[HEADER..], payload);
    assert_eq!(Frame::decode(&bytes, PLACE), Some(frame(&payload)));
}

#[test]
fn only_what_gets_smaller_is_compressed() {
    let length = |payload: &[u8]| {
        let bytes = frame(payload).encode(PLACE).unwrap();
        assert_eq!(Frame::decode(&bytes, PLACE), Some(frame(payload)));
        bytes.len() - HEADER
    };
    assert_eq!(length(&[0; 4_095]), 4_095, "short");
    assert!(length(&[0; 4_096]) < 100);
    let mut noise = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.to_be_bytes()[0]
    })
    .take(10_000)
    .collect();
    assert_eq!(length(&noise), 10_000);
    // As much as LZ4 can do is still within the ratio.
    assert!(length(&vec![0; 4 << 20]) < (4 << 20) / 200);
}

#[test]
fn what_is_too_large_is_not_written() {
    let mut payload = vec![0; MAX_VALUE + 1];
    assert_eq!(frame(&payload).encode(PLACE), None);
    payload.pop();
    let bytes = frame(&payload).encode(PLACE).unwrap();
    assert_eq!(Frame::decode(&bytes, PLACE).unwrap().value.bytes.len(), MAX_VALUE);
}

/// A frame that was made like this, checksum and all: any writer could.
fn forged(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Option<Frame<'static>> {
    let mut bytes = bytes.to_vec();
    change(&mut bytes);
    super::frame::sign(&mut bytes, PLACE);
    let frame = Frame::decode(&bytes, PLACE)?;
    let value = Encoded { bytes: Cow::Owned(frame.value.bytes.to_vec()), ..frame.value };
    Some(Frame { value, ..frame })
}

#[test]
fn frames_that_contradict_themselves_are_refused() {
    let plain = frame(b"value").encode(PLACE).unwrap();
    assert_eq!(forged(&plain, |_| ()), Some(frame(b"value")));
    assert_eq!(forged(&plain, |b| b[3] = b'3'), None, "the format before");
    for codec in (0..=u8::MAX).filter(|codec| *codec != 2) {
        assert_eq!(forged(&plain, |b| b[4] = codec), None, "codec {codec}");
    }
    for flags in 1..=u8::MAX {
        assert_eq!(forged(&plain, |b| b[5] = flags), None, "flags {flags}");
    }
    assert_eq!(forged(&plain, |b| b[14..22].fill(0)), None, "bincode without a fingerprint");
    assert_eq!(forged(&plain, |b| b[38..46].fill(0)), None, "never stale, then stale");
    for length in [0_u32, 4, 6, u32::MAX] {
        let lie = |b: &mut Vec<u8>| b[62..66].copy_from_slice(&length.to_be_bytes());
        assert_eq!(forged(&plain, lie), None, "{length} bytes");
        let lie = |b: &mut Vec<u8>| b[66..70].copy_from_slice(&length.to_be_bytes());
        assert_eq!(forged(&plain, lie), None, "{length} bytes stored");
    }
    assert!(forged(&plain, |b| b.push(0)).is_none());

    let payload = large();
    let packed = frame(&payload).encode(PLACE).unwrap();
    assert_eq!(forged(&packed, |_| ()), Some(frame(&payload)));
    let stored = packed.len() - HEADER;
    // Also the largest that could be true.
    let lengths = [0, 1, stored, payload.len() - 1, payload.len() + 1, stored * 255, MAX_VALUE];
    for length in lengths.into_iter().chain([MAX_VALUE + 1, u32::MAX as usize]) {
        let length = u32::try_from(length).unwrap().to_be_bytes();
        assert_eq!(forged(&packed, |b| b[62..66].copy_from_slice(&length)), None);
    }
    assert_eq!(forged(&packed, |b| b[5] = 0), None, "the block is not the value");
    assert_eq!(forged(&packed, |b| b[5] = 0x81), None, "sealed");
}

#[test]
fn frames_show_no_values() {
    let shown = format!("{:?}", frame(b"secret"));
    assert!(shown.contains("length: 6") && !shown.contains("115"), "{shown}");
}
