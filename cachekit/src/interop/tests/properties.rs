//! Any value, against an independent decoder.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use proptest::prelude::*;
use rmpv::Value as Other;

use super::vectors::report;
use crate::interop::{Value, decode_value, encode_args, encode_value, key};

fn leaf() -> impl Strategy<Value = Value> {
    let edges = prop_oneof![
        Just(0_i128),
        Just(127),
        Just(128),
        Just(255),
        Just(256),
        Just(65_535),
        Just(65_536),
        Just(-32),
        Just(-33),
        Just(-128),
        Just(-129),
        Just(-32_768),
        Just(-32_769),
        Just(i64::MIN.into()),
        Just(i64::MAX.into()),
        Just(u64::MAX.into()),
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        edges.prop_map(Value::Int),
        any::<f64>().prop_filter("finite", |float| float.is_finite()).prop_map(Value::from),
        any::<i32>().prop_map(|float| Value::Float(float.into())),
        ".{0,40}".prop_map(Value::Str),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
    ]
}

/// Keys that could be taken for a tag.
fn tag() -> impl Strategy<Value = String> {
    let word = "bytes|set|datetime|date|time|uuid|int|float|pairs|extension|[a-z]{0,3}";
    ("[$]{1,3}", word).prop_map(|(sign, word)| sign + &word)
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 120, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::Array),
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::Set),
            prop::collection::btree_map(".{0,12}", inner.clone(), 0..20).prop_map(Value::Map),
            // As the tags of JSON are written.
            (tag(), inner).prop_map(|entry| Value::Map(BTreeMap::from([entry]))),
        ]
    })
}

/// What the bytes mean, by a decoder that shares nothing with ours.
fn decoded(bytes: &[u8]) -> Other {
    let mut rest = bytes;
    let value = rmpv::decode::read_value(&mut rest).unwrap();
    assert!(rest.is_empty());
    // Shortest headers and numbers: encoding what was decoded gives the same bytes.
    let mut again = Vec::new();
    rmpv::encode::write_value(&mut again, &value).unwrap();
    assert_eq!(again, bytes);
    value
}

/// Whether the other decoder found what was to be written, in the order it has to have.
fn same(value: &Value, other: &Other, in_key: bool) -> bool {
    match (value, other) {
        (Value::Null, Other::Nil) => true,
        (Value::Bool(value), Other::Boolean(other)) => value == other,
        (Value::Int(value), Other::Integer(other)) => {
            other.as_u64().map(i128::from).or(other.as_i64().map(i128::from)) == Some(*value)
        }
        (Value::Float(value), Other::Integer(other)) => {
            // Only integral ones, and without loss.
            in_key
                && value.fract() == 0.0
                && other.as_u64().map_or_else(
                    || other.as_i64().is_some_and(|other| same_float(*value, other.into())),
                    |other| same_float(*value, other.into()),
                )
        }
        (Value::Float(value), Other::F64(other)) => {
            let collapses =
                value.fract() == 0.0 && (-(2_f64.powi(63))..2_f64.powi(64)).contains(value);
            !(in_key && collapses) && value.to_bits() == other.to_bits()
        }
        (Value::Str(value), Other::String(other)) => other.as_str() == Some(value),
        (Value::Bytes(value), Other::Binary(other)) => value == other,
        (Value::Array(items), Other::Array(others)) => {
            items.len() == others.len()
                && items.iter().zip(others).all(|(item, other)| same(item, other, in_key))
        }
        (Value::Map(map), Other::Map(others)) => {
            let is_sorted = others.is_sorted_by(|(left, _), (right, _)| {
                code_points(left).cmp(&code_points(right)) == Ordering::Less
            });
            is_sorted
                && map.len() == others.len()
                && map.iter().zip(others).all(|((key, item), (other_key, other))| {
                    other_key.as_str() == Some(key) && same(item, other, in_key)
                })
        }
        (Value::Set(items), Other::Array(others)) => {
            let encoded = |other: &Other| {
                let mut bytes = Vec::new();
                rmpv::encode::write_value(&mut bytes, other).unwrap();
                bytes
            };
            let is_sorted = others.is_sorted_by(|left, right| encoded(left) < encoded(right));
            is_sorted
                && items.iter().all(|item| others.iter().any(|other| same(item, other, in_key)))
                && others.iter().all(|other| items.iter().any(|item| same(item, other, in_key)))
        }
        _ => false,
    }
}

#[allow(clippy::cast_possible_truncation)]
fn same_float(float: f64, integer: i128) -> bool {
    float as i128 == integer
}

fn code_points(text: &Other) -> Vec<char> {
    text.as_str().unwrap().chars().collect()
}

/// The model without what a document does not tell: a set comes back as a list.
fn read_back(value: &Value) -> Value {
    decode_value(&encode_value(value).unwrap()).unwrap()
}

const CASES: u32 = 1000;

#[test]
fn any_value_is_what_another_decoder_reads() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(CASES));
    let result = runner.run(&value(), |value| {
        let in_value = encode_value(&value).unwrap();
        prop_assert!(same(&value, &decoded(&in_value), false));
        let args = vec![value.clone(), value.clone()];
        let in_key = encode_args(&args).unwrap();
        let Other::Array(decoded) = decoded(&in_key) else { panic!("a list") };
        prop_assert_eq!(decoded.len(), 2);
        prop_assert!(decoded.iter().all(|other| same(&value, other, true)));
        Ok(())
    });
    result.unwrap();
    report("generated values are read by another decoder", CASES as usize);
}

#[test]
fn any_value_comes_back_and_is_written_the_same_again() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(CASES));
    let result = runner.run(&value(), |value| {
        let encoded = encode_value(&value).unwrap();
        let read = read_back(&value);
        prop_assert_eq!(encode_value(&read).unwrap(), encoded);
        prop_assert_eq!(read_back(&read), read.clone());
        let json = Value::from_json(&read.to_json()).unwrap();
        prop_assert_eq!(&json, &read);
        Ok(())
    });
    result.unwrap();
}

/// A map in the order given, which a `BTreeMap` would sort.
struct Shuffled(Vec<(String, Value)>);

impl serde::Serialize for Shuffled {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_order_of_a_map_and_of_a_set_does_not_matter(
        map in prop::collection::btree_map(".{0,40}", value(), 0..40).prop_map(Vec::from_iter),
        seed in any::<u64>(),
    ) {
        let sorted: BTreeMap<String, Value> = map.iter().cloned().collect();
        let mut shuffled = map;
        let mut rng = fastrand::Rng::with_seed(seed);
        rng.shuffle(&mut shuffled);
        let values: Vec<Value> = shuffled.iter().map(|(_, value)| value.clone()).collect();
        prop_assert_eq!(
            key("a", "b", &(Shuffled(shuffled), Value::Set(values))).unwrap(),
            key("a", "b", &(&sorted, Value::Set(sorted.values().cloned().collect()))).unwrap()
        );
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = decode_value::<Value>(&bytes) {
            // Whatever passed, the other decoder reads, too.
            let mut rest = bytes.as_slice();
            prop_assert!(rmpv::decode::read_value(&mut rest).is_ok() && rest.is_empty(), "{:?}", value);
        }
        prop_assert!(decode_value::<serde::de::IgnoredAny>(&bytes).is_ok()
            || decode_value::<Value>(&bytes).is_err());
    }
}
