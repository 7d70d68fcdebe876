//! Any bytes are read within bounds or refused, and what is read the independent decoder reads, too.
#![no_main]

use cachekit::interop::{Value, decode_value, encode_value};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize)]
#[allow(dead_code)]
struct Typed {
    id: u64,
    name: Option<String>,
    #[serde(default)]
    list: Vec<(i16, f32)>,
    kind: Option<Kind>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
enum Kind {
    A,
    B(u8),
    C { x: Box<Typed> },
}

#[derive(Deserialize)]
#[serde(untagged)]
#[allow(dead_code)]
enum Buffered {
    Number(i64),
    List(Vec<Buffered>),
    Map(std::collections::BTreeMap<String, Buffered>),
}

/// How many items a value has. Each has a byte in the document at least.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(map) => {
            1 + map.iter().map(|(key, value)| key.len() + size(value)).sum::<usize>()
        }
        Value::Pairs(pairs) => {
            1 + pairs.iter().map(|(key, value)| size(key) + size(value)).sum::<usize>()
        }
        Value::Str(text) => text.len().max(1),
        Value::Bytes(bytes) | Value::Extension(_, bytes) => bytes.len().max(1),
        _ => 1,
    }
}

fuzz_target!(|input: &[u8]| {
    let value: Result<Value, _> = decode_value(input);
    let ignored = decode_value::<IgnoredAny>(input);
    // What the type accepts is a matter of the type; the bounds are the same.
    let _ = decode_value::<Typed>(input);
    let _ = decode_value::<Buffered>(input);
    let _ = decode_value::<Vec<Vec<u64>>>(input);
    let Ok(value) = value else { return };
    assert!(ignored.is_ok());
    assert!(size(&value) <= input.len());
    let mut rest = input;
    assert!(rmpv::decode::read_value(&mut rest).is_ok() && rest.is_empty());
    if let Ok(written) = encode_value(&value) {
        let again: Value = decode_value(&written).expect("it was just written");
        assert_eq!(encode_value(&again).expect("and is again"), written);
    }
});
