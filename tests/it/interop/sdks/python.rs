//! The published Python SDK.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::calls::Call;
use super::{HOST, Place, Ring, SEED, Sdk, exchange, reader, writers};
use crate::published::virtual_environment;

/// Runs the script for these calls.
fn script(mode: &str, calls: &[Call], place: &Place, ring: Option<Ring>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("calls");
    let mut lines = String::new();
    for call in calls {
        writeln!(lines, "{}", hex::encode(call.document())).unwrap();
    }
    std::fs::write(&file, lines).unwrap();

    let mut program = Command::new(virtual_environment());
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("published/calls.py"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CACHEKIT_") {
            program.env_remove(name);
        }
    }
    program.arg(mode).arg(&file);
    match place {
        Place::Directory(directory) => program.arg("file").arg(Place::path(directory)),
        Place::Redis(node) => program.arg("redis").arg(node.url()),
        Place::Server { service, .. } => {
            service.configure(&mut program, HOST);
            program.arg("io")
        }
    };
    if let Some(Ring { current, previous }) = ring {
        let key = |byte: &u8| hex::encode([*byte; 32]);
        let previous: Vec<String> = previous.iter().map(key).collect();
        program.env("CACHEKIT_MASTER_KEY", key(&current));
        program.env("CACHEKIT_PREVIOUS_MASTER_KEYS", previous.join(","));
    }
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed {SEED}: {said}\n{errors}");
    assert_eq!(said, format!("{mode} {}", calls.len()), "{errors}");
}

struct Python;

impl Sdk for Python {
    const NAME: &'static str = "Python SDK";

    fn read(&self, place: &Place, calls: &[Call], sealed: bool) {
        script("read", calls, place, sealed.then(reader));
    }

    fn write(&self, place: &Place, calls: &[Call], sealed: bool) {
        for (range, ring) in writers(sealed) {
            script("write", &calls[range], place, ring);
        }
    }
}

#[test]
fn through_a_directory() {
    exchange(&Python, Place::directory, "a directory");
}

#[test]
fn through_redis() {
    exchange(&Python, Place::redis, "Redis");
}

#[test]
fn through_our_server() {
    exchange(&Python, Place::server, "our server");
}
