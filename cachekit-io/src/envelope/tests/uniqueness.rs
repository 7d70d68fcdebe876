//! No pair of key and nonce twice. Every native entry has the same nonce, so it is the salts (from
//! which the keys are derived) that must not repeat. In the interop format it is the nonces.

use super::*;
use crate::envelope::Header;
use crate::envelope::interop::InteropEnvelope;
use std::collections::HashSet;
use std::process::Command;

const CHILD: &str = "CACHEKIT_TEST_PRINT_SALTS";

#[test]
fn a_million_seals_repeat_no_salt_and_no_nonce() {
    let (envelope, interop) = (envelope(1, &[]), InteropEnvelope::new(keyring(1, &[])));
    let mut entry = Vec::new();
    let (mut salts, mut nonces) = (HashSet::new(), HashSet::new());
    for _ in 0..1 << 20 {
        envelope.seal(&CONTEXT(), b"", &mut entry).unwrap();
        assert!(salts.insert(Header::parse(&entry).unwrap().salt));
        interop.seal("acme", "a:b:c", b"", &mut entry).unwrap();
        assert!(nonces.insert(<[u8; 12]>::try_from(&entry[..12]).unwrap()));
    }
}

/// Two processes that start from the same image with the same key, as far as safe Rust gets them.
/// A real fork has the same state at a later point of the program; but there is no state here that
/// it could copy: every salt and nonce is asked from the kernel when it is needed.
#[test]
fn processes_of_one_image_share_no_salt() {
    if std::env::var_os(CHILD).is_some() {
        let envelope = envelope(1, &[]);
        for _ in 0..1000 {
            let entry = sealed(&envelope, b"");
            println!("child: {}", hex::encode(Header::parse(&entry).unwrap().salt));
        }
        return;
    }
    let name = "envelope::tests::uniqueness::processes_of_one_image_share_no_salt";
    let mut salts = HashSet::new();
    for _ in 0..2 {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for line in text.lines() {
            // The harness prints the test's name without a line break before the first salt.
            if let Some((_, salt)) = line.split_once("child: ") {
                assert!(salts.insert(salt.to_owned()), "a salt came twice");
            }
        }
    }
    assert_eq!(salts.len(), 2000);
}
