//! No pair of key and nonce twice: neither of 24 bytes, from which the keys of native entries are derived, nor of
//! 12 bytes in the interop format.

use super::*;
use crate::envelope::Header;
use crate::envelope::interop::InteropEnvelope;
use std::collections::HashSet;
use std::process::Command;

const CHILD: &str = "CACHEKIT_TEST_PRINT_NONCES";

#[test]
fn a_million_seals_repeat_no_nonce() {
    let (envelope, interop) = (envelope(1, &[]), InteropEnvelope::new(keyring(1, &[])));
    let mut entry = Vec::new();
    let (mut long, mut short) = (HashSet::new(), HashSet::new());
    for _ in 0..1 << 20 {
        envelope.seal(&CONTEXT(), b"", &mut entry).unwrap();
        assert!(long.insert(Header::parse(&entry).unwrap().nonce));
        interop.seal("acme", "a:b:c", b"", &mut entry).unwrap();
        assert!(short.insert(<[u8; 12]>::try_from(&entry[..12]).unwrap()));
    }
}

/// What a process prints for each entry it seals: its nonce, and that of an interop entry.
fn seal_and_print(envelope: &Envelope, interop: &InteropEnvelope, entries: usize) {
    let (mut native, mut foreign) = (Vec::new(), Vec::new());
    for _ in 0..entries {
        envelope.seal(&CONTEXT(), b"", &mut native).unwrap();
        interop.seal("acme", "a:b:c", b"", &mut foreign).unwrap();
        let nonce = Header::parse(&native).unwrap().nonce;
        println!("sealed: {} {}", hex::encode(nonce), hex::encode(&foreign[..12]));
    }
}

/// Real forks of one process that has sealed before: all copies go on from the same memory, the same keys
/// and the same buffers. That is also what a snapshot restores, so far as it is ours: the memory of a
/// process. What the kernel restores beside it is the subject of the documentation.
#[test]
fn forks_of_one_image_share_no_nonce() {
    const BEFORE: usize = 50;
    const AFTER: usize = 500;
    if std::env::var_os(CHILD).is_some() {
        let (envelope, interop) = (envelope(1, &[]), InteropEnvelope::new(keyring(1, &[])));
        seal_and_print(&envelope, &interop, BEFORE);
        // Twice: one image becomes four processes, the last of them forks of a fork.
        for _ in 0..2 {
            let _ = fork::fork().unwrap();
        }
        seal_and_print(&envelope, &interop, AFTER);
        // Not back into the test harness, which would report a test four times.
        std::process::exit(0);
    }
    let name = "envelope::tests::uniqueness::forks_of_one_image_share_no_nonce";
    let mut child = Command::new(std::env::current_exe().unwrap());
    // With one test thread the harness runs the test on the main thread: nothing else can hold a lock
    // while the process forks.
    child.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    // Ends when the last of the four has closed its end of the pipe.
    let output = child.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (mut seen, mut lines) = (HashSet::new(), 0);
    for line in text.lines() {
        // The harness prints the test's name without a line break before the first line.
        let Some((_, pair)) = line.split_once("sealed: ") else { continue };
        let (long, short) = pair.split_once(' ').unwrap();
        assert_eq!((long.len(), short.len()), (48, 24), "{line}");
        assert!(seen.insert(long.to_owned()), "a nonce came twice");
        assert!(seen.insert(short.to_owned()), "a nonce came twice");
        lines += 1;
    }
    assert_eq!(lines, BEFORE + 4 * AFTER, "{}", String::from_utf8_lossy(&output.stderr));
}
