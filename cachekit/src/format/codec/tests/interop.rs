//! What all languages read is written only if this program reads the same value from it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;

use serde::de::{DeserializeOwned, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::super::encode_interop;
use super::{Codec, Proof, decode};
use crate::interop::{DateTime, Set, Value};

fn document<V: Serialize + DeserializeOwned + 'static>(value: &V) -> Option<Vec<u8>> {
    let written = encode_interop(value, Proof::First)?;
    assert_eq!(written.codec, Codec::Interop);
    assert_eq!(encode_interop(value, Proof::Each).as_ref(), Some(&written));
    Some(written.bytes.into_owned())
}

#[track_caller]
fn shared<V: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: &V) {
    assert!(document(value).is_some(), "{value:?}");
    let written = encode_interop(value, Proof::First).unwrap();
    assert_eq!(decode::<V>(&written).as_ref(), Some(value));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Float(f64),
    Int(i64),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Left { left: Option<u8> },
    Right { right: Option<u8> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Omitted {
    id: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
}

/// A map whose keys are no strings, as a list of pairs.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pairs {
    #[serde(serialize_with = "in_any_order", deserialize_with = "from_pairs")]
    by_id: HashMap<u32, Number>,
}

fn in_any_order<S: Serializer>(
    by_id: &HashMap<u32, Number>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(by_id)
}

fn from_pairs<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<HashMap<u32, Number>, D::Error> {
    Ok(Vec::deserialize(deserializer)?.into_iter().collect())
}

fn five() -> u32 {
    5
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_seven(number: &u32) -> bool {
    *number == 7
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct OtherDefault {
    #[serde(default = "five", skip_serializing_if = "is_seven")]
    number: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct OtherName {
    #[serde(rename(serialize = "id", deserialize = "ident"))]
    ident: Option<u32>,
}

/// Reads another number than it writes.
#[derive(Debug, PartialEq, Serialize)]
struct Twice(u32);

impl<'de> Deserialize<'de> for Twice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(|number| Self(2 * number))
    }
}

/// Cannot be read.
#[derive(Debug, PartialEq, Serialize)]
struct Panics(u32);

impl<'de> Deserialize<'de> for Panics {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("it is never read")
    }
}

#[test]
fn a_value_that_reads_as_another_one_is_not_shared() {
    assert_eq!(document(&Number::Int(2)), None, "it would be the float 2.0");
    for right in [None, Some(1)] {
        assert_eq!(document(&Either::Right { right }), None, "it would be the other variant");
    }
    assert_eq!(document(&OtherDefault { number: 7 }), None, "it would be 5");
    assert_eq!(document(&OtherName { ident: Some(7) }), None, "it would be nothing");
    assert_eq!(document(&Twice(4)), None);
    assert_eq!(document(&vec![Twice(0), Twice(4)]), None);
    let text = |text: &str| {
        BTreeMap::from([("__datetime__".into(), true.into()), ("value".into(), text.into())])
    };
    assert_eq!(document(&Value::Map(text("2024-01-01T00:00:00Z"))), None, "it would be a date");
}

#[test]
fn a_value_that_cannot_be_read_is_not_shared() {
    assert_eq!(document(&Omitted { id: 1, names: Vec::new() }), None);
    assert_eq!(
        document(&Value::Map(BTreeMap::from([
            ("__date__".into(), true.into()),
            ("value".into(), "tomorrow".into()),
        ]))),
        None
    );
    assert_eq!(document(&Panics(1)), None);
}

#[test]
fn all_others_are_shared() {
    shared(&Number::Float(2.0));
    shared(&Either::Left { left: None });
    shared(&Omitted { id: 1, names: vec!["Ada".into()] });
    shared(&OtherDefault { number: 8 });
    shared(&OtherName { ident: None });
    shared(&(0.1_f32, f64::MIN_POSITIVE, -0.0_f64, u64::MAX, i64::MIN, 'x'));
    shared(&HashMap::from([
        (1_u8.to_string(), HashSet::from([1, 2, 300])),
        ("b".into(), HashSet::new()),
    ]));
    shared(&(0..100_u32).collect::<HashSet<_>>());
    shared(&Some(vec![None, Some(String::new())]));
    shared(&super::expressions());
    // The protocol keeps less of these, and it is the same each time.
    assert!(document(&Set(vec![3, 1, 3])).is_some());
    assert!(document(&Value::set(["b", "a"])).is_some());
    let finer: DateTime = "2024-01-01T00:00:00.123456789+01:00".parse().unwrap();
    assert!(document(&vec![Some(finer)]).is_some());
}

#[test]
fn a_list_in_the_order_of_a_hash_map_is_shared() {
    let of = |number: fn(i32) -> Number| {
        let pairs = (0..30_i32).map(|id| (id.unsigned_abs(), number(id)));
        Pairs { by_id: pairs.collect() }
    };
    shared(&of(|id| Number::Float(f64::from(id))));
    // It would be read as floats, in whatever order.
    assert_eq!(document(&of(|id| Number::Int(id.into()))), None);
}
