//! Entries of the Python client, changed or made up: read or refused, and an envelope only with its checksum.
//!
//! The first byte chooses a published entry or envelope that the rest changes, or none: then the rest is the entry.
#![no_main]

use std::sync::LazyLock;

use cachekit::interop::{Value, decode_value};
use cachekit::python::{MAX_RATIO, open_envelope, read, read_envelope};
use cachekit_fuzz::{bytes, mutate, rows};
use libfuzzer_sys::fuzz_target;

const FRAMES: &str = include_str!("../../cachekit/vectors/python-frame.json");
const WIRE: &str = include_str!("../../cachekit/vectors/wire-format.json");

static ENTRIES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let frames = rows(FRAMES, "/frame_vectors");
    let envelopes = rows(WIRE, "/vectors");
    let all = frames.iter().map(|row| bytes(row, "frame_hex"));
    all.chain(envelopes.iter().map(|row| bytes(row, "envelope_hex"))).collect()
});

fuzz_target!(|input: &[u8]| {
    let Some((which, rest)) = input.split_first() else { return };
    let entry = match ENTRIES.get(usize::from(*which)) {
        Some(entry) => {
            let mut entry = entry.clone();
            mutate(&mut entry, rest);
            entry
        }
        None => rest.to_vec(),
    };
    if read::<Value>(&entry).is_ok() {
        assert!(entry.starts_with(b"CK\x03"));
        assert!(decode_value::<Value>(&entry).is_err());
    }
    if let Ok((payload, _)) = open_envelope(&entry) {
        assert!(payload.len() as u64 <= MAX_RATIO * entry.len() as u64);
    } else {
        assert!(read_envelope::<Value>(&entry).is_err());
    }
});
