//! Whole entries, and pieces of entries, in places where they do not belong.

use super::*;
use crate::envelope::interop::InteropEnvelope;
use crate::envelope::{HEADER_LEN, OVERHEAD};
use EnvelopeErrorKind::{Tampered, WrongKey, WrongPlace};

/// A place in the words of an author who annotates functions.
#[derive(Clone, PartialEq)]
struct Place {
    tenant: String,
    namespace: String,
    function: String,
    argument: String,
    codec: &'static str,
    schema: [u8; 8],
}

impl Place {
    fn random(cases: &mut Cases) -> Self {
        let mut name = |longest| {
            let len = 1 + cases.below(longest);
            cases.text(len)
        };
        let (tenant, namespace) = (name(8), name(8));
        let (function, argument) = (name(20), name(40));
        let schema = cases.next().to_be_bytes();
        Self { tenant, namespace, function, argument, codec: "bincode", schema }
    }

    /// Every place that differs from this one in one respect, and how it is refused.
    fn neighbours(&self) -> Vec<(&'static str, Self, EnvelopeErrorKind)> {
        let other = |name: &String| format!("{name}x");
        let place = || self.clone();
        vec![
            ("tenant", Self { tenant: other(&self.tenant), ..place() }, WrongKey),
            ("namespace", Self { namespace: other(&self.namespace), ..place() }, WrongKey),
            ("function", Self { function: other(&self.function), ..place() }, WrongPlace),
            ("argument", Self { argument: other(&self.argument), ..place() }, WrongPlace),
            ("codec", Self { codec: "msgpack", ..place() }, WrongPlace),
            ("type", Self { schema: self.schema.map(|byte| !byte), ..place() }, WrongPlace),
        ]
    }

    fn storage_key(&self, envelope: &Envelope) -> String {
        let logical = format!("{}:{}", self.function, self.argument);
        envelope.storage_keys(&self.tenant, &self.namespace, logical.as_bytes()).unwrap().remove(0)
    }

    fn seal(&self, envelope: &Envelope, value: &[u8]) -> Vec<u8> {
        let (key, mut entry) = (self.storage_key(envelope), Vec::new());
        envelope.seal(&self.context(&key), value, &mut entry).unwrap();
        entry
    }

    fn open(&self, envelope: &Envelope, entry: &[u8]) -> Result<Vec<u8>, EnvelopeErrorKind> {
        open(envelope, &self.context(&self.storage_key(envelope)), entry)
    }

    fn context<'a>(&'a self, storage_key: &'a str) -> Context<'a> {
        let context = Context::new(&self.tenant, &self.namespace, storage_key);
        context.codec(self.codec).fingerprint(&self.schema)
    }
}

#[test]
fn an_entry_opens_in_no_neighbouring_place() {
    let envelope = envelope(1, &[2, 3]);
    let mut cases = Cases::new(23);
    for _ in 0..fuzz_cases(300) {
        let here = Place::random(&mut cases);
        let entry = here.seal(&envelope, b"value");
        for (what, there, refused) in here.neighbours() {
            assert_eq!(there.open(&envelope, &entry), Err(refused), "another {what}");
            assert_eq!(here.open(&envelope, &there.seal(&envelope, b"v")), Err(refused), "{what}");
        }
        assert_eq!(here.open(&envelope, &entry), Ok(b"value".to_vec()));
    }
}

#[test]
fn other_members_and_older_versions_under_other_keys_do_not_stand_in() {
    let here = Place::random(&mut Cases::new(29));
    let (old, ring, after) = (envelope(1, &[]), envelope(2, &[1]), envelope(2, &[]));
    let key = here.storage_key(&ring);
    let context = here.context(&key);
    let seal = |envelope: &Envelope, value: &[u8]| {
        let mut entry = Vec::new();
        envelope.seal(&context, value, &mut entry).unwrap();
        entry
    };
    let (older, newer) = (seal(&old, b"older"), seal(&ring, b"newer"));
    assert_eq!(open(&after, &context, &newer), Ok(b"newer".to_vec()));
    // Its key was dropped: the older version is gone with it.
    assert_eq!(open(&after, &context, &older), Err(WrongKey));
    // Its key still opens: it is authentic and says that a previous key sealed it.
    assert!(ring.open_in_place(&context, &mut older.clone()).unwrap().used_previous());
    // Where the older key stored it is another place, so the store cannot move it to the new one.
    let moved = here.seal(&old, b"older");
    assert_ne!(here.storage_key(&old), key);
    assert_eq!(open(&ring, &context, &moved), Err(WrongPlace));
    // Neither member opens what carries the other's id, alone or with more of its header.
    for (fields, refused) in
        [(8..24, WrongKey), (8..48, WrongKey), (8..88, WrongPlace), (8..96, Tampered)]
    {
        for (target, source) in [(&older, &newer), (&newer, &older)] {
            let mut relabelled = target.clone();
            relabelled[fields.clone()].copy_from_slice(&source[fields.clone()]);
            assert_eq!(open(&ring, &context, &relabelled), Err(refused), "{fields:?}");
        }
    }
}

#[test]
fn no_two_entries_can_be_spliced() {
    let ring = envelope(1, &[2]);
    let other = envelope(2, &[]);
    let entries = [
        sealed(&ring, b"forty-two"),
        sealed(&ring, b"forty-two"),
        sealed(&ring, b"sixty-six"),
        sealed(&ring, b"longer than the others"),
        sealed(&other, b"forty-two"),
    ];
    let mut spliced = 0;
    for front in &entries {
        for back in &entries {
            for at in 0..front.len().min(back.len()) {
                // Cut both at the same place, and both at the same distance from the end.
                let from_end = back.len() - (front.len().min(back.len()) - at);
                for rest in [at, from_end] {
                    let joined = [&front[..at], &back[rest..]].concat();
                    let opened = open(&ring, &CONTEXT(), &joined);
                    assert_eq!(opened.is_ok(), entries.contains(&joined), "{at} {rest}");
                    spliced += usize::from(opened.is_err());
                }
            }
        }
    }
    assert!(spliced > 20 * (HEADER_LEN + OVERHEAD), "only {spliced} were joined");
}

#[test]
fn the_formats_share_no_key_and_no_entry() {
    let native = envelope(1, &[]);
    let interop = InteropEnvelope::new(keyring(1, &[]));
    let (mut foreign, mut out) = (Vec::new(), Vec::new());
    interop.seal("acme", "s1:00", b"value", &mut foreign).unwrap();
    let entry = sealed(&native, b"value");
    assert!(open(&native, &CONTEXT(), &foreign).unwrap_err().is_refusal());
    assert!(kind(interop.open("acme", "s1:00", &entry, &mut out)).is_refusal());
    // Not even behind a header of the native format, or without one.
    let dressed = [&entry[..HEADER_LEN], &foreign[..]].concat();
    assert_eq!(open(&native, &CONTEXT(), &dressed), Err(Tampered));
    let undressed = [&[0; 12][..], &entry[HEADER_LEN..]].concat();
    assert_eq!(kind(interop.open("acme", "s1:00", &undressed, &mut out)), Tampered);
}
