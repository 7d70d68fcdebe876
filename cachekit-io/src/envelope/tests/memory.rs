//! After a drop, the key bytes are nowhere in the process image.
//!
//! The keys live in a child process, which this one inspects from outside: a process that searches
//! itself finds its own search buffers.

use super::tree::Tree;
use super::*;
use crate::envelope::interop::{InteropEnvelope, TenantKeys, derive};
use crate::envelope::{FileKeySource, Header, KeySource as _};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

const CHILD: &str = "CACHEKIT_TEST_HOLD_KEYS";

/// Reads keys from the file, uses them, says what it did, and waits for a line between the steps.
fn hold_keys(path: &str) {
    let pause = || drop(std::io::stdin().lines().next());
    let ring = Arc::new(Keyring::from_source(FileKeySource::new(path)).unwrap());
    let (native, interop) = (Envelope::new(Arc::clone(&ring)), InteropEnvelope::new(ring));
    // Each alone, with nothing after it: what one leaves on the stack, another could wipe.
    for provider in super::providers::ALL.iter().copied() {
        let native = native.clone().provider(provider);
        let entry = sealed(&native, b"value");
        println!("step {}", hex::encode(&entry));
        pause();
        open(&native, &CONTEXT(), &entry).unwrap();
        println!("step opened");
        pause();
    }
    let mut entries = Vec::new();
    for provider in super::providers::ALL.iter().copied() {
        let native = native.clone().provider(provider);
        let entry = sealed(&native, b"value");
        open(&native, &CONTEXT(), &entry).unwrap();
        entries.push(hex::encode(&entry));
    }
    native.storage_keys("acme", "users", b"user:42").unwrap();
    let mut other = Vec::new();
    interop.seal("acme", "a:b:c", b"value", &mut other).unwrap();
    let again = FileKeySource::new(path).load().unwrap();
    let ciphers: Vec<_> = super::providers::ALL
        .iter()
        .map(|provider| TenantKeys::derive(again.iter(), Vec::new(), "acme", *provider))
        .collect();
    println!("step {}", entries.join(" "));
    pause();
    drop((native, interop, again, ciphers));
    println!("step dropped");
    pause();
}

fn next_step(lines: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if let Some((_, step)) = line.trim_end().split_once("step ") {
            return step.to_owned();
        }
        line.clear();
    }
    panic!("the child ended early");
}

/// How often each needle occurs in what the process can write: heap, stacks, statics.
fn occurrences(child: &Child, needles: &[&[u8]]) -> Vec<usize> {
    let maps = fs::read_to_string(format!("/proc/{}/maps", child.id())).unwrap();
    let mut memory = File::open(format!("/proc/{}/mem", child.id())).unwrap();
    let mut found = vec![0; needles.len()];
    let mut scanned = 0;
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, mode) = (fields.next().unwrap(), fields.next().unwrap());
        if !mode.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut region = vec![0; usize::try_from(end - start).unwrap()];
        memory.seek(SeekFrom::Start(start)).unwrap();
        // Guard pages of a mapping may be unreadable.
        if memory.read_exact(&mut region).is_err() {
            continue;
        }
        scanned += region.len();
        for (found, needle) in found.iter_mut().zip(needles) {
            *found += region.windows(needle.len()).filter(|window| window == needle).count();
        }
    }
    assert!(scanned > 100_000, "the image of the child was not readable");
    found
}

#[test]
fn dropped_keys_are_gone_from_the_process() {
    if let Some(path) = std::env::var_os(CHILD) {
        return hold_keys(path.to_str().unwrap());
    }
    let secret = MasterKey::generate().unwrap();
    let text = secret.to_hex();
    let path = std::env::temp_dir().join(format!("cachekit-memory-{}", std::process::id()));
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&path).unwrap().write_all(text.as_bytes()).unwrap();

    let name = "envelope::tests::memory::dropped_keys_are_gone_from_the_process";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut input = child.stdin.take().unwrap();

    let tree = Tree::of(&secret, "acme", "users");
    for provider in super::providers::ALL {
        let entry = hex::decode(next_step(&mut lines)).unwrap();
        // Also how a key schedule begins.
        let data_key = tree.of_entry(&Header::parse(&entry).unwrap().nonce);
        for done in ["sealed", "opened"] {
            if done == "opened" {
                assert_eq!(next_step(&mut lines), done);
            }
            assert_eq!(occurrences(&child, &[&data_key]), [0], "{provider:?} has {done}");
            writeln!(input).unwrap();
        }
    }
    let data_keys: Vec<[u8; 32]> = next_step(&mut lines)
        .split(' ')
        .map(|entry| Header::parse(&hex::decode(entry).unwrap()).unwrap())
        .map(|header| tree.of_entry(&header.nonce))
        .collect();
    let [blind_inner, blind_outer] = tree.kept_states();
    let interop_key = derive(&secret, "acme");
    // A name, the bytes, and whether they are there while the envelopes live: what is kept, and what has
    // done its work before the first pause.
    let mut secrets: Vec<(&str, &[u8], bool)> = vec![
        ("master", secret.expose(), true),
        ("entry, as its key schedule begins", &tree.entry, true),
        ("blind, inner, as kept", &blind_inner, true),
        ("blind, outer, as kept", &blind_outer, true),
        ("interop tenant, as its key schedule begins", &interop_key[..], true),
        ("key file", text.as_bytes(), false),
        ("root", &tree.root, false),
        ("scope", &tree.scope, false),
        ("blind", &tree.blind, false),
    ];
    secrets.extend(data_keys.iter().map(|key| ("data", &key[..], false)));
    let needles: Vec<&[u8]> = secrets.iter().map(|(_, bytes, _)| *bytes).collect();
    let alive = occurrences(&child, &needles);
    writeln!(input).unwrap();
    assert_eq!(next_step(&mut lines), "dropped");
    let dropped = occurrences(&child, &needles);
    writeln!(input).unwrap();
    child.wait().unwrap();
    fs::remove_file(&path).unwrap();

    let mut wrong = Vec::new();
    for (index, (name, _, kept)) in secrets.into_iter().enumerate() {
        if (alive[index] > 0) != kept || dropped[index] > 0 {
            wrong.push(format!(
                "{name}: {} copies, {} after the drop",
                alive[index], dropped[index]
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
