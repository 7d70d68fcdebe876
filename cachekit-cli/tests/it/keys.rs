//! `keygen` and `fingerprint`.

use crate::support::{Files, Run, first_key, key, keyring};

#[test]
fn keygen_prints_a_new_key_each_time_and_nothing_else() {
    let keys: Vec<String> = (0..3)
        .map(|_| {
            let ended = Run::new(&["keygen"]).end_unwatched();
            assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
            let text = ended.text().to_owned();
            let key = text.strip_suffix('\n').expect("one line");
            assert_eq!(key.len(), 64);
            assert!(key.bytes().all(|digit| digit.is_ascii_hexdigit()));
            text
        })
        .collect();
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
    let ended = Run::new(&["keygen", "--format", "env"]).end_unwatched();
    let line = ended.text().strip_prefix("CACHEKIT_MASTER_KEY=").expect("the variable");
    assert_eq!(line.len(), 65);
}

#[test]
fn keygen_writes_a_private_file_and_never_over_another() {
    let files = Files::new();
    let file = files.name("keys");
    let ended = Run::new(&["keygen", "--out", &file]).end();
    ended.succeeded();
    assert_eq!(ended.out, b"");
    assert!(ended.said.contains(&file));
    let written = files.read("keys");
    assert_eq!(written.len(), 65);
    assert!(!ended.said.contains(written.trim()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(files.path("keys")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = Run::new(&["keygen", "--out", &file]).secret(written.trim()).end();
    again.failed(2, "nothing is overwritten");
    assert_eq!(files.read("keys"), written);
    Run::new(&["keygen", "--out", &files.name("no/such/directory")])
        .end()
        .failed(1, "cannot write");
    // The file is one to work with.
    let named = Run::new(&["fingerprint", "--key-file", &file]).secret(written.trim()).end();
    assert!(named.succeeded().text().contains("current:"));
}

#[test]
fn fingerprints_are_those_that_all_sdks_print() {
    for (tenant, fingerprint) in [
        ("default", "52d54c97f8e5efaa5bdf58a301f92726"),
        ("cross-sdk-test", "96179a9bc881aa7ca83f04b78a66afd3"),
    ] {
        let run = Run::new(&["fingerprint", "--tenant", tenant]);
        let ended = run.env("CACHEKIT_MASTER_KEY", &first_key()).end();
        let expected = format!("tenant:       {tenant}\ncurrent:      interop={fingerprint}\n");
        assert_eq!(ended.succeeded().text(), expected);
    }
}

#[test]
fn key_ids_come_from_file_environment_or_input_alike() {
    let files = Files::new();
    let ids = keyring(&[1, 2, 3]).key_ids("acme", "sensitive").unwrap();
    let arguments = ["fingerprint", "--tenant", "acme", "--namespace", "sensitive", "--key-file"];
    let with = |file: &str| Run::new(&[&arguments[..], &[file]].concat());
    let lines = format!("# the keys\n\n{}\n {}\n{}", key(1), key(2).to_uppercase(), key(3));
    let from_file = with(&files.write("keys", &lines)).secret(&lines).end();
    let from_input = with("-").input(lines.clone()).secret(&lines).end();
    let from_environment = Run::new(&arguments[..5])
        .env("CACHEKIT_MASTER_KEY", &key(1))
        .env("CACHEKIT_PREVIOUS_MASTER_KEYS", &format!("{}, {}", key(2), key(3)))
        .end();
    let text = from_file.succeeded().text();
    for (name, id) in ["current:", "previous 1:", "previous 2:"].iter().zip(&ids) {
        assert!(text.contains(&format!("{name:<14}key-id={id} interop=")), "{text}");
    }
    assert_eq!(text.lines().count(), 5);
    assert_eq!(from_input.succeeded().text(), text);
    assert_eq!(from_environment.succeeded().text(), text);
}

#[test]
fn names_from_the_command_line_cannot_forge_lines() {
    let run = Run::new(&["fingerprint", "--tenant", "a\ncurrent: x\u{1b}[2J"]);
    let ended = run.env("CACHEKIT_MASTER_KEY", &first_key()).end();
    assert_eq!(ended.succeeded().text().lines().count(), 2);
    assert!(!ended.text().contains('\u{1b}'));
    let run = Run::new(&["fingerprint", "--tenant", ""]);
    run.env("CACHEKIT_MASTER_KEY", &first_key()).end().failed(2, "the tenant has 0 bytes");
}
