//! Entries in the format of the ecosystem: the published Python client opens what we seal, and we open what it
//! seals.
//!
//! The published Rust implementation, `cachekit-core`, is compared in the unit tests of `cachekit-io`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use cachekit_io::envelope::interop::InteropEnvelope;
use cachekit_io::envelope::{KeySet, Keyring, MasterKey};
use fastrand::Rng;

use crate::published::virtual_environment;

mod attribute;
mod keys;
mod redis;
mod refusals;
mod sdks;
mod told_apart;

const CASES: usize = 1000;
/// Of the script: so many more come from decorated functions.
const DECORATED: usize = 100;

/// The same cases in every run; printed with every failure.
const SEED: u64 = 20_261_124;

/// As in the script.
const ALPHABET: &str = "abcXYZ019 ._-:/%\\\"'\u{e9}\u{df}\u{301}\u{416}\u{5d0}\u{200f}\u{4e2d}\u{ac00}\u{fffd}\u{ffff}\u{1f511}\u{10ffff}\t\n\0\u{7f}";

/// One entry, and what it takes to open it.
struct Case {
    tenant: String,
    key: String,
    /// The current one first.
    masters: Vec<[u8; 32]>,
    entry: Vec<u8>,
    value: Vec<u8>,
}

impl Case {
    fn line(&self) -> String {
        let masters: Vec<String> = self.masters.iter().map(hex::encode).collect();
        let mut line = format!("{} {} ", hex::encode(&self.tenant), hex::encode(&self.key));
        let _ = writeln!(
            line,
            "{} {} {}",
            masters.join(","),
            hex::encode(&self.entry),
            hex::encode(&self.value)
        );
        line
    }

    fn parse(line: &str) -> Self {
        let fields: Vec<&str> = line.split(' ').collect();
        let [tenant, key, masters, entry, value] = fields[..] else { panic!("five fields") };
        let bytes = |field: &str| hex::decode(field).unwrap();
        let text = |field: &str| String::from_utf8(bytes(field)).unwrap();
        let masters = masters.split(',').map(|key| bytes(key).try_into().unwrap()).collect();
        Self {
            tenant: text(tenant),
            key: text(key),
            masters,
            entry: bytes(entry),
            value: bytes(value),
        }
    }

    fn envelope(&self) -> InteropEnvelope {
        envelope(&self.masters)
    }
}

fn envelope(masters: &[[u8; 32]]) -> InteropEnvelope {
    let mut keys = masters.iter().map(|bytes| MasterKey::from_bytes(bytes).unwrap());
    let current = keys.next().unwrap();
    InteropEnvelope::new(Keyring::new(KeySet::new(current, keys).unwrap()))
}

fn text(rng: &mut Rng, most: usize) -> String {
    let letters: Vec<char> = ALPHABET.chars().collect();
    (0..rng.usize(1..=most)).map(|_| letters[rng.usize(..letters.len())]).collect()
}

/// A value in the canonical form: shortest numbers and lengths, sorted keys.
fn value(rng: &mut Rng, depth: usize, out: &mut Vec<u8>) {
    let lens = [0, 1, 3, 16];
    match rng.u8(..if depth > 3 { 6 } else { 8 }) {
        0 => rmp::encode::write_nil(out).unwrap(),
        1 => rmp::encode::write_bool(out, rng.bool()).unwrap(),
        2 if rng.bool() => {
            rmp::encode::write_uint(out, rng.u64(..) >> rng.u32(..64)).unwrap();
        }
        2 => {
            rmp::encode::write_sint(out, rng.i64(..) >> rng.u32(..64)).unwrap();
        }
        3 => {
            let any = f64::from_bits(rng.u64(..));
            let float = if any.is_finite() { any } else { -0.0 };
            rmp::encode::write_f64(out, *rng.choice(&[float, 2.0, 0.1]).unwrap()).unwrap();
        }
        4 => {
            let most = *rng.choice(&[5, 40, 300]).unwrap();
            rmp::encode::write_str(out, &text(rng, most)).unwrap();
        }
        5 => {
            let len = *rng.choice(&[0, 1, 31, 255, 256, 70_000]).unwrap();
            let bytes: Vec<u8> = (0..len).map(|_| rng.u8(..)).collect();
            rmp::encode::write_bin(out, &bytes).unwrap();
        }
        6 => {
            let len = *rng.choice(&lens).unwrap();
            rmp::encode::write_array_len(out, len).unwrap();
            (0..len).for_each(|_| value(rng, depth + 1, out));
        }
        _ => {
            let keys = 0..*rng.choice(&lens).unwrap();
            let keys: BTreeSet<String> = keys.map(|_| text(rng, 40)).collect();
            rmp::encode::write_map_len(out, u32::try_from(keys.len()).unwrap()).unwrap();
            for key in &keys {
                rmp::encode::write_str(out, key).unwrap();
                value(rng, depth + 1, out);
            }
        }
    }
}

/// An entry that one of the keys of a random keyring has sealed.
fn case(rng: &mut Rng) -> Case {
    let (tenant, key) = (text(rng, 60), text(rng, 150));
    let masters: Vec<[u8; 32]> =
        (0..rng.usize(1..=4)).map(|_| std::array::from_fn(|_| rng.u8(..))).collect();
    let (mut plain, mut entry) = (Vec::new(), Vec::new());
    value(rng, 0, &mut plain);
    let sealer = *rng.choice(&masters).unwrap();
    envelope(&[sealer]).seal(&tenant, &key, &plain, &mut entry).unwrap();
    Case { tenant, key, masters, entry, value: plain }
}

/// Runs the script, and returns what it printed.
fn script(arguments: &[&str]) -> String {
    let mut program = Command::new(virtual_environment());
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("published/interop.py"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CACHEKIT_") {
            program.env_remove(name);
        }
    }
    let output = program.args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed {SEED}: {said}\n{errors}");
    said
}

#[test]
fn the_published_python_client_opens_what_we_seal() {
    let mut rng = Rng::with_seed(SEED);
    let cases: String = (0..CASES).map(|_| case(&mut rng).line()).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ours");
    std::fs::write(&file, cases).unwrap();
    assert_eq!(script(&["open", file.to_str().unwrap()]), format!("opened {CASES}"));
}

#[test]
fn we_open_what_the_published_python_client_seals_and_it_reads_our_answers() {
    let dir = tempfile::tempdir().unwrap();
    let [theirs, ours] = ["theirs", "ours"].map(|name| dir.path().join(name));
    let seed = SEED.to_string();
    let sealed = script(&["seal", theirs.to_str().unwrap(), &seed]);
    assert_eq!(sealed, format!("sealed {}", CASES + DECORATED));

    let (mut value, mut answers, mut used_previous) = (Vec::new(), String::new(), 0);
    let lines = std::fs::read_to_string(&theirs).unwrap();
    let cases: Vec<Case> = lines.lines().map(Case::parse).collect();
    assert_eq!(cases.len(), CASES + DECORATED);
    for (number, case) in cases.iter().enumerate() {
        let envelope = case.envelope();
        let opened = envelope.open(&case.tenant, &case.key, &case.entry, &mut value);
        used_previous += usize::from(
            opened.unwrap_or_else(|error| panic!("seed {SEED}, case {number}: {error}")),
        );
        assert_eq!(value, case.value, "seed {SEED}, case {number}");
        let moved = format!("{}.", case.key);
        assert!(envelope.open(&case.tenant, &moved, &case.entry, &mut value).is_err());
        if number >= CASES {
            // What a decorated function stored, in a list: no run of the function returns that.
            let answer = [&[0x91], &case.value[..]].concat();
            let mut entry = Vec::new();
            envelope.seal(&case.tenant, &case.key, &answer, &mut entry).unwrap();
            let (tenant, key, masters) =
                (case.tenant.clone(), case.key.clone(), case.masters.clone());
            answers += &Case { tenant, key, masters, entry, value: answer }.line();
        }
    }
    // Keyrings have been used, not only current keys.
    assert!((CASES / 4..CASES).contains(&used_previous), "{used_previous}");
    std::fs::write(&ours, answers).unwrap();
    let found = script(&["call", ours.to_str().unwrap(), &seed]);
    assert_eq!(found, format!("found {DECORATED}"));
}
