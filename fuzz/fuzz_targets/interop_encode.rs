//! What the canonical encoder writes, an independent decoder reads as what was meant, and writes the same way.
//!
//! The input makes a value: each byte says what comes next. Sets and maps come in any order, with duplicates.
#![no_main]

use cachekit::interop::{Value, decode_value, encode_args, encode_value};
use libfuzzer_sys::fuzz_target;
use rmpv::Value as Other;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// Takes the input apart.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    fn text(&mut self) -> String {
        let len = usize::from(self.byte() % 40).min(self.0.len());
        let (text, rest) = self.0.split_at(len);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }
}

/// A value, and pairs in the order in which they came.
enum Made {
    Plain(Value),
    List(Vec<Made>),
    Pairs(Vec<(String, Made)>),
}

impl Serialize for Made {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(value) => value.serialize(serializer),
            Self::List(items) => serializer.collect_seq(items),
            Self::Pairs(pairs) => {
                // It does not say how many there are.
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in pairs {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

fn scalar(source: &mut Source<'_>, kind: u8) -> Value {
    match kind {
        0 => Value::Null,
        1 => (source.byte() % 2 == 0).into(),
        2 => i64::from_be_bytes(source.bytes()).into(),
        3 => u64::from_be_bytes(source.bytes()).into(),
        4 => {
            let float = f64::from_be_bytes(source.bytes());
            if float.is_finite() { float.into() } else { (-0.0).into() }
        }
        5 => f64::from(i16::from_be_bytes(source.bytes())).into(),
        6 => Value::bytes(source.text()),
        _ => source.text().into(),
    }
}

fn make(source: &mut Source<'_>, depth: usize) -> Made {
    let (kind, len) = (source.byte() % if depth > 6 { 8 } else { 11 }, |byte: u8| byte % 24);
    match kind {
        8 => {
            let len = len(source.byte());
            Made::List((0..len).map(|_| make(source, depth + 1)).collect())
        }
        9 => {
            let len = len(source.byte());
            Made::Pairs((0..len).map(|_| (source.text(), make(source, depth + 1))).collect())
        }
        10 => {
            let len = len(source.byte());
            let kind = source.byte() % 8;
            Made::Plain(Value::set((0..len).map(|_| scalar(source, kind))))
        }
        kind => Made::Plain(scalar(source, kind)),
    }
}

/// Whether a map has a key twice, which is an error.
fn has_duplicates(made: &Made) -> bool {
    match made {
        Made::Plain(_) => false,
        Made::List(items) => items.iter().any(has_duplicates),
        Made::Pairs(pairs) => {
            let mut keys: Vec<&String> = pairs.iter().map(|(key, _)| key).collect();
            keys.sort();
            keys.windows(2).any(|pair| pair[0] == pair[1])
                || pairs.iter().any(|(_, value)| has_duplicates(value))
        }
    }
}

/// Whether the other decoder's value is what was meant.
fn same(made: &Made, other: &Other, in_key: bool) -> bool {
    match (made, other) {
        (Made::List(items), Other::Array(others)) => {
            items.len() == others.len()
                && items.iter().zip(others).all(|(item, other)| same(item, other, in_key))
        }
        (Made::Pairs(pairs), Other::Map(others)) => {
            let find = |key: &str| others.iter().find(|(other, _)| other.as_str() == Some(key));
            let is_sorted = others
                .windows(2)
                .all(|pair| pair[0].0.as_str().unwrap() < pair[1].0.as_str().unwrap());
            is_sorted
                && pairs.len() == others.len()
                && pairs.iter().all(|(key, value)| {
                    find(key).is_some_and(|(_, other)| same(value, other, in_key))
                })
        }
        (Made::Plain(value), other) => same_value(value, other, in_key),
        _ => false,
    }
}

fn same_value(value: &Value, other: &Other, in_key: bool) -> bool {
    match (value, other) {
        (Value::Null, Other::Nil) => true,
        (Value::Bool(value), Other::Boolean(other)) => value == other,
        (Value::Int(value), Other::Integer(other)) => {
            other.as_u64().map(i128::from).or(other.as_i64().map(i128::from)) == Some(*value)
        }
        (Value::Float(value), Other::Integer(other)) => {
            let other = other.as_u64().map(i128::from).or(other.as_i64().map(i128::from));
            in_key && value.fract() == 0.0 && other == Some(*value as i128)
        }
        (Value::Float(value), Other::F64(other)) => {
            let integral =
                value.fract() == 0.0 && *value >= -(2_f64.powi(63)) && *value < 2_f64.powi(64);
            !(in_key && integral) && value.to_bits() == other.to_bits()
        }
        (Value::Str(value), Other::String(other)) => other.as_str() == Some(value),
        (Value::Bytes(value), Other::Binary(other)) => value == other,
        (Value::Set(items), Other::Array(others)) => {
            others.windows(2).all(|pair| bytes(&pair[0]) < bytes(&pair[1]))
                && items
                    .iter()
                    .all(|item| others.iter().any(|other| same_value(item, other, in_key)))
                && others
                    .iter()
                    .all(|other| items.iter().any(|item| same_value(item, other, in_key)))
        }
        _ => false,
    }
}

fn bytes(value: &Other) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).expect("a vector takes all");
    bytes
}

fn decoded(encoded: &[u8]) -> Other {
    let mut rest = encoded;
    let value = rmpv::decode::read_value(&mut rest).expect("it is MessagePack");
    assert!(rest.is_empty() && bytes(&value) == encoded, "the shortest form of one document");
    value
}

fuzz_target!(|input: &[u8]| {
    let made = make(&mut Source(input), 0);
    let stored = encode_value(&made);
    assert_eq!(stored.is_err(), has_duplicates(&made));
    let Ok(stored) = stored else { return };
    assert!(same(&made, &decoded(&stored), false));
    let args = encode_args(&(&made,)).expect("what is stored is an argument, too");
    let Other::Array(list) = decoded(&args) else { panic!("arguments are a list") };
    assert!(list.len() == 1 && same(&made, &list[0], true));
    let read: Value = decode_value(&stored).expect("it is read");
    assert_eq!(encode_value(&read).expect("it was written before"), stored);
});
