//! Every kind of argument and value, and every fault.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_bytes::Bytes;
use uuid::Uuid;

use super::{argument, not_stored, refused, stored};
use crate::interop::{ErrorKind, MAX_DEPTH, Set, Value, encode_args, encode_value, key};

#[test]
fn integers_of_all_widths_have_one_form() {
    assert_eq!(argument(42_u8), "2a");
    for form in [
        argument(300_u16),
        argument(300_i16),
        argument(300_u32),
        argument(300_i32),
        argument(300_u64),
        argument(300_i64),
        argument(300_u128),
        argument(300_i128),
        argument(300_usize),
        argument(300_isize),
        argument(300.0_f32),
        argument(300.0_f64),
    ] {
        assert_eq!(form, "cd012c");
    }
    assert_eq!(argument(i64::MIN), "d38000000000000000");
    assert_eq!(argument(u64::MAX), "cfffffffffffffffff");
    assert_eq!(argument(i128::from(u64::MAX)), "cfffffffffffffffff");
    assert_eq!(argument(i128::from(i64::MIN)), "d38000000000000000");
    for kind in [
        refused(i128::from(u64::MAX) + 1),
        refused(i128::from(i64::MIN) - 1),
        refused(u128::from(u64::MAX) + 1),
        refused(i128::MIN),
        refused(u128::MAX),
    ] {
        assert_eq!(kind, ErrorKind::Range);
    }
}

#[test]
fn integral_floats_are_integers_in_keys_only() {
    for (float, in_key) in [
        (2.0_f64, "02"),
        (-0.0, "00"),
        (-1.0, "ff"),
        (9_223_372_036_854_775_808.0, "cf8000000000000000"),
        (18_446_744_073_709_549_568.0, "cffffffffffffff800"),
        (18_446_744_073_709_551_616.0, "cb43f0000000000000"),
        (-9_223_372_036_854_775_808.0, "d38000000000000000"),
        (-9_223_372_036_854_777_856.0, "cbc3e0000000000001"),
        (1.5, "cb3ff8000000000000"),
        (5e-324, "cb0000000000000001"),
        (1e300, "cb7e37e43c8800759c"),
    ] {
        assert_eq!(argument(float), in_key, "{float:e}");
        assert_eq!(stored(float), format!("cb{:016x}", float.to_bits()), "{float:e}");
    }
    // Widened first: no 32-bit float is ever written.
    assert_eq!(stored(0.1_f32), format!("cb{:016x}", f64::from(0.1_f32).to_bits()));
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!((refused(float), not_stored(float)), (ErrorKind::Range, ErrorKind::Range));
        assert_eq!(refused(HashMap::from([("x", vec![Some(float)])])), ErrorKind::Range);
        assert_eq!(refused(Set(vec![float])), ErrorKind::Range);
    }
    assert_eq!(refused(f32::NAN), ErrorKind::Range);
}

#[test]
fn texts_and_bytes_have_the_shortest_header() {
    for (len, header) in [
        (0, "a0"),
        (31, "bf"),
        (32, "d920"),
        (255, "d9ff"),
        (256, "da0100"),
        (65_536, "db00010000"),
    ] {
        let text = "x".repeat(len);
        assert_eq!(argument(&text), format!("{header}{}", "78".repeat(len)));
    }
    for (len, header) in [(0, "c400"), (255, "c4ff"), (256, "c50100"), (65_536, "c600010000")] {
        let bytes = vec![7; len];
        let expected = format!("{header}{}", "07".repeat(len));
        assert_eq!(argument(Bytes::new(&bytes)), expected);
        assert_eq!(argument(bytes::Bytes::from(bytes)), expected);
    }
    assert_eq!(argument('\u{e9}'), "a2c3a9");
    let id = "550e8400-e29b-41d4-a716-446655440000";
    assert_eq!(argument(Uuid::parse_str(&id.to_uppercase()).unwrap()), argument(id));
    assert_eq!(argument(std::net::Ipv4Addr::LOCALHOST), argument("127.0.0.1"));
    // What displays itself is its text, also if it looks like a date.
    assert_eq!(argument(format_args!("{}-01-01", 2024)), argument("2024-01-01"));
    assert_eq!(argument("2024-01-01 12:00:00.0 +00:00:00").len(), 2 * 32);
}

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Newtype<T>(T);

#[derive(Serialize)]
#[serde(transparent)]
struct Transparent<T> {
    inner: T,
}

#[derive(Serialize)]
struct User<'a> {
    name: &'a str,
    age: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<bool>,
}

#[derive(Serialize)]
enum Shape {
    Point,
    Circle(u8),
    Line(u8, u8),
    Box { width: u8, height: u8 },
}

#[test]
fn structs_are_sorted_maps_and_wrappers_are_nothing() {
    let user = User { name: "alice", age: Some(30), admin: None };
    assert_eq!(stored(&user), "82a36167651ea46e616d65a5616c696365");
    assert_eq!(argument(&user), stored(&user));
    let admin = User { name: "", age: None, admin: Some(true) };
    assert_eq!(stored(&admin), "83a561646d696ec3a3616765c0a46e616d65a0");
    for form in [
        argument(Newtype(5)),
        argument(Transparent { inner: 5 }),
        argument(Some(5)),
        argument(&&5),
        argument(Box::new(5)),
        argument(Cow::Borrowed(&5)),
        argument(std::num::NonZero::new(5_u64)),
    ] {
        assert_eq!(form, "05");
    }
    for form in [argument(()), argument(Unit), argument(None::<u8>), argument(Newtype(()))] {
        assert_eq!(form, "c0");
    }
}

/// Names that start alike, more fields than are sorted as numbers, and more bytes than lie on the stack.
#[test]
fn fields_are_sorted_however_many_and_however_alike() {
    #[derive(Serialize)]
    struct Alike {
        created_by: u8,
        created_at: u8,
        created: u8,
        create: u8,
    }
    let value = Alike { created_by: 1, created_at: 2, created: 3, create: 4 };
    let map = BTreeMap::from([("create", 4), ("created", 3), ("created_at", 2), ("created_by", 1)]);
    assert_eq!(encode_value(&value).unwrap(), encode_value(&map).unwrap());

    for count in [0_u64, 1, 2, 15, 16, 17, 31, 32, 33, 300, 70_000] {
        for text in ["", "x", &"y".repeat(40)] {
            let sorted: BTreeMap<String, &str> =
                (0..count).map(|at| (format!("{:x}", at * 0x9e37), text)).collect();
            let reversed = Pairs(sorted.iter().rev().collect());
            assert_eq!(
                encode_value(&reversed).unwrap(),
                encode_value(&sorted).unwrap(),
                "{count} entries of {text:?}"
            );
        }
    }
    let twice = Pairs(vec![("created_at", 1), ("created_by", 1), ("created_at", 1)]);
    assert_eq!(encode_value(&twice).unwrap_err().kind(), ErrorKind::DuplicateKey);
}

#[test]
fn enums_are_names_or_maps_of_one_name() {
    assert_eq!(argument(Shape::Point), argument("Point"));
    assert_eq!(argument(Shape::Circle(1)), "81a6436972636c6501");
    assert_eq!(argument(Shape::Line(1, 2)), "81a44c696e65920102");
    assert_eq!(
        argument(Shape::Box { width: 1, height: 2 }),
        "81a3426f7882a668656967687402a5776964746801"
    );
}

#[test]
fn sequences_are_lists_and_sets_are_recognized() {
    let list = "93030102";
    for form in [
        argument([3, 1, 2]),
        argument(vec![3, 1, 2]),
        argument(&[3, 1, 2][..]),
        argument((3, 1, 2)),
        argument(VecDeque::from([3, 1, 2])),
        argument(vec![3_u8, 1, 2]),
    ] {
        assert_eq!(form, list);
    }
    let set = "93010203";
    for form in [
        argument(HashSet::from([3, 1, 2])),
        argument(BTreeSet::from([3, 1, 2])),
        argument(indexmap::IndexSet::from([3, 1, 2])),
        argument(Rc::new(HashSet::from([3, 1, 2]))),
        argument(Some(&HashSet::from([3, 1, 2]))),
        argument(Transparent { inner: HashSet::from([3, 1, 2]) }),
        argument(Set(vec![3, 1, 2, 1])),
        argument(Set([3.0, 1.0, 2.0])),
        argument(Set(&[3, 1, 2, 3][..])),
        argument(Value::set([3, 1, 2])),
    ] {
        assert_eq!(form, set);
    }
    // In the order of the bytes, which is not that of the numbers.
    assert_eq!(argument(BTreeSet::from([-5, 1, 200])), "9301ccc8fb");
    // Only what is wrapped is one.
    assert_eq!(argument(Set(vec![vec![2, 1], vec![2, 1], vec![1]])), "929101920201");
    let nested = Set(vec![BTreeSet::from(["b", "a"]), BTreeSet::new()]);
    assert_eq!(argument(nested), "929092a161a162");
}

#[test]
fn duplicates_in_a_set_may_shorten_its_header() {
    let many: Vec<u8> = (0..20).map(|number| number % 15).collect();
    let encoded = argument(Set(&many));
    assert_eq!(encoded, format!("9f{}", hex::encode((0..15).collect::<Vec<u8>>())));
    let more: Vec<u32> = (0..70_000).map(|number| number % 40).collect();
    assert!(argument(Set(more)).starts_with("dc0028"));
}

/// A map that does not say how long it is, in the order in which it is given.
struct Pairs<K, V>(Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Pairs<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[test]
fn maps_are_sorted_by_code_points_at_every_level() {
    let map = HashMap::from([("b", 2), ("a", 1), ("A", 3), ("", 4)]);
    assert_eq!(argument(&map), "84a004a14103a16101a16202");
    assert_eq!(argument(BTreeMap::from_iter(map)), "84a004a14103a16101a16202");
    let unsorted = Pairs(vec![("\u{10000}", 1), ("\u{ff61}", 2), ("\u{ff61}\u{ff61}", 3)]);
    assert_eq!(argument(unsorted), "83a3efbda102a6efbda1efbda103a4f090808001");
    let nested = Pairs(vec![("z", Pairs(vec![("b", 1), ("a", 2)])), ("a", Pairs(vec![]))]);
    assert_eq!(argument(nested), "82a16180a17a82a16102a16201");
    // A key longer than 31 bytes has another header; only its text counts.
    let long = "k".repeat(40);
    assert_eq!(
        argument(Pairs(vec![(long.as_str(), 1), ("z", 2), ("a", 3)])),
        format!("83a16103d928{}01a17a02", "6b".repeat(40))
    );
    // Keys of any type that is a string.
    assert_eq!(argument(Pairs(vec![('b', 1), ('a', 2)])), "82a16102a16201");
    assert_eq!(argument(HashMap::from([(Uuid::nil(), 1)])).len(), 2 * (1 + 38 + 1));
}

#[test]
fn headers_of_maps_of_unknown_length_are_corrected() {
    for len in [0_u32, 1, 15, 16, 17, 65_535, 65_536] {
        let pairs: Vec<(String, u32)> =
            (0..len).rev().map(|number| (format!("{number:05}"), number)).collect();
        let sorted: BTreeMap<String, u32> = pairs.iter().cloned().collect();
        assert_eq!(argument(Pairs(pairs)), argument(sorted), "{len}");
    }
}

#[test]
fn what_another_language_could_not_read_is_refused() {
    assert_eq!(refused(HashMap::from([(1, 2)])), ErrorKind::OutsideModel);
    assert_eq!(refused(Pairs(vec![(Some("a"), 2)])), ErrorKind::OutsideModel);
    assert_eq!(refused(Pairs(vec![(("a",), 2)])), ErrorKind::OutsideModel);
    assert_eq!(refused(Pairs(vec![("a", 2), ("a", 2)])), ErrorKind::DuplicateKey);
    assert_eq!(refused(Pairs(vec![("b", 2), ("a", 2), ("b", 2)])), ErrorKind::DuplicateKey);
    assert_eq!(refused(Some(None::<u8>)), ErrorKind::OutsideModel);
    assert_eq!(refused(Some(())), ErrorKind::OutsideModel);
    assert_eq!(not_stored(vec![Some(None::<u8>)]), ErrorKind::OutsideModel);
    assert_eq!(refused(Value::Extension(1, vec![2])), ErrorKind::OutsideModel);
    assert_eq!(refused(Value::Pairs(vec![(Value::Int(1), Value::Null)])), ErrorKind::OutsideModel);
    assert_eq!(refused(std::time::SystemTime::now()), ErrorKind::OutsideModel);
}

#[test]
fn a_failing_serialize_is_an_error_without_its_text() {
    struct Fails;
    impl Serialize for Fails {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("hunter2"))
        }
    }
    let error = encode_args(&(1, "x", vec![Fails])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Serialize);
    assert_eq!(error.to_string(), "argument 2: the value's `Serialize` failed");
    assert!(!format!("{error:?}").contains("hunter2"));
}

/// A list in a list, and so on.
fn nested(depth: usize) -> Value {
    (1..depth).fold(Value::Array(vec![]), |inner, _| Value::Array(vec![inner]))
}

#[derive(Serialize)]
struct Chain(Option<Box<Chain>>);

#[test]
fn nesting_ends_at_100_levels() {
    assert!(super::encode_value(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(not_stored(nested(MAX_DEPTH + 1)), ErrorKind::TooDeep);
    // The array of the arguments is a level.
    assert!(encode_args(&(nested(MAX_DEPTH - 1),)).is_ok());
    assert_eq!(refused(nested(MAX_DEPTH)), ErrorKind::TooDeep);
    // Levels that ended do not count, and wrappers that recurse do.
    assert!(encode_args(&vec![nested(MAX_DEPTH - 1); 3]).is_ok());
    let chain = (0..10_000).fold(Chain(None), |inner, _| Chain(Some(Box::new(inner))));
    assert_eq!(refused(&chain), ErrorKind::TooDeep);
    // Dropped by hand: the compiler's drop would recurse as deep.
    let mut rest = chain.0;
    while let Some(mut inner) = rest {
        rest = inner.0.take();
    }
}

#[derive(Serialize)]
struct Args<'a> {
    user: u64,
    name: &'a str,
}

#[derive(Serialize)]
struct TupleArgs(u64, &'static str);

#[test]
fn arguments_are_a_flat_list() {
    let expected = key("users", "get", &(1_u64, "a")).unwrap();
    let many = [
        key("users", "get", &Args { user: 1, name: "a" }),
        key("users", "get", &TupleArgs(1, "a")),
        key("users", "get", &Newtype((1, "a"))),
        key("users", "get", &&(1, &"a")),
        key("users", "get", &[Value::from(1), Value::from("a")][..]),
        key("users", "get", &vec![Value::from(1), Value::from("a")]),
        key("users", "get", &Value::from_json(r#"[1, "a"]"#).unwrap()),
        key("users", "get", &Arc::new((1, "a"))),
    ];
    for made in many {
        assert_eq!(made.unwrap(), expected);
    }
    for none in [encode_args(&()), encode_args(&Unit), encode_args::<[u8]>(&[])] {
        assert_eq!(none.unwrap(), [0x90]);
    }
    // A single tuple is one argument.
    assert_eq!(encode_args(&((1, 2),)).unwrap(), [0x91, 0x92, 1, 2]);
    for wrong in [
        encode_args(&1).unwrap_err(),
        encode_args("text").unwrap_err(),
        encode_args(&Some((1,))).unwrap_err(),
        encode_args(&HashMap::from([("a", 1)])).unwrap_err(),
        encode_args(&HashSet::from([1])).unwrap_err(),
        encode_args(&Set([1])).unwrap_err(),
        encode_args(&Shape::Circle(1)).unwrap_err(),
        encode_args(&Shape::Line(1, 2)).unwrap_err(),
    ] {
        assert_eq!((wrong.kind(), wrong.argument()), (ErrorKind::Arguments, None));
    }
}

#[test]
fn no_argument_takes_the_place_of_an_omitted_one() {
    #[derive(Serialize)]
    struct Filter {
        #[serde(skip_serializing_if = "Option::is_none")]
        least: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        most: Option<u32>,
    }
    let filter = |least, most| Filter { least, most };
    assert_eq!(encode_args(&filter(Some(1), Some(2))).unwrap(), [0x92, 1, 2]);
    for omits in [filter(Some(1), None), filter(None, Some(1)), filter(None, None)] {
        assert_eq!(encode_args(&omits).unwrap_err().kind(), ErrorKind::Arguments);
        // In a map, the names are there.
        assert!(encode_args(&(&omits,)).is_ok() && encode_value(&omits).is_ok());
    }
    assert_ne!(argument(filter(Some(1), None)), argument(filter(None, Some(1))));
}

#[test]
fn json_comes_back_as_what_it_was() {
    let map = |key: &str, value| Value::Map(BTreeMap::from([(key.to_owned(), value)]));
    for (value, json) in [
        (map("$bytes", "00".into()), r#"{"$$bytes":"00"}"#),
        (map("$$bytes", "00".into()), r#"{"$$$bytes":"00"}"#),
        (map("$", Value::Null), r#"{"$$":null}"#),
        (map("x", map("$set", 1.into())), r#"{"x":{"$$set":1}}"#),
        (Value::bytes([0]), r#"{"$bytes":"00"}"#),
        (Value::Int(0), "0"),
        (Value::Float(-0.0), "-0.0"),
        (Value::Float(0.0), "0.0"),
    ] {
        assert_eq!(value.to_json(), json);
        let read = Value::from_json(json).unwrap();
        assert_eq!((&read, read.to_json().as_str()), (&value, json));
    }
    // Of several keys none is a tag.
    let two = Value::Map(BTreeMap::from([("$bytes".into(), 1.into()), ("$$x".into(), 2.into())]));
    assert_eq!(two.to_json(), r#"{"$$x":2,"$bytes":1}"#);
    assert_eq!(Value::from_json(&two.to_json()).unwrap(), two);
}

#[test]
fn a_number_of_json_is_what_its_text_says() {
    let read = |json| Value::from_json(json).unwrap();
    assert_eq!(read("-0"), Value::Int(0));
    assert_eq!(
        read("[-0,-0 ,-10,-0.5,\"-0\",{\"-0\":-0}]").to_json(),
        r#"[0,0,-10,-0.5,"-0",{"-0":0}]"#
    );
    assert!(matches!(read("-0.0"), Value::Float(float) if float.is_sign_negative()));
    assert!(matches!(read("-0e0"), Value::Float(_)));
    assert_eq!(read("\"\u{e9}-0\""), Value::from("\u{e9}-0"));
    for (json, kind) in [
        ("-00", ErrorKind::Malformed),
        ("--0", ErrorKind::Malformed),
        ("[-0", ErrorKind::Malformed),
        ("[-0, 18446744073709551616]", ErrorKind::Range),
        ("[18446744073709551616", ErrorKind::Malformed),
    ] {
        assert_eq!(Value::from_json(json).unwrap_err().kind(), kind, "{json}");
    }
}
