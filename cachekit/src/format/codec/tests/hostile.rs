//! Bytes that no writer of ours has written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::net::IpAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{
    Binary, Codec, Encoded, Expr, as_message_pack, decode, encode, expressions, fingerprint,
};
use crate::format::codec::depth::MAX_DEPTH;
use crate::format::codec::{binary, message_pack};
use crate::format::frame::{Frame, FrameContext, HEADER};

/// Decodes as bincode, whatever the trace.
fn read<V: DeserializeOwned + 'static>(bytes: &[u8]) -> Option<V> {
    binary::decode(bytes)
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[test]
fn recursion_ends() {
    assert_eq!(read(&[0]), Some(Chain(None)));
    assert_eq!(read(&[1, 0]), Some(Chain(Some(Box::new(Chain(None))))));
    assert_eq!(read::<Chain>(&vec![1; 1 << 20]), None);
    // Negations of negations, and lists of lists.
    assert_eq!(read::<Expr>(&vec![0; 1 << 20]), None);
    assert_eq!(read::<Expr>(&[2, 1].repeat(1 << 20)), None);

    // Two levels for each: the enum's and the box's content is one more enum.
    let deep = |levels: usize| [vec![0; levels], vec![5]].concat();
    assert!(read::<Expr>(&deep(MAX_DEPTH / 2)).is_some());
    assert!(read::<Expr>(&deep(MAX_DEPTH)).is_none());
}

#[test]
fn lengths_are_no_more_than_the_bytes() {
    // 2^64 - 1 of something, 2^63, 2^32, and a little more than there is.
    for length in [u64::MAX, 1 << 63, 1 << 32, 1 << 20] {
        for tail in [&[][..], &[1; 100]] {
            let bytes = [&[253][..], &length.to_le_bytes(), tail].concat();
            assert_eq!(read::<String>(&bytes), None);
            assert_eq!(read::<Binary>(&bytes), None);
            assert_eq!(read::<Vec<u8>>(&bytes), None);
            assert_eq!(read::<Vec<[u64; 16]>>(&bytes), None);
            assert_eq!(read::<HashMap<u8, u8>>(&bytes), None);
            assert_eq!(read::<HashMap<(), ()>>(&bytes), None);
            assert_eq!(read::<BTreeMap<u8, Vec<u8>>>(&bytes), None);
            // These take no bytes at all.
            assert_eq!(read::<Vec<()>>(&bytes), None);
            assert_eq!(read::<HashSet<()>>(&bytes), None);
            assert_eq!(read::<Vec<[(); 8]>>(&bytes), None);
        }
    }
    // Lists of lists of nothing: each claims little, all together a lot.
    let lists = [vec![251, 0, 1], [251, 0, 16].repeat(256)].concat();
    assert_eq!(read::<Vec<Vec<()>>>(&lists), None);
    assert_eq!(read::<Vec<()>>(&[251, 0, 16]).map(|list| list.len()), Some(4_096));
}

#[test]
fn nothing_may_be_left_over_or_missing() {
    let value = (7_u32, "text".to_owned(), vec![1_u8, 2, 3], Some(expressions()));
    let encoded = encode(&value).unwrap();
    let decoded =
        |bytes: &[u8]| decode::<(u32, String, Vec<u8>, Option<Expr>)>(&encoded.with(bytes));
    assert_eq!(decoded(&encoded.bytes), Some(value));
    for end in 0..encoded.bytes.len() {
        assert_eq!(decoded(&encoded.bytes[..end]), None, "cut at {end}");
    }
    for extra in 0..=u8::MAX {
        assert_eq!(decoded(&[&encoded.bytes[..], &[extra]].concat()), None, "with {extra}");
    }
    // Damage is for the frame to find. What happens to decode here is exactly what was damaged.
    for bit in 0..encoded.bytes.len() * 8 {
        let mut damaged = encoded.bytes.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Some(value) = decoded(&damaged) {
            assert_eq!(encode(&value).unwrap().bytes, damaged, "bit {bit}");
        }
    }
    // The same number, written longer than it would be.
    assert_eq!(read(&[251, 7, 0]), Some(7_u32));
    let seven = encode(&7_u32).unwrap();
    let longer = seven.with(&[251, 7, 0]);
    assert_eq!((decode::<u32>(&seven), decode::<u32>(&longer)), (Some(7), None));
}

#[test]
fn damaged_frames_are_misses_for_every_codec() {
    let context = FrameContext { key: "k", type_name: "Expr" };
    for encoded in [encode(&expressions()), as_message_pack(&expressions())] {
        let encoded = encoded.unwrap();
        let frame = Frame { created_ms: 1, fresh_ms: 1, stale_ms: 0, weight: 1, value: encoded };
        let bytes = frame.encode(context).unwrap();
        let read = |bytes: &[u8]| decode::<Expr>(&Frame::decode(bytes, context)?.value);
        assert_eq!(read(&bytes), Some(expressions()));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&damaged), None, "bit {bit}");
        }
    }
}

#[test]
fn a_stamp_is_for_one_value_and_one_schema() {
    let encoded = encode(&7_u32).unwrap();
    let Encoded { codec, fingerprint: print, trace, .. } = encoded;
    let stamped = |codec, fingerprint, trace| {
        decode::<u32>(&Encoded { codec, fingerprint, trace, bytes: encoded.bytes.clone() })
    };
    assert_eq!(stamped(codec, print, trace), Some(7));
    assert_eq!(stamped(codec, print ^ 1, trace), None);
    assert_eq!(stamped(codec, 0, trace), None);
    assert_eq!(stamped(codec, print, trace ^ 1), None);
    // One byte is the same number to both codecs; the fingerprint belongs to one only.
    let named = as_message_pack(&7_u32).unwrap().trace;
    assert_eq!(stamped(Codec::MessagePack, 0, named), Some(7));
    assert_eq!(stamped(Codec::MessagePack, print, named), None);
}

#[test]
fn what_is_encoded_shows_no_values() {
    let encoded = encode(&"secret".to_owned()).unwrap();
    for shown in [format!("{encoded:?}"), format!("{:?}", encoded.with(&encoded.bytes))] {
        assert!(!shown.contains("secret") && !shown.contains("115"), "{shown}");
    }
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// Bytes such as formats have: small numbers, markers, lengths, and anything.
    fn bytes(&mut self) -> Vec<u8> {
        let length = self.below(80);
        let mut byte = || match self.below(4) {
            0 => self.below(4),
            1 => 250 + self.below(6),
            2 => 0x80 + self.below(0x60),
            _ => self.below(256),
        };
        (0..length).map(|_| u8::try_from(byte()).unwrap()).collect()
    }
}

/// Whatever decodes has to encode to something that decodes to the same.
fn try_as<V: Serialize + DeserializeOwned + Debug + 'static>(bytes: &[u8]) -> bool {
    let values = [binary::decode::<V>(bytes), message_pack::decode::<V>(bytes)];
    for value in values.iter().flatten() {
        let encoded = encode(value).unwrap();
        let again = decode::<V>(&encoded).map(|value| format!("{value:?}"));
        // What has no order may have another one.
        assert_eq!(again.map(|text| text.len()), Some(format!("{value:?}").len()));
    }
    values.iter().any(Option::is_some)
}

#[test]
fn random_bytes_are_decoded_or_not() {
    let mut random = Random(1);
    let mut decoded = [0; 8];
    for _ in 0..20_000 {
        let bytes = random.bytes();
        let outcomes = [
            try_as::<String>(&bytes),
            try_as::<Vec<Option<u16>>>(&bytes),
            try_as::<HashMap<u8, Vec<u8>>>(&bytes),
            try_as::<(u8, u64, i128)>(&bytes),
            try_as::<Expr>(&bytes),
            try_as::<IpAddr>(&bytes),
            try_as::<Vec<(char, bool)>>(&bytes),
            try_as::<Binary>(&bytes),
        ];
        for (count, outcome) in decoded.iter_mut().zip(outcomes) {
            *count += usize::from(outcome);
        }
    }
    assert!(decoded.iter().all(|count| *count > 0), "the bytes reach every type: {decoded:?}");
}

#[test]
fn random_bytes_are_no_frames() {
    let mut random = Random(2);
    let context = FrameContext { key: "k", type_name: "u32" };
    let bytes = vec![7; 5_000].into();
    let value = Encoded { codec: Codec::Bincode, fingerprint: 1, trace: 1, bytes };
    let frame = Frame { created_ms: 1, fresh_ms: 1, stale_ms: 0, weight: 1, value };
    let real = frame.encode(context).unwrap();
    for _ in 0..20_000 {
        assert_eq!(Frame::decode(&random.bytes(), context), None);
        // As close as one can get: the checksum is right, the rest was shuffled.
        let mut bytes = real.clone();
        for _ in 0..=random.below(4) {
            let at =
                if random.below(2) == 0 { random.below(HEADER) } else { random.below(real.len()) };
            bytes[at] = u8::try_from(random.below(256)).unwrap();
        }
        bytes.truncate(HEADER + random.below(real.len() - HEADER + 8));
        let length = u32::try_from(bytes.len().saturating_sub(HEADER)).unwrap();
        if random.below(2) == 0 {
            bytes[66..70].copy_from_slice(&length.to_be_bytes());
        }
        crate::format::frame::sign(&mut bytes, context);
        if let Some(frame) = Frame::decode(&bytes, context) {
            assert!(frame.value.bytes.len() <= 255 * bytes.len());
            assert_eq!(decode::<Vec<u64>>(&frame.value), None);
        }
    }
    assert_ne!(fingerprint::<Vec<u64>>(), Some(1));
}
