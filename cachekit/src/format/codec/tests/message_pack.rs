use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::{self, Debug};
use std::time::Duration;

use serde::de::{Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::{Binary, Codec, DeserializeOwned, Encoded};
use crate::format::codec::depth::{Limited, MAX_DEPTH};
use crate::format::codec::{self, trace};

/// A value's bytes and its trace.
fn encode<V: Serialize + DeserializeOwned + 'static>(value: &V) -> Option<(Vec<u8>, u64)> {
    let encoded = codec::as_message_pack(value)?;
    assert_eq!((encoded.codec, encoded.fingerprint), (Codec::MessagePack, 0));
    Some((encoded.bytes.into_owned(), encoded.trace))
}

fn decode<V: Serialize + DeserializeOwned + 'static>(bytes: &[u8], trace: u64) -> Option<V> {
    let bytes = bytes.into();
    super::decode(&Encoded { codec: Codec::MessagePack, fingerprint: 0, trace, bytes })
}

fn through<V: Serialize + DeserializeOwned + 'static>(value: &V) -> Option<V> {
    let (bytes, trace) = encode(value).unwrap();
    decode(&bytes, trace)
}

#[track_caller]
fn round<V: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: &V) {
    assert_eq!(through(value).as_ref(), Some(value));
}

/// Whether what was written as one type is served as another. The bytes alone would do for either.
#[track_caller]
fn served<A: Serialize + DeserializeOwned + 'static, B: Serialize + DeserializeOwned + 'static>(
    value: &A,
) -> bool {
    let (bytes, trace) = encode(value).unwrap();
    rmp_serde::from_slice::<B>(&bytes).unwrap_or_else(|error| panic!("does not decode: {error}"));
    decode::<B>(&bytes, trace).is_some()
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[test]
fn a_chain_that_consumes_nothing_ends() {
    let end = trace::of(&Chain(None)).unwrap();
    assert_eq!(decode(&[0xc0], end), Some(Chain(None)));
    assert_eq!(decode::<Chain>(&[0x01], end), None);
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(&[0x01]);
    let error =
        Chain::deserialize(Limited::new(&mut deserializer, &Cell::new(1 << 20))).unwrap_err();
    assert_eq!(error.to_string(), "nested too deep");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf(u8),
    Node(Vec<Tree>),
    Pair { left: Box<Tree>, right: Box<Tree> },
}

fn nested(levels: usize) -> Tree {
    (0..levels).fold(Tree::Leaf(1), |tree, _| Tree::Node(vec![tree]))
}

#[test]
fn nesting_is_legal_up_to_the_limit() {
    // Two levels for a node, the enum's and its list's; two for the leaf, the enum's and its number's.
    let most = MAX_DEPTH / 2 - 1;
    round(&nested(most));
    assert_eq!(through(&nested(most + 1)), None);

    // One array in the other, and a number in the last.
    let arrays = |n: usize| [vec![0x91; n], vec![0x07]].concat();
    let decodes = |bytes: &[u8]| {
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
        serde::de::IgnoredAny::deserialize(Limited::new(&mut deserializer, &Cell::new(1 << 20)))
            .is_ok()
    };
    assert!(decodes(&arrays(MAX_DEPTH - 1)));
    assert!(!decodes(&arrays(MAX_DEPTH)));
    assert!(!decodes(&[0x91; 1 << 16]));
}

#[test]
fn levels_are_given_back() {
    // Far more calls than levels, but side by side.
    let leaf = || Box::new(Tree::Leaf(3));
    round(&(0..1_000).map(|_| Tree::Pair { left: leaf(), right: leaf() }).collect::<Vec<_>>());
}

#[test]
fn nothing_may_be_left_over_or_missing() {
    let value = (7_u32, "text".to_owned(), vec![1_u8, 2, 3]);
    let (bytes, trace) = encode(&value).unwrap();
    assert_eq!(decode(&bytes, trace), Some(value.clone()));
    for extra in 0..=u8::MAX {
        let longer = [&bytes[..], &[extra]].concat();
        assert_eq!(decode::<(u32, String, Vec<u8>)>(&longer, trace), None, "with {extra}");
    }
    for end in 0..bytes.len() {
        assert_eq!(decode::<(u32, String, Vec<u8>)>(&bytes[..end], trace), None, "cut at {end}");
    }
    assert_eq!(decode::<(u32, String, Vec<u8>)>(&bytes, trace ^ 1), None);
}

#[test]
fn a_value_that_ignores_its_input_leaves_it_over() {
    #[derive(Debug)]
    struct Lazy;
    impl Serialize for Lazy {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_some(&1_u8)
        }
    }
    impl<'de> Deserialize<'de> for Lazy {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Ignore;
            impl<'de> Visitor<'de> for Ignore {
                type Value = Lazy;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("anything")
                }
                fn visit_some<D: Deserializer<'de>>(self, _: D) -> Result<Lazy, D::Error> {
                    Ok(Lazy)
                }
            }
            deserializer.deserialize_option(Ignore)
        }
    }
    // The marker was read and put back, at the very end of the bytes.
    let (bytes, trace) = encode(&Lazy).unwrap();
    assert_eq!(bytes, [0x01]);
    assert!(decode::<Lazy>(&bytes, trace).is_none());
}

#[test]
fn hostile_lengths_fail_without_the_memory() {
    // Strings, binaries, arrays and maps of 2^32 - 1 of what follows, which is nothing or little.
    for marker in [0xdb, 0xc6, 0xdd, 0xdf, 0xc9] {
        for tail in [&[][..], &[0x01, 0x01]] {
            let bytes = [&[marker, 0xff, 0xff, 0xff, 0xff], tail].concat();
            assert_eq!(decode::<String>(&bytes, 0), None);
            assert_eq!(decode::<Vec<u8>>(&bytes, 0), None);
            assert_eq!(decode::<Vec<[u64; 16]>>(&bytes, 0), None);
            assert_eq!(decode::<HashMap<u8, u8>>(&bytes, 0), None);
            assert_eq!(decode::<HashSet<u8>>(&bytes, 0), None);
            assert_eq!(decode::<Tree>(&bytes, 0), None);
        }
    }
}

#[test]
fn options_that_read_back_as_others_miss() {
    fn value<T>(value: T) -> Option<T> {
        Some(value)
    }
    // All of these are written as nil.
    let nothing = None::<()>;
    let outer = [trace::of(&()), trace::of(&nothing), trace::of(&value(()))];
    let inner = [trace::of(&value(nothing)), trace::of(&value(value(())))];
    assert_eq!(outer.iter().chain(&inner).collect::<HashSet<_>>().len(), 5);

    round(&());
    round(&nothing);
    assert_eq!(through(&value(())), None);
    assert_eq!(through(&value(nothing)), None);
    assert_eq!(through(&value(value(()))), None);

    round(&value(value(5)));
    assert_eq!(through(&vec![value(None), value(Some(1))]), None);
    round(&vec![value(Some(1)), None, value(Some(2))]);
}

#[test]
fn sets_and_maps_read_back_in_whatever_order() {
    // Every map of the standard library has its own order.
    let map: HashMap<String, u64> = (0..5_000).map(|n| (format!("key {n}"), n * n)).collect();
    let set: HashSet<i32> = (-2_500..2_500).collect();
    round(&map);
    round(&set);
    round(&HashMap::from([(1, set.clone()), (2, HashSet::new())]));
    round(&BTreeMap::from_iter(map.clone()));

    assert_ne!(
        trace::of(&HashMap::from([(1, 2), (3, 4)])),
        trace::of(&HashMap::from([(1, 4), (3, 2)]))
    );
    // Equal sums are not equal digests, and what is there twice counts twice.
    assert_ne!(trace::of(&vec![1, 4]), trace::of(&vec![2, 3]));
    assert_ne!(trace::of(&vec![1, 1, 2]), trace::of(&vec![1, 2, 2]));
    assert_ne!(trace::of(&vec![1, 1]), trace::of(&vec![2, 2]));
}

macro_rules! shape {
    ($outer:ident { $($field:ident: $type:ty),* }) => {
        #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename = "Shape", default)]
        struct $outer {
            $($field: $type),*
        }
    };
}

shape!(Shape { a: u32, b: u32 });
shape!(Same { a: u32, b: u32 });
shape!(Reordered { b: u32, a: u32 });
shape!(Renamed { a: u32, c: u32 });
shape!(Retyped { a: u32, b: u64 });
shape!(Optional { a: u32, b: Option<u32> });
shape!(More { a: u32, b: u32, c: u32 });
shape!(Fewer { a: u32 });

#[test]
fn other_structs_miss() {
    let value = Shape { a: 1, b: 2 };
    round(&value);
    assert!(served::<_, Same>(&value));
    // The defaults fill in.
    assert!(!served::<_, Reordered>(&value));
    assert!(!served::<_, Renamed>(&value));
    assert!(!served::<_, Retyped>(&value));
    assert!(!served::<_, Optional>(&value));
    assert!(!served::<_, More>(&value));
    assert!(!served::<_, Fewer>(&value));

    #[derive(Serialize, Deserialize)]
    struct Other {
        a: u32,
        b: u32,
    }
    assert!(!served::<_, Other>(&value), "another name");
    assert!(!served::<u8, u16>(&1));
    assert!(!served::<u8, i8>(&1));
    assert!(!served::<u8, Option<u8>>(&1));
    assert!(!served::<(u8, u8), Vec<u8>>(&(1, 2)));
    #[derive(Serialize, Deserialize)]
    struct Wrapped(u8);
    assert!(!served::<u8, Wrapped>(&1));
    assert!(!served::<Wrapped, u8>(&Wrapped(1)));
    assert!(served::<String, Box<str>>(&"same to serde".into()));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Event<T> {
    Unit,
    Newtype(T),
    Tuple(T, u8),
    Struct { inner: T, more: Option<Box<Event<T>>> },
}

#[test]
fn enum_variants_read_back() {
    let value = || vec!["x".to_owned(), String::new()];
    round(&Event::<u8>::Unit);
    round(&Event::Newtype(value()));
    round(&Event::Tuple(value(), 3));
    round(&Event::Struct { inner: value(), more: None });
    let more = Some(Box::new(Event::Struct { inner: value(), more: Some(Box::new(Event::Unit)) }));
    round(&vec![Event::Struct { inner: value(), more }, Event::Unit, Event::Newtype(value())]);
    round(&HashMap::from([("k".to_owned(), Some(Event::Tuple((1_u8, 'c'), 2)))]));
    round(&Ok::<_, Event<()>>(Some(Event::Newtype([Some(1.5_f32), None]))));
    round(&Err::<u8, _>(Event::Tuple(Duration::from_millis(1_500), 0)));

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "Event")]
    enum Moved {
        Added,
        Newtype(u8),
        Unit,
    }
    // By name, wherever the variant stands.
    let (bytes, trace) = encode(&Event::<u8>::Newtype(4)).unwrap();
    assert_eq!(decode(&bytes, trace), Some(Moved::Newtype(4)));
}

#[test]
fn enums_and_fields_that_serde_buffers_read_back() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        A { n: u64, list: Vec<Option<i8>> },
        B,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(i64),
        Text(String),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        id: u8,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        absent: Option<u8>,
        #[serde(flatten)]
        rest: HashMap<String, Untagged>,
    }
    round(&vec![Tagged::A { n: u64::MAX, list: vec![Some(-1), None] }, Tagged::B]);
    let rest = [("x".into(), Untagged::Number(-5)), ("y".into(), Untagged::Text("t".into()))];
    round(&Flat { id: 1, absent: None, rest: HashMap::from(rest) });
    round(&Flat { id: 1, absent: Some(2), rest: HashMap::new() });
}

#[test]
fn a_field_filled_in_with_what_was_not_written_misses() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Partly {
        kept: u8,
        #[serde(skip_serializing, default)]
        dropped: u8,
        #[serde(skip_serializing_if = "String::is_empty", default = "filled")]
        lost: String,
    }
    fn filled() -> String {
        "filled in".into()
    }
    assert_eq!(through(&Partly { kept: 1, dropped: 0, lost: String::new() }), None);
    // Never serialized, so never seen: serde's default, as everywhere else.
    let dropped = |dropped| Partly { kept: 1, dropped, lost: "kept".into() };
    assert_eq!(through(&dropped(5)), Some(dropped(0)));
}

#[test]
fn scalars_read_back_exactly() {
    round(&(i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
    round(&(u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX));
    round(&(-1_i128, 0_i128, i128::from(i64::MIN) - 1, i128::MAX, 1_u128 << 64));
    round(&(usize::MAX, isize::MIN, true, false, 'ß', '\u{10ffff}', '\0'));
    round(&(f32::MIN_POSITIVE, f32::INFINITY, f64::EPSILON, f64::NEG_INFINITY));
    round(&(Duration::MAX, Duration::ZERO, Duration::new(1, 999_999_999)));
    round(&std::net::IpAddr::from([127, 0, 0, 1]));

    for bits in [0x7fc0_0000, 0xffc0_0001, 0x8000_0000, 0] {
        assert_eq!(through(&f32::from_bits(bits)).map(f32::to_bits), Some(bits));
    }
    for bits in [0x7ff8_0000_0000_0000, 0xfff8_0000_0000_0001, 1 << 63, 0] {
        assert_eq!(through(&f64::from_bits(bits)).map(f64::to_bits), Some(bits));
    }
    assert_ne!(trace::of(&0.0_f64), trace::of(&-0.0_f64));
    assert_ne!(trace::of(&1_i128), trace::of(&(1_i128 << 64)));
}

#[test]
fn bytes_and_strings_of_every_length_read_back_and_differ() {
    let mut seen = HashSet::new();
    for length in (0..40).chain([255, 256, 65_535, 65_536]) {
        let (text, bytes) = ("\0".repeat(length), Binary(vec![0; length]));
        round(&text);
        round(&bytes);
        round(&vec![0_u8; length]);
        assert!(seen.insert(trace::of(&text)), "{length}");
        assert!(seen.insert(trace::of(&bytes)), "{length}");
        assert!(seen.insert(trace::of(&vec![0_u8; length])), "{length}");
    }
}

#[test]
fn a_string_in_pieces_has_the_digest_of_the_whole() {
    let whole = "a string longer than a few chunks, and no multiple of eight";
    for end in 0..=whole.len() {
        for middle in 0..=end {
            // Formatted, these are serialized piece by piece.
            let (a, b, c) = (&whole[..middle / 2], &whole[middle / 2..middle], &whole[middle..end]);
            assert_eq!(trace::of(&format_args!("{a}{b}{c}")), trace::of(&whole[..end]));
        }
    }
}

#[test]
fn what_does_not_serialize_is_not_encoded() {
    let cell = RefCell::new(1);
    let _held = cell.borrow_mut();
    assert_eq!(encode(&cell), None);
    assert_eq!(trace::of(&cell), None);
}

#[test]
fn the_digest_is_the_same_in_every_process_and_version() {
    // Stored values are compared with it: other numbers here make every cache cold, or a new codec.
    let value =
        (Shape { a: 1, b: 2 }, Event::Newtype(-3_i64), "a longer text", [Some(1.5_f64), None]);
    assert_eq!(trace::of(&value), Some(12_595_332_141_000_367_690));
    assert_eq!(trace::of(&BTreeMap::from([(1_u8, ()), (2, ())])), Some(7_282_097_425_776_309_046));
    assert_eq!(trace::of(&(1_usize, -1_isize)), trace::of(&(1_u64, -1_i64)));
}
