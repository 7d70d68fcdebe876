//! The published Python SDK.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::calls::{Call, generated};
use super::{HOST, Place, Ring, SEED, reader, report, we_read, we_write, writers};
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

/// Both directions.
fn exchange(place: &Place, through: &str, sealed: bool) {
    let [first, second] = [0, 1].map(generated);
    we_write(place, &first, sealed);
    script("read", &first, place, sealed.then(reader));
    for (range, ring) in writers(sealed) {
        script("write", &second[range], place, ring);
    }
    we_read(place, &second, sealed);
    report("Python SDK", through, sealed);
}

#[test]
fn through_a_directory() {
    exchange(&Place::directory(), "a directory", false);
    exchange(&Place::directory(), "a directory", true);
}

#[test]
fn through_redis() {
    exchange(&Place::redis(), "Redis", false);
    exchange(&Place::redis(), "Redis", true);
}

#[test]
fn through_our_server() {
    exchange(&Place::server(), "our server", false);
    exchange(&Place::server(), "our server", true);
}
