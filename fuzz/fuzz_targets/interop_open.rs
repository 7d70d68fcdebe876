//! Only an untouched entry of the ecosystem's format opens, only in its place, and only to its value.
//!
//! The first byte chooses a published entry, the second the place it is answered for, the rest says how it is
//! changed.
#![no_main]

use cachekit_fuzz::{bytes, mutate, rows, text};
use cachekit_io::envelope::interop::{DEFAULT_TENANT, InteropEnvelope};
use cachekit_io::envelope::{KeySet, Keyring};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const VECTORS: &str = include_str!("../../cachekit-io/vectors/encryption.json");

struct Case {
    key: String,
    value: Vec<u8>,
    entry: Vec<u8>,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let case = |row| Case {
        key: text(row, "cache_key").to_owned(),
        value: bytes(row, "plaintext_hex"),
        entry: bytes(row, "ciphertext_hex"),
    };
    rows(VECTORS, "/default_tenant/vectors").iter().map(case).collect()
});

static ENVELOPE: LazyLock<InteropEnvelope> = LazyLock::new(|| {
    let document: serde_json::Value = serde_json::from_str(VECTORS).expect("JSON");
    let (old, current) = (text(&document, "master_key_hex"), "5a".repeat(32));
    InteropEnvelope::new(Keyring::new(KeySet::from_hex(&current, &[old]).expect("two keys")))
});

fuzz_target!(|input: &[u8]| {
    let [which, place, changes @ ..] = input else { return };
    let case = &CASES[usize::from(*which) % CASES.len()];
    let there = &CASES[usize::from(*place) % CASES.len()];
    let mut entry = case.entry.clone();
    mutate(&mut entry, changes);
    let mut value = vec![1, 2, 3];
    match ENVELOPE.open(DEFAULT_TENANT, &there.key, &entry, &mut value) {
        Ok(used_previous) => {
            assert!(used_previous && entry == there.entry && value == there.value);
        }
        Err(error) => assert!(entry != there.entry && error.is_refusal() && value.is_empty()),
    }
});
