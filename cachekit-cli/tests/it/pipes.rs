//! Standard output and standard error whose readers ended, as with `| head`.

use crate::support::{Files, first_key};
use std::process::{Command, Stdio};

/// What a panic ends with.
const PANICKED: Option<i32> = Some(101);

#[test]
fn every_command_survives_a_reader_that_ended() {
    let files = Files::new();
    let keys = files.name("keys");
    std::fs::write(files.path("keys"), format!("{}\n", first_key())).expect("written");
    let entry = files.name("entry");
    std::fs::write(files.path("entry"), [0xc0]).expect("written");
    let backend = format!("file://{}", files.name("cache"));
    let (out, next) = (files.name("new"), files.name("next"));
    for arguments in [
        vec!["--help"],
        vec!["--version"],
        vec!["--nonsense"],
        vec!["completions", "bash"],
        vec!["man"],
        vec!["get", "k", "--backend", &backend],
        vec!["get", "k", "--backend", &backend, "--json"],
        vec!["health", "--backend", &backend],
        vec!["ttl", "k", "--backend", &backend],
        vec!["keygen"],
        vec!["keygen", "--out", &out],
        vec!["keygen", "--out", "/nonexistent/file"],
        vec!["fingerprint", "--key-file", &keys],
        vec!["fingerprint", "--key-file", "/nonexistent"],
        vec!["inspect", &entry],
        vec!["open", &entry, "--key-file", &keys],
        vec!["rotate", "--key-file", &keys],
        vec!["rotate", "--key-file", &keys, "--out", &next],
        vec!["rotate", "--key-file", &keys, "--next", &next],
    ] {
        for close_error in [false, true] {
            let error = if close_error { Stdio::piped() } else { Stdio::null() };
            let mut child = Command::new(env!("CARGO_BIN_EXE_cachekit"))
                .args(&arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(error)
                .spawn()
                .expect("it starts");
            drop(child.stdout.take());
            drop(child.stderr.take());
            let code = child.wait().expect("it is a child").code();
            assert!(code.is_some() && code != PANICKED, "{arguments:?}: {code:?}");
        }
    }
}
