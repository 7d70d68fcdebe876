//! Keys and values, next to the published Rust SDK, and what they cost the allocator.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write as _;

use allocation_counter::measure;
use cachekit::interop::{DateTime, Set, Value, decode_value, encode_args, encode_value, key};
use fastrand::Rng;
use published::interop::{InteropValue, canonical_args, deserialize, interop_key, serialize_value};
use serde::Serialize;

const CASES: usize = 1000;
/// The same cases in every run; printed with every failure.
const SEED: u64 = 20_261_130;

/// Heap allocations of a key's computation; its arguments have at most 256 bytes.
fn allocations<A: Serialize>(args: &A) -> u64 {
    let len = encode_args(args).unwrap().len();
    assert!(len <= 256, "{len}");
    measure(|| {
        key("users", "get_user", args).unwrap();
    })
    .count_total
}

#[derive(Serialize)]
struct Filter<'a> {
    sort: &'a str,
    limit: u32,
    after: Option<DateTime>,
    range: HashMap<&'a str, f64>,
}

#[test]
fn keys_of_up_to_256_bytes_allocate_nothing() {
    assert_eq!(allocations(&()), 0);
    assert_eq!(allocations(&(u64::MAX,)), 0);
    assert_eq!(allocations(&("a name", 42_u64)), 0);
    assert_eq!(allocations(&("x".repeat(250),)), 0);
    let range = HashMap::from([("min", 0.5), ("max", 10.0), ("a", 1.0), ("b", -1.5)]);
    let after = Some(DateTime::from_unix_micros(1_704_112_245_123_456).unwrap());
    assert_eq!(allocations(&(Filter { sort: "name", limit: 20, after, range }, [1, 2])), 0);
    // 80 entries in the wrong order: each has three bytes.
    let map: HashMap<char, u8> = ('0'..='\u{7f}').zip(0..80).collect();
    assert_eq!(allocations(&(map,)), 0);
    // As many elements as fit, also where most of them go.
    assert_eq!(allocations(&((0..=250).map(|byte| byte % 128).collect::<HashSet<u8>>(),)), 0);
    assert_eq!(allocations(&(Set(vec![7; 250]),)), 0);
    let nested: HashMap<&str, HashMap<&str, Vec<u16>>> = ["z", "y", "x", "w"]
        .map(|outer| (outer, ["c", "b", "a"].map(|inner| (inner, vec![300, 200])).into()))
        .into();
    assert_eq!(allocations(&(nested,)), 0);
    // The counter counts.
    assert_eq!(measure(|| drop(encode_args(&()).unwrap())).count_total, 1);
}

fn text(rng: &mut Rng) -> String {
    let letters = ['a', 'B', '_', '-', '0', '\0', '\u{df}', '\u{ff61}', '\u{10000}', '\u{1f511}'];
    let most = *rng.choice(&[3, 12, 40, 300]).unwrap();
    (0..rng.usize(..most)).map(|_| *rng.choice(&letters).unwrap()).collect()
}

/// A value, as ours and as theirs.
pub(super) fn value(rng: &mut Rng, depth: usize) -> (Value, InteropValue) {
    let len = |rng: &mut Rng| {
        let most = *rng.choice(&[2, 5, 18]).unwrap();
        rng.usize(..most)
    };
    match rng.u8(..if depth > 3 { 8 } else { 11 }) {
        0 => (Value::Null, InteropValue::Null),
        1 => {
            let value = rng.bool();
            (value.into(), value.into())
        }
        2 => {
            let value = rng.u64(..) >> rng.u32(..64);
            (value.into(), value.into())
        }
        3 => {
            let value = rng.i64(..) >> rng.u32(..64);
            (value.into(), value.into())
        }
        4 => {
            let any = f64::from_bits(rng.u64(..));
            let float = if any.is_finite() { any } else { -0.0 };
            let float = *rng.choice(&[float, 2.0, 0.1, 1e18, -3e18, 1.8e19, 2e19]).unwrap();
            (float.into(), float.into())
        }
        5 => {
            let micros = rng.i64(-62_135_596_800_000_000..253_402_300_800_000_000);
            let ours = DateTime::from_unix_micros(micros).unwrap();
            (ours.into(), InteropValue::DateTime { unix_micros: micros })
        }
        6 => {
            let bytes: Vec<u8> =
                (0..*rng.choice(&[0, 3, 255, 256]).unwrap()).map(|_| rng.u8(..)).collect();
            (Value::bytes(bytes.clone()), InteropValue::bytes(bytes))
        }
        7 => {
            let text = text(rng);
            (text.as_str().into(), text.into())
        }
        8 => {
            let items = (0..len(rng)).map(|_| value(rng, depth + 1));
            let (ours, theirs): (Vec<_>, Vec<_>) = items.unzip();
            (Value::Array(ours), InteropValue::Array(theirs))
        }
        9 => {
            let items = (0..len(rng)).map(|_| value(rng, depth + 1));
            let (ours, theirs): (Vec<_>, Vec<_>) = items.unzip();
            (Value::Set(ours), InteropValue::Set(theirs))
        }
        _ => {
            let entries: BTreeMap<String, (Value, InteropValue)> =
                (0..len(rng)).map(|_| (text(rng), value(rng, depth + 1))).collect();
            let (ours, theirs): (Vec<_>, Vec<_>) = entries
                .into_iter()
                .map(|(key, (ours, theirs))| ((key.clone(), ours), (key, theirs)))
                .unzip();
            (
                Value::Map(ours.into_iter().collect()),
                InteropValue::Map(theirs.into_iter().collect()),
            )
        }
    }
}

/// Dates are the one kind that theirs does not write into values.
fn without_dates(value: &Value) -> bool {
    match value {
        Value::DateTime(_) => false,
        Value::Array(items) | Value::Set(items) => items.iter().all(without_dates),
        Value::Map(map) => map.values().all(without_dates),
        _ => true,
    }
}

#[test]
fn the_published_rust_sdk_makes_the_same_keys_and_values() {
    let mut rng = Rng::with_seed(SEED);
    let mut stored = 0;
    for case in 0..CASES {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            (0..rng.usize(..5)).map(|_| value(&mut rng, 0)).unzip();
        let name = format!("seed {SEED}, case {case}");
        assert_eq!(encode_args(&ours).unwrap(), canonical_args(&theirs).unwrap(), "{name}");
        let made = key("users", "get_user", &ours).unwrap();
        assert_eq!(made.as_str(), interop_key("users", "get_user", &theirs).unwrap(), "{name}");
        let (ours, theirs) = (Value::Array(ours), InteropValue::Array(theirs));
        let document = encode_value(&ours).unwrap();
        if without_dates(&ours) {
            stored += 1;
            assert_eq!(document, serialize_value(&theirs).unwrap(), "{name}");
        }
        // Each reads what the other one writes.
        let read: Value = deserialize(&document).unwrap();
        let theirs = rmp_serde::to_vec_named(&read).unwrap();
        assert_eq!(decode_value::<Value>(&theirs).unwrap(), read, "{name}");
        assert_eq!(encode_value(&read).unwrap(), document, "{name}");
    }
    assert!(stored > CASES / 4, "{stored}");
    let _ = writeln!(
        std::io::stderr(),
        "interop/v1: {CASES} generated keys and {stored} values equal the published Rust SDK's, seed {SEED}"
    );
}
