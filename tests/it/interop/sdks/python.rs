//! The published Python SDK.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use super::calls::Call;
use super::tenants::{self, Found, Tenant};
use super::{HOST, Place, Ring, SEED, Sdk, reader, writers};
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

    let mut program = python("calls.py");
    program.arg(mode).arg(&file);
    add_place(&mut program, place);
    if let Some(Ring { current, previous }) = ring {
        let key = |byte: &u8| hex::encode([*byte; 32]);
        let previous: Vec<String> = previous.iter().map(key).collect();
        program.env("CACHEKIT_MASTER_KEY", key(&current));
        program.env("CACHEKIT_PREVIOUS_MASTER_KEYS", previous.join(","));
    }
    assert_eq!(said(&mut program), format!("{mode} {}", calls.len()));
}

/// A script, without what the environment of the test would tell it.
fn python(script: &str) -> Command {
    let mut program = Command::new(virtual_environment());
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("published").join(script));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CACHEKIT_") {
            program.env_remove(name);
        }
    }
    program
}

/// The last arguments of a script.
fn add_place(program: &mut Command, place: &Place) {
    match place {
        Place::Directory(directory) => program.arg("file").arg(Place::path(directory)),
        Place::Redis(node) => program.arg("redis").arg(node.url()),
        Place::Server { service, .. } => {
            service.configure(program, HOST);
            program.arg("io")
        }
    };
}

/// Runs it, and returns the line that it prints.
fn said(program: &mut Command) -> String {
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed {SEED}: {said}\n{errors}");
    said
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

fn of_tenant(mode: &str, place: &Place, tenant: &str, of: &str, calls: Range<usize>) {
    let mut program = python("tenants.py");
    program
        .args([mode, tenant, of])
        .args([calls.start, calls.len()].map(|number| number.to_string()));
    add_place(&mut program, place);
    program.env("CACHEKIT_MASTER_KEY", hex::encode([tenants::MASTER; 32]));
    assert_eq!(said(&mut program), format!("{mode} {}", calls.len()));
}

impl Tenant for Python {
    const NAME: &'static str = "Python SDK";

    fn write(&self, place: &Place, tenant: &str, of: &str, calls: Range<usize>) {
        of_tenant("write", place, tenant, of, calls);
    }

    fn read(&self, place: &Place, tenant: &str, of: &str, calls: Range<usize>, found: Found) {
        let mode = if found == Found::Opened { "read" } else { "refused" };
        of_tenant(mode, place, tenant, of, calls);
    }
}

exchanges!(Python);
