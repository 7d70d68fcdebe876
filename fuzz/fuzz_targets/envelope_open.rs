//! Only an untouched entry opens, only in its place, and only to its value.
//!
//! The first byte chooses an entry of `vectors/native.json`, the second the place it is answered for, the
//! rest says how it is changed.
#![no_main]

use cachekit_fuzz::{bytes, mutate, rows, text};
use cachekit_io::envelope::{Context, Envelope, KeySet, Keyring};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

struct Case {
    tenant: String,
    namespace: String,
    key: String,
    codec: String,
    fingerprint: Vec<u8>,
    value: Vec<u8>,
    entry: Vec<u8>,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let rows = rows(include_str!("../../cachekit-io/vectors/native.json"), "/vectors");
    let case = |row| Case {
        tenant: text(row, "tenant").to_owned(),
        namespace: text(row, "namespace").to_owned(),
        key: text(row, "storage_key").to_owned(),
        codec: text(row, "codec").to_owned(),
        fingerprint: bytes(row, "fingerprint_hex"),
        value: bytes(row, "value_hex"),
        entry: bytes(row, "entry_hex"),
    };
    rows.iter().map(case).collect()
});

/// Both master keys of the vectors, so that every entry belongs to a member of the ring.
static ENVELOPE: LazyLock<Envelope> = LazyLock::new(|| {
    let rows = rows(include_str!("../../cachekit-io/vectors/native.json"), "/vectors");
    let mut masters: Vec<_> = rows.iter().map(|row| text(row, "master_key_hex")).collect();
    masters.sort_unstable();
    masters.dedup();
    let keys = KeySet::from_hex(masters[0], &masters[1..]).expect("the vectors' keys are a ring");
    Envelope::new(Keyring::new(keys))
});

fuzz_target!(|input: &[u8]| {
    let [which, place, changes @ ..] = input else { return };
    let case = &CASES[usize::from(*which) % CASES.len()];
    let there = &CASES[usize::from(*place) % CASES.len()];
    let mut entry = case.entry.clone();
    mutate(&mut entry, changes);
    let context = Context::new(&there.tenant, &there.namespace, &there.key)
        .codec(&there.codec)
        .fingerprint(&there.fingerprint);
    let untouched = entry == there.entry;
    let value = &there.value;
    let shows = |entry: &[u8]| {
        value.len() >= 8 && entry.windows(value.len()).any(|bytes| bytes == &value[..])
    };
    // A change can write the value itself, in the open.
    let showed = shows(&entry);
    match ENVELOPE.open_in_place(&context, &mut entry) {
        Ok(opened) => assert!(untouched && opened.value() == value),
        Err(error) => {
            assert!(!untouched && error.is_refusal());
            // What a changed entry would have opened to is not left lying in the buffer.
            assert!(showed || !shows(&entry));
        }
    }
});
