//! What the strict reader reads and refuses.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use uuid::Uuid;

use super::read;
use crate::interop::{ErrorKind, Value, decode_value, encode_value};

fn kind<'de, T: Deserialize<'de> + std::fmt::Debug>(bytes: &'de [u8]) -> ErrorKind {
    decode_value::<T>(bytes).unwrap_err().kind()
}

#[test]
fn one_document_and_nothing_else() {
    assert_eq!(decode_value::<u8>(&[42]).unwrap(), 42);
    assert_eq!(kind::<u8>(&[]), ErrorKind::Malformed);
    assert_eq!(kind::<u8>(&[42, 0]), ErrorKind::TrailingBytes);
    assert_eq!(kind::<Value>(&[0xc1]), ErrorKind::Malformed);
    assert_eq!(kind::<Value>(&[0x92, 1]), ErrorKind::Malformed);
    // 67 alone is a number.
    assert_eq!(decode_value::<u8>(b"C").unwrap(), 67);
    let error = decode_value::<u8>(b"CK\x03\0\0\0\x02{}").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PythonFrame);
    assert!(error.to_string().contains("Python"), "{error}");
}

#[test]
fn text_is_utf_8_also_where_it_is_not_looked_at() {
    let wrong = [0x91, 0xa1, 0xff];
    assert_eq!(kind::<Vec<String>>(&wrong), ErrorKind::Malformed);
    assert_eq!(kind::<serde::de::IgnoredAny>(&wrong), ErrorKind::Malformed);
}

#[test]
fn a_hundred_levels_and_no_more() {
    let nested = |depth: usize| [vec![0x91; depth - 1], vec![0x90]].concat();
    assert!(decode_value::<Value>(&nested(100)).is_ok());
    assert!(decode_value::<serde::de::IgnoredAny>(&nested(100)).is_ok());
    assert_eq!(kind::<Value>(&nested(101)), ErrorKind::TooDeep);
    assert_eq!(kind::<serde::de::IgnoredAny>(&nested(101)), ErrorKind::TooDeep);
    // An empty one counts, and maps do; what is ignored continues to count.
    let ignored = [&[0x82, 0xa1, b'x'][..], &nested(99), &[0xa1, b'n', 7]].concat();
    #[derive(Deserialize, Debug)]
    struct Known {
        n: u8,
    }
    assert_eq!(decode_value::<Known>(&ignored).unwrap().n, 7);
    let ignored = [&[0x82, 0xa1, b'x'][..], &nested(100), &[0xa1, b'n', 7]].concat();
    assert_eq!(kind::<Known>(&ignored), ErrorKind::TooDeep);
}

#[test]
fn claims_are_backed_by_bytes() {
    for claim in [
        &[0xdd, 0xff, 0xff, 0xff, 0xff][..],
        &[0xdf, 0xff, 0xff, 0xff, 0xff],
        &[0xdb, 0xff, 0xff, 0xff, 0xff],
        &[0xc6, 0xff, 0xff, 0xff, 0xff],
        &[0xc9, 0xff, 0xff, 0xff, 0xff, 1],
        &[0x92, 0x93, 1, 2],
    ] {
        assert_eq!(kind::<Value>(claim), ErrorKind::Malformed);
        assert_eq!(kind::<Vec<u64>>(claim), ErrorKind::Malformed);
    }
}

#[test]
fn other_writers_forms_are_read() {
    assert_eq!(read("81012a").unwrap(), Value::Pairs(vec![(Value::Int(1), Value::Int(42))]));
    assert_eq!(read("d4012a").unwrap(), Value::Extension(1, vec![42]));
    assert_eq!(read("c70005").unwrap(), Value::Extension(5, vec![]));
    assert_eq!(read("ca7f800000").unwrap(), Value::Float(f64::INFINITY));
    assert_eq!(decode_value::<f64>(&[0xca, 0x3f, 0xc0, 0, 0]).unwrap(), 1.5);
    assert_eq!(decode_value::<f64>(&[2]).unwrap(), 2.0);
    assert_eq!(decode_value::<u8>(&[0xd3, 0, 0, 0, 0, 0, 0, 0, 5]).unwrap(), 5);
    assert_eq!(decode_value::<i128>(&[0xff]).unwrap(), -1);
    assert_eq!(
        decode_value::<u128>(&[0xcf, 255, 255, 255, 255, 255, 255, 255, 255]).unwrap(),
        u64::MAX.into()
    );
    // Bytes where a list is asked for, and a list where bytes are.
    assert_eq!(decode_value::<Vec<u8>>(&[0xc4, 2, 1, 2]).unwrap(), [1, 2]);
    assert_eq!(decode_value::<[u8; 2]>(&[0xc4, 2, 1, 2]).unwrap(), [1, 2]);
    assert_eq!(kind::<[u8; 2]>(&[0xc4, 3, 1, 2, 3]), ErrorKind::Mismatch);
    assert_eq!(decode_value::<ByteBuf>(&[0x92, 1, 2]).unwrap(), [1, 2]);
    // The published Rust SDK writes a UUID as its bytes.
    let id = Uuid::from_u128(0x550e_8400_e29b_41d4_a716_4466_5544_0000);
    let bytes = rmp_serde::to_vec_named(&id).unwrap();
    assert_eq!(bytes.len(), 18);
    assert_eq!(decode_value::<Uuid>(&bytes).unwrap(), id);
    assert_eq!(decode_value::<Uuid>(&encode_value(&id).unwrap()).unwrap(), id);
}

#[test]
fn a_type_that_does_not_fit_is_an_error_without_the_data() {
    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Strict {
        n: u8,
    }
    #[derive(Deserialize, Debug)]
    enum Known {
        One,
    }
    for (error, said) in [
        (decode_value::<u8>(b"\xa7hunter2").map(|_| ()).unwrap_err(), "a string"),
        (decode_value::<Strict>(b"\x80").map(|_| ()).unwrap_err(), "`n`"),
        (decode_value::<Strict>(b"\x81\xa7hunter2\x01").map(|_| ()).unwrap_err(), "a field"),
        (decode_value::<Known>(b"\xa7hunter2").map(|_| ()).unwrap_err(), "a variant"),
        (decode_value::<u8>(b"\xcd\x01\x00").map(|_| ()).unwrap_err(), "does not accept"),
        (decode_value::<Uuid>(b"\xa7hunter2").map(|_| ()).unwrap_err(), "does not accept"),
        (decode_value::<(u8,)>(b"\x92\x01\x02").map(|_| ()).unwrap_err(), "more items"),
        (decode_value::<(u8, u8)>(b"\x91\x01").map(|_| ()).unwrap_err(), "number of items"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Mismatch);
        assert!(error.to_string().contains(said), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    assert_eq!(format!("{:?}", decode_value::<Known>(b"\xa3One").unwrap()), "One");
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
enum Shape {
    Point,
    Circle(f64),
    Line(i8, i8),
    Box { width: u16, height: Option<u16> },
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(untagged)]
enum Either {
    Number(i64),
    Text(String),
    List(Vec<Either>),
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(tag = "kind")]
enum Tagged {
    A { n: u8 },
    B,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Default)]
struct Everything {
    z: Option<Vec<String>>,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    set: HashSet<i16>,
    map: BTreeMap<String, (u8, char)>,
    unit: (),
    #[serde(flatten)]
    rest: BTreeMap<String, Value2>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u8>,
}

type Value2 = u32;

#[test]
fn what_is_written_is_read() {
    fn same<T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug>(value: T) {
        let encoded = encode_value(&value).unwrap();
        assert_eq!(decode_value::<T>(&encoded).unwrap(), value);
        // The same bytes again, and whatever the other codec makes of them is the same.
        let other: Value = rmp_serde::from_slice(&encoded).unwrap();
        assert_eq!(encode_value(&other).unwrap(), encoded);
        // What the published SDK writes is read as well.
        let theirs = rmp_serde::to_vec_named(&value).unwrap();
        assert_eq!(decode_value::<T>(&theirs).unwrap(), value);
    }
    same([Shape::Point, Shape::Circle(2.0), Shape::Line(-1, 1)]);
    same([Shape::Box { width: 300, height: None }, Shape::Box { width: 1, height: Some(2) }]);
    same(Either::List(vec![Either::Number(-1), Either::Text("x".into()), Either::List(vec![])]));
    same([Tagged::A { n: 1 }, Tagged::B]);
    same(Everything {
        z: Some(vec![String::new(), "\u{1f511}".into()]),
        bytes: vec![0; 300],
        set: HashSet::from([-300, 0, 300]),
        map: BTreeMap::from([("k".into(), (7, '\u{df}'))]),
        unit: (),
        rest: BTreeMap::from([("y".into(), 70_000), ("a".into(), 1)]),
        left_out: None,
    });
    same(Everything::default());
    same((i64::MIN, u64::MAX, f64::MIN_POSITIVE, f32::MAX, true, Some(false), None::<u8>));
}

#[test]
fn text_is_borrowed_from_the_document() {
    let encoded = encode_value(&("borrowed", serde_bytes::Bytes::new(b"too"))).unwrap();
    let (text, bytes): (&str, &serde_bytes::Bytes) = decode_value(&encoded).unwrap();
    assert!(encoded.as_ptr_range().contains(&text.as_ptr()));
    assert!(encoded.as_ptr_range().contains(&bytes.as_ptr()));
}

#[test]
fn a_type_that_holds_itself_without_reading_ends() {
    #[derive(Deserialize, Debug)]
    struct Loop(#[allow(dead_code)] Option<Box<Loop>>);
    #[derive(Deserialize, Debug)]
    #[serde(transparent)]
    struct Through {
        #[allow(dead_code)]
        next: Option<Box<Through>>,
    }
    #[derive(Deserialize, Debug)]
    #[allow(dead_code)]
    enum InVariant {
        Next(Loop),
    }
    for bytes in [&b"\x2a"[..], b"\x80", b"\xa1x"] {
        assert_eq!(kind::<Loop>(bytes), ErrorKind::TooDeep);
        assert_eq!(kind::<Through>(bytes), ErrorKind::TooDeep);
        assert_eq!(kind::<Vec<Loop>>(&[&[0x91], bytes].concat()), ErrorKind::TooDeep);
    }
    assert_eq!(kind::<InVariant>(b"\x81\xa4Next\x2a"), ErrorKind::TooDeep);
    // It ends where it may end.
    assert!(decode_value::<Loop>(b"\xc0").unwrap().0.is_none());

    // Wrappers that follow each other are not inside each other.
    let many = vec![Some(1_u8); 1000];
    assert_eq!(decode_value::<Vec<Option<u8>>>(&encode_value(&many).unwrap()).unwrap(), many);
    // And what is written with them is read: one around each of a hundred levels.
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Nested(Option<Vec<Nested>>);
    let nested = (1..100).fold(Nested(Some(vec![])), |inner, _| Nested(Some(vec![inner])));
    let written = encode_value(&nested).unwrap();
    assert_eq!(decode_value::<Nested>(&written).unwrap(), nested);
}

#[test]
fn fields_and_variants_have_names_and_no_numbers() {
    #[derive(Deserialize, Debug)]
    #[allow(dead_code)]
    struct Pair {
        first: u8,
        second: u8,
    }
    #[derive(Deserialize, Debug)]
    #[allow(dead_code)]
    enum Choice {
        Zero(u8),
        One(u8),
    }
    for bytes in [
        &b"\x82\x00\x07\x01\x08"[..],
        b"\x82\xc4\x05first\x07\xc4\x06second\x08",
        b"\x82\xa5first\x07\x01\x08",
    ] {
        assert_eq!(kind::<Pair>(bytes), ErrorKind::Mismatch, "{bytes:?}");
    }
    for bytes in [&b"\x81\x01\x05"[..], b"\x81\xc4\x03One\x05", b"\x01"] {
        assert_eq!(kind::<Choice>(bytes), ErrorKind::Mismatch, "{bytes:?}");
    }
    // Also where serde reads the value before it knows the variant.
    #[derive(Deserialize, Debug)]
    #[allow(dead_code)]
    #[serde(untagged)]
    enum Untagged {
        Pair(Pair),
        Choice(Choice),
    }
    #[derive(Deserialize, Debug)]
    #[allow(dead_code)]
    #[serde(tag = "kind")]
    enum Internal {
        Pair { first: u8, second: u8 },
    }
    for bytes in [&b"\x82\x00\x07\x01\x08"[..], b"\x81\x01\x05", b"\x01"] {
        assert_eq!(kind::<Untagged>(bytes), ErrorKind::Mismatch, "{bytes:?}");
        assert_eq!(kind::<Vec<Untagged>>(&[&[0x91], bytes].concat()), ErrorKind::Mismatch);
    }
    assert!(decode_value::<Untagged>(b"\x81\xa3One\x05").is_ok());
    let internal = |rest: &[u8]| [b"\x83\xa4kind\xa4Pair", rest].concat();
    assert!(decode_value::<Internal>(&internal(b"\xa5first\x07\xa6second\x08")).is_ok());
    assert_eq!(kind::<Internal>(&internal(b"\x00\x07\x01\x08")), ErrorKind::Mismatch);
    // A long header is a string as well.
    let long = b"\x82\xda\x00\x05first\x07\xdb\x00\x00\x00\x06second\x08";
    assert_eq!(decode_value::<Pair>(long).unwrap().second, 8);
}

#[test]
fn a_number_that_an_f32_cannot_hold_is_no_infinity() {
    for number in [1.7e308, -1.7e308, f64::from(f32::MAX) * 1.1] {
        assert_eq!(kind::<f32>(&encode_value(&number).unwrap()), ErrorKind::Mismatch);
        assert_eq!(
            kind::<Option<[f32; 1]>>(&encode_value(&[number]).unwrap()),
            ErrorKind::Mismatch
        );
    }
    for number in [0.1, -0.0, f64::from(f32::MAX), 1e-60, 7.0] {
        #[allow(clippy::cast_possible_truncation)]
        let near = number as f32;
        assert_eq!(decode_value::<f32>(&encode_value(&number).unwrap()).unwrap(), near);
    }
    assert_eq!(decode_value::<f32>(&[0xca, 0x7f, 0x80, 0, 0]).unwrap(), f32::INFINITY);
    assert_eq!(decode_value::<f32>(&[2]).unwrap(), 2.0);
}
