//! What is outside of the model is refused by ours and by the published SDKs: arguments, values and names, generated.
//!
//! Each value has a twin that differs in one place, where it has a number that all of them take. So a refusal is for what
//! stands there, and for nothing around it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use cachekit::interop::{Value, decode_value, encode_args, encode_value, key};
use fastrand::Rng;
use published::interop::{InteropValue, canonical_args, interop_key, serialize_value};
use published::serializer::serialize;

use super::keys;
use crate::published::virtual_environment;

const CASES: usize = 1000;
/// The same cases in every run; printed with the counts and with every failure.
const SEED: u64 = 20_261_204;

/// A value as ours, as that of the published Rust SDK where its types can say it, and as an expression of Python's.
#[derive(Clone, Debug)]
struct Triple {
    ours: Value,
    rust: Option<InteropValue>,
    python: String,
}

/// What no argument and no value may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outsider {
    NotANumber,
    Infinite,
    TooLarge,
    TooSmall,
    NumberAsKey,
    BytesAsKey,
    NothingAsKey,
    /// From here on: values may have it, arguments may not.
    NaiveDateTime,
    Day,
    TimeOfDay,
}

use Outsider::{
    BytesAsKey, Day, Infinite, NaiveDateTime, NotANumber, NothingAsKey, NumberAsKey, TimeOfDay,
    TooLarge, TooSmall,
};

const IN_VALUES: [Outsider; 7] =
    [NotANumber, Infinite, TooLarge, TooSmall, NumberAsKey, BytesAsKey, NothingAsKey];
const IN_ARGUMENTS: [Outsider; 10] = [
    NotANumber,
    Infinite,
    TooLarge,
    TooSmall,
    NumberAsKey,
    BytesAsKey,
    NothingAsKey,
    NaiveDateTime,
    Day,
    TimeOfDay,
];

fn float(float: f64) -> Triple {
    let python = format!("f('{:016x}')", float.to_bits());
    Triple { ours: float.into(), rust: Some(float.into()), python }
}

fn int(int: i128) -> Triple {
    Triple { ours: Value::Int(int), rust: Some(int.into()), python: int.to_string() }
}

fn pair(key: Value) -> Triple {
    let python = format!("{{{}: 1}}", python(&key));
    Triple { ours: Value::Pairs(vec![(key, 1_u8.into())]), rust: None, python }
}

/// What stands in a document as a tag and a text.
fn temporal(tag: &str, text: &str, python: &str) -> Triple {
    let map = [(tag.to_owned(), true.into()), ("value".to_owned(), text.into())];
    let document = encode_value(&Value::Map(map.into_iter().collect())).unwrap();
    let ours = decode_value(&document).unwrap();
    assert!(!matches!(ours, Value::Map(_)), "it is revived");
    Triple { ours, rust: None, python: python.to_owned() }
}

fn outsider(rng: &mut Rng, kind: Outsider) -> Triple {
    match kind {
        NotANumber => {
            // Any of them: quiet, signalling, with either sign.
            let bits = 0x7ff0_0000_0000_0000 | (rng.u64(..) >> 12).max(1) | (rng.u64(..) << 63);
            float(f64::from_bits(bits))
        }
        Infinite => float(*rng.choice(&[f64::INFINITY, f64::NEG_INFINITY]).unwrap()),
        TooLarge => int((1 << 64) + (i128::from(rng.u64(..)) >> rng.u32(..64))),
        TooSmall => int(-(1 << 63) - 1 - (i128::from(rng.u64(..)) >> rng.u32(..64))),
        NumberAsKey => pair(Value::Int(rng.i64(..).into())),
        BytesAsKey => pair(Value::bytes(vec![rng.u8(..); rng.usize(..4)])),
        NothingAsKey => pair(Value::Null),
        NaiveDateTime => {
            temporal("__datetime__", "2024-01-02T03:04:05", "naive('2024-01-02T03:04:05')")
        }
        Day => temporal("__date__", "2024-01-02", "day('2024-01-02')"),
        TimeOfDay => temporal("__time__", "03:04:05", "time('03:04:05')"),
    }
}

/// What Python evaluates to this value.
fn python(value: &Value) -> String {
    let list = |items: &[Value]| items.iter().map(python).collect::<Vec<_>>().join(", ");
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) => format!("f('{:016x}')", float.to_bits()),
        Value::Str(text) => format!("s('{}')", hex::encode(text)),
        Value::Bytes(bytes) => format!("b('{}')", hex::encode(bytes)),
        Value::DateTime(at) => format!("at({})", at.unix_micros().unwrap()),
        Value::Array(items) => format!("[{}]", list(items)),
        other => unreachable!("{other:?} is no neighbour"),
    }
}

/// A value of no container that all of them take.
fn neighbour(rng: &mut Rng, in_value: bool) -> Triple {
    loop {
        let (ours, rust) = keys::value(rng, 4);
        // The one kind that the Rust SDK writes into arguments only.
        if !(in_value && matches!(ours, Value::DateTime(_))) {
            return Triple { python: python(&ours), ours, rust: Some(rust) };
        }
    }
}

/// Around it: `wrap` again and again makes the same containers around an outsider and its twin, with the same seed.
fn wrap(rng: &mut Rng, inside: Triple, in_value: bool) -> Triple {
    let is_hashed = matches!(inside.ours, Value::Int(_) | Value::Float(_));
    let kind = rng.u8(..if is_hashed && !in_value { 3 } else { 2 });
    let mut items: Vec<Triple> = (0..rng.usize(..4)).map(|_| neighbour(rng, in_value)).collect();
    let at = rng.usize(..=items.len());
    items.insert(at, inside);
    let names: Vec<String> = (0..items.len()).map(|n| format!("{}{n}", rng.alphabetic())).collect();
    let rust: Option<Vec<InteropValue>> = items.iter().map(|item| item.rust.clone()).collect();
    let expressions: Vec<&str> = items.iter().map(|item| item.python.as_str()).collect();
    let listed = expressions.join(", ");
    let entries = names.iter().zip(&expressions).map(|(name, item)| format!("'{name}': {item}"));
    let entries = entries.collect::<Vec<_>>().join(", ");
    let ours: Vec<Value> = items.iter().map(|item| item.ours.clone()).collect();
    let map = |rust: Vec<InteropValue>| names.iter().cloned().zip(rust).collect();
    match kind {
        0 => Triple {
            ours: Value::Array(ours),
            rust: rust.map(InteropValue::Array),
            python: format!("[{listed}]"),
        },
        1 => Triple {
            ours: Value::Map(names.iter().cloned().zip(ours).collect()),
            rust: rust.map(|rust| InteropValue::Map(map(rust))),
            python: format!("{{{entries}}}"),
        },
        _ => Triple {
            ours: Value::Set(ours),
            rust: rust.map(InteropValue::Set),
            python: format!("{{{listed}}}"),
        },
    }
}

/// A case and its twin.
fn case(rng: &mut Rng, kind: Outsider, in_value: bool) -> [Triple; 2] {
    let outsider = outsider(rng, kind);
    let is_number = matches!(outsider.ours, Value::Int(_) | Value::Float(_));
    // What Python cannot put into a set has a twin that it cannot put there either.
    let harmless = if is_number { int(7) } else { wrap(&mut rng.fork(), int(7), true) };
    let (depth, seed) = (rng.usize(..5), rng.u64(..));
    [outsider, harmless].map(|inside| {
        let mut rng = Rng::with_seed(seed);
        (0..depth).fold(inside, |inside, _| wrap(&mut rng, inside, in_value))
    })
}

/// What the published Python SDK says of each line: whether it refuses.
fn python_refuses(lines: &[String]) -> Vec<bool> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let mut program = Command::new(virtual_environment());
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("published/refusals.py")).arg(&file);
    let output = program.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed {SEED}: {errors}");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert_eq!(said.len(), lines.len(), "{errors}");
    said.bytes().map(|verdict| verdict == b'r').collect()
}

/// All SDKs on cases of these kinds.
fn check(
    kinds: &[Outsider],
    in_value: bool,
    ours: impl Fn(&Value) -> bool,
    rust: impl Fn(&InteropValue) -> bool,
) {
    let mut rng = Rng::with_seed(SEED + u64::from(in_value));
    let (mut lines, mut names, mut by_kind) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut by_rust = 0;
    for number in 0..CASES {
        let kind = kinds[number % kinds.len()];
        let [outsider, twin] = case(&mut rng, kind, in_value);
        let name = format!("seed {SEED}, case {number}, {kind:?}");
        assert!(ours(&outsider.ours), "{name}: {:?}", outsider.ours);
        assert!(!ours(&twin.ours), "{name}, twin: {:?}", twin.ours);
        if let Some(theirs) = &outsider.rust {
            by_rust += 1;
            assert!(rust(theirs), "{name}: {theirs:?}");
        }
        if let Some(theirs) = &twin.rust {
            assert!(!rust(theirs), "{name}, twin: {theirs:?}");
        }
        *by_kind.entry(kind).or_insert(0) += 1;
        let what = if in_value { "value" } else { "args" };
        lines.extend([&outsider, &twin].map(|triple| format!("{what} {}", triple.python)));
        names.push(name);
    }
    for (number, verdicts) in python_refuses(&lines).chunks(2).enumerate() {
        let line = &lines[2 * number];
        assert_eq!(verdicts, [true, false], "{}: {line}", names[number]);
    }
    assert!(by_rust > CASES / 4, "{by_rust}");
    let mut counts = String::new();
    for (kind, count) in &by_kind {
        write!(counts, ", {kind:?} {count}").unwrap();
    }
    let _ = writeln!(
        std::io::stderr(),
        "interop/v1 refusals: {CASES} generated {} are refused by ours and the Python SDK, {by_rust} of them can be said to \
         the Rust SDK and are refused, and {CASES} twins are taken{counts}, seed {SEED}",
        if in_value { "values" } else { "arguments" }
    );
}

#[test]
fn arguments_outside_of_the_model_are_refused_by_all() {
    check(
        &IN_ARGUMENTS,
        false,
        |value| {
            let made = key("users", "get_user", &(value,));
            assert_eq!(made.is_err(), encode_args(&(value,)).is_err());
            made.is_err()
        },
        |value| canonical_args(std::slice::from_ref(value)).is_err(),
    );
}

#[test]
fn values_outside_of_the_model_are_refused_by_all() {
    let rust = |value: &InteropValue| serialize_value(value).is_err();
    check(&IN_VALUES, true, |value| encode_value(value).is_err(), rust);
}

/// A name for a namespace or an operation, often a wrong one.
fn name(rng: &mut Rng) -> String {
    let letters = [
        "a", "z", "0", "9", ".", "_", "-", "..", "A", ":", " ", "/", "\u{e9}", "\u{661}", "\n",
        "\0",
    ];
    let good = if rng.u8(..4) == 0 { letters.len() } else { 7 };
    let len = *rng.choice(&[0, 1, 2, 5, 63, 64, 65]).unwrap();
    match rng.u8(..12) {
        0 => "ns".to_owned(),
        1 => "nsapi".to_owned(),
        2 => "nsx".to_owned(),
        _ => (0..len).map(|_| letters[rng.usize(..good)]).collect(),
    }
}

#[test]
fn names_are_taken_and_refused_by_all_alike() {
    let mut rng = Rng::with_seed(SEED + 2);
    let (mut lines, mut expected) = (Vec::new(), Vec::new());
    for number in 0..CASES {
        let (namespace, operation) = (name(&mut rng), name(&mut rng));
        let ours = key(&namespace, &operation, &(42,)).is_err();
        let rust = interop_key(&namespace, &operation, &[42_i64.into()]).is_err();
        assert_eq!(ours, rust, "seed {SEED}, case {number}: {namespace:?} {operation:?}");
        lines.push(format!("name {}. {}.", hex::encode(namespace), hex::encode(operation)));
        expected.push(ours);
    }
    for (number, refuses) in python_refuses(&lines).into_iter().enumerate() {
        assert_eq!(refuses, expected[number], "seed {SEED}, case {number}: {}", lines[number]);
    }
    let refused = expected.iter().filter(|refused| **refused).count();
    assert!((CASES / 10..CASES * 9 / 10).contains(&refused), "{refused}");
    let _ = writeln!(
        std::io::stderr(),
        "interop/v1 refusals: of {CASES} generated names {refused} are refused by ours, the Python SDK and the Rust SDK, and \
         the others by none, seed {SEED}"
    );
}

/// Where the published Rust SDK takes what the model excludes: for its macro and its client, a value is whatever serde
/// writes. Our reader takes these documents.
#[test]
fn the_published_rust_sdk_stores_values_that_are_refused_here() {
    let written = serialize(&f64::NAN).unwrap();
    assert!(encode_value(&f64::NAN).is_err());
    assert!(matches!(decode_value(&written), Ok(Value::Float(float)) if float.is_nan()));
    let map = BTreeMap::from([(1, "a"), (-2, "b")]);
    let written = serialize(&map).unwrap();
    assert!(encode_value(&map).is_err());
    assert!(matches!(decode_value(&written), Ok(Value::Pairs(pairs)) if pairs.len() == 2));
}

/// Where the published Python SDK takes what the model excludes: an extension type is a pair of number and bytes to it, and so
/// it becomes a list.
#[test]
fn the_published_python_sdk_stores_extensions_as_lists() {
    let extension = Value::Extension(5, vec![1, 2]);
    assert!(encode_value(&extension).is_err() && encode_args(&(&extension,)).is_err());
    let lines = ["args", "value"].map(|what| format!("{what} ext(5, b('0102'))"));
    assert_eq!(python_refuses(&lines), [false, false]);
}
