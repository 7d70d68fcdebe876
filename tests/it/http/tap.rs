//! What somebody sees of `#[cache::secure]` functions who reads everything else: the wire inside TLS, the
//! server's disk, both ends' logs at the finest level, metrics, and what panics print.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::AhoCorasick;
use blake2::{Blake2b512, Blake2s256, Digest as _};
use cachekit::cache;
use cachekit::secure::{KeySet, Keyring, MasterKey};
use cachekit::testing::{Scope, settle};
use cachekit_server::{DiskStore, Timestamp};
use cachekit_tests::{block_on, in_child};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use serde::{Deserialize, Serialize};

use super::local::Local;
use super::relay::Relay;
use super::secrets::Memory;

const NAME: &str = "Wilhelmina Kestrelworth";
const NUMBER: u64 = 0x7365_6372_6574_2131;
const VALUE: &str = "diagnosis: an improbable one, code 9182736455";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Finding {
    text: String,
    patient: u64,
}

fn finding(number: u64) -> Finding {
    Finding { text: VALUE.to_owned(), patient: number }
}

#[cache::secure(ttl = 300, namespace = "clinic")]
async fn sealed_later(name: &str, number: u64) -> Finding {
    let _ = name;
    finding(number)
}

#[cache::secure(ttl = 300, namespace = "clinic", tenant = name, l1 = typed)]
fn sealed_for(name: &str, number: u64) -> Finding {
    finding(number)
}

#[cache::secure(ttl = 300, namespace = "clinic", l1 = off)]
fn sealed_only_there(name: &str, number: u64) -> Option<Finding> {
    (!name.is_empty()).then(|| finding(number))
}

#[cache::secure(ttl = 300, namespace = "clinic")]
fn fails(name: &str, number: u64) -> Finding {
    assert!(name.len() + usize::from(number == 0) == 1, "the function has its own reasons");
    finding(number)
}

/// The control: the same values, not sealed.
#[cache::io(ttl = 300, namespace = "clinic")]
fn readable(name: &str, number: u64) -> Finding {
    let _ = name;
    finding(number)
}

/// A secret, under the ways it could be recognised by: written plainly, and hashed without a key.
struct Needle {
    what: String,
    bytes: Vec<u8>,
}

fn needles() -> Vec<Needle> {
    let value = finding(NUMBER);
    let secrets: Vec<(&str, Vec<u8>)> = vec![
        ("the name", NAME.into()),
        ("the value's text", VALUE.into()),
        ("the number", NUMBER.to_be_bytes().into()),
        ("the number, little-endian", NUMBER.to_le_bytes().into()),
        ("the number in decimal", NUMBER.to_string().into()),
        ("the arguments", rmp_serde::to_vec_named(&(NAME, NUMBER)).unwrap()),
        ("the arguments, one by one", [NAME.as_bytes(), &NUMBER.to_be_bytes()].concat()),
        ("the value", rmp_serde::to_vec_named(&value).unwrap()),
        ("the value as an array", rmp_serde::to_vec(&value).unwrap()),
        ("the value in JSON", format!(r#"{{"text":"{VALUE}","patient":{NUMBER}}}"#).into()),
    ];
    let mut needles = Vec::new();
    for (what, secret) in secrets {
        let mut add = |how: &str, bytes: Vec<u8>| {
            let texts = [
                ("hex", HEXLOWER.encode(&bytes)),
                ("upper hex", HEXUPPER.encode(&bytes)),
                ("base64", BASE64.encode(&bytes).trim_end_matches('=').to_owned()),
                ("base64url", BASE64URL_NOPAD.encode(&bytes)),
            ];
            for (coding, text) in texts {
                let what = format!("{what}, {how}, in {coding}");
                needles.push(Needle { what, bytes: text.into_bytes() });
            }
            needles.push(Needle { what: format!("{what}, {how}"), bytes });
        };
        // Eight bytes of a hash are enough to check a guess.
        add("SHA-256", sha2::Sha256::digest(&secret)[..8].to_vec());
        add("SHA-512", sha2::Sha512::digest(&secret)[..8].to_vec());
        add("Blake2b", Blake2b512::digest(&secret)[..8].to_vec());
        add("Blake2b-256", blake2_256(&secret)[..8].to_vec());
        add("Blake2s", Blake2s256::digest(&secret)[..8].to_vec());
        add("plain", secret);
    }
    needles
}

fn blake2_256(bytes: &[u8]) -> Vec<u8> {
    blake2::Blake2b::<blake2::digest::consts::U32>::digest(bytes).to_vec()
}

/// What is found of the secrets.
pub(crate) fn found_in(haystack: &[u8]) -> Vec<String> {
    let needles = needles();
    // All at once: there are hundreds, and the log is long.
    let search = AhoCorasick::new(needles.iter().map(|needle| &needle.bytes)).unwrap();
    let found: BTreeSet<usize> =
        search.find_overlapping_iter(haystack).map(|found| found.pattern().as_usize()).collect();
    found.into_iter().map(|index| needles[index].what.clone()).collect()
}

/// Every byte of every file below a directory.
pub(crate) fn read_all(directory: &Path, into: &mut Vec<u8>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else if path.is_file() {
            into.extend(std::fs::read(path).unwrap());
        }
    }
}

/// Calls everything twice in two machines, so that all is written, found there and found here.
pub(crate) fn call_everything(machines: &[Scope]) {
    for machine in machines.iter().chain(machines) {
        machine.run(|| {
            assert_eq!(sealed_for(NAME, NUMBER), finding(NUMBER));
            assert_eq!(sealed_only_there(NAME, NUMBER), Some(finding(NUMBER)));
            settle();
        });
        assert_eq!(block_on(machine.wrap(sealed_later(NAME, NUMBER))), finding(NUMBER));
        machine.run(settle);
    }
}

/// Where a name of the functions or their types is.
pub(crate) fn names_in(bytes: &[u8]) -> Option<usize> {
    let names = ["sealed_later", "sealed_for", "sealed_only", "Finding", "patient"];
    AhoCorasick::new(names).unwrap().find(bytes).map(|found| found.start())
}

/// How often a machine computed what it keeps only there.
pub(crate) fn loads(machine: &Scope) -> u64 {
    machine.run(|| sealed_only_there::stats().loads)
}

/// The control, on this machine.
pub(crate) fn call_readable(machine: &Scope) {
    machine.run(|| {
        readable(NAME, NUMBER);
        settle();
    });
}

#[test]
fn nobody_learns_what_is_sealed() {
    in_child("http::tap::nobody_learns_what_is_sealed", || {
        let log = Memory::default();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .init();
        let panics = Arc::new(Mutex::new(Vec::new()));
        let (heard, report) = (Arc::clone(&panics), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |info| {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.extend_from_slice(format!("{info}\n{info:?}\n").as_bytes());
            report(info);
        }));

        let directory = tempfile::tempdir().unwrap();
        let disk = DiskStore::open(directory.path(), 64 << 20, Timestamp::from_millis(0)).unwrap();
        let server = Local::start_with(|builder| builder.store(disk));
        let wire = Relay::http1(&server);
        let client = Arc::new(server.builder().api_url(wire.url()).build().unwrap());
        let keyring = |byte| {
            let key = |byte: u8| MasterKey::from_bytes(&[byte; 32]).unwrap();
            let previous = (byte > 1).then(|| key(byte - 1));
            Arc::new(Keyring::new(KeySet::new(key(byte), previous).unwrap()))
        };
        let machine = |keys: &Arc<Keyring>| {
            Scope::new().with_backend(client.clone()).with_keyring(Arc::clone(keys))
        };

        let (old, new) = (keyring(1), keyring(2));
        let machines = [machine(&old), machine(&old), machine(&new)];
        let (before, after) = machines.split_at(2);
        call_everything(before);
        call_everything(after);
        let mut said = Vec::new();
        for machine in &machines {
            machine.run(|| {
                let stats = sealed_for::stats();
                assert_eq!((stats.shared_errors, stats.unsealed, stats.refused.total()), (0, 0, 0));
                said.push(format!(
                    "{stats:?} {:?} {:?}",
                    cachekit::functions(),
                    cachekit::secure::keyring()
                ));
                said.push(format!("{:?} {client:?}", sealed_for::key(NAME, &NUMBER)));
                assert!(std::panic::catch_unwind(|| fails(NAME, NUMBER)).is_err());
                said.push(format!("{:?}", sealed_for::invalidate(NAME, &NUMBER)));
            });
        }
        // The first wrote, the second read, and the third moved it to the key that is current now.
        assert_eq!(machines.iter().map(loads).collect::<Vec<_>>(), [1, 0, 0]);
        let metrics = server.metrics();

        let mut stored = Vec::new();
        read_all(directory.path(), &mut stored);
        let seen = [
            ("on the wire", wire.tapped()),
            ("on the disk", stored),
            ("in the log", log.text().into_bytes()),
            ("in metrics", metrics.into_bytes()),
            ("in what debug prints", said.join("\n").into_bytes()),
            ("in what panics print", panics.lock().unwrap().clone()),
        ];
        for (place, bytes) in &seen {
            assert!(bytes.len() > 100, "nothing was heard {place}");
            assert_eq!(found_in(bytes), Vec::<String>::new(), "{place}");
        }
        // Not even which function it is, or whose.
        for (place, bytes) in &seen[..2] {
            assert_eq!(names_in(bytes), None, "{place}");
        }

        // The same ears hear what is not sealed.
        call_readable(&machine(&old));
        let heard = found_in(&wire.tapped());
        assert!(heard.iter().any(|what| what == "the value's text, plain"), "{heard:?}");
        let mut stored = Vec::new();
        read_all(directory.path(), &mut stored);
        assert!(found_in(&stored).iter().any(|what| what == "the value's text, plain"));
    });
}
