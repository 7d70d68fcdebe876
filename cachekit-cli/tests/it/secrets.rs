//! Keys where they do not belong: no error message repeats them.

use crate::support::{Files, NAMESPACE, Run, STORAGE_KEY, key, seal};
use cachekit_io::envelope::Padding;

const COMMANDS: [&str; 15] = [
    "get",
    "set",
    "delete",
    "exists",
    "key",
    "ttl",
    "health",
    "keygen",
    "fingerprint",
    "inspect",
    "open",
    "rotate",
    "completions",
    "man",
    "top",
];

#[test]
fn a_key_on_the_command_line_is_refused_and_not_repeated() {
    let digits = key(1);
    let prefixed = format!("0x{digits}");
    let option = format!("--key={digits}");
    let file_option = format!("--key-file={digits}");
    for command in COMMANDS {
        for arguments in [
            vec![command, &digits],
            vec![command, &prefixed],
            vec![command, "--key", &digits],
            vec![command, &option],
            vec![command, &file_option],
            vec![command, "--key-file", &digits],
            vec![command, "--format", &digits],
            vec![command, "--tenant", &digits, "--nonsense"],
            vec![command, "--url", &digits],
            vec![&digits, command],
            vec![command, "--help", &digits],
        ] {
            let ended = Run::new(&arguments).secret(&digits).end();
            let help = arguments.contains(&"--help");
            assert_eq!(ended.code == Some(0), help, "{arguments:?}: {}", ended.said);
        }
    }
    let ended = Run::new(&["fingerprint", &digits]).secret(&digits).end();
    ended.failed(2, "make another one");

    // Where any text is good, it is taken for what it stands for, and still not repeated.
    let files = Files::new();
    let keys = files.keys("keys", &[2]);
    for command in ["fingerprint", "rotate"] {
        let arguments = [command, "--key-file", &keys, "--tenant", &digits, "--namespace", &digits];
        let ended = Run::new(&arguments).secret(&digits).secret(&key(2)).end();
        assert!(ended.succeeded().text().contains("[hidden]"));
    }
    let file = files.keys(&digits, &[2]);
    let ended = Run::new(&["rotate", "--key-file", &file]).secret(&digits).end();
    assert!(ended.succeeded().text().contains("[hidden]"));
    Run::new(&["keygen", "--out", &files.name(&digits[..63])]).secret(&digits).end().succeeded();
}

#[test]
fn malformed_keys_are_not_repeated() {
    let files = Files::new();
    let entry = files.write("entry", seal(&[1], Padding::None, b"value"));
    let digits = key(1);
    let good = key(2);
    for bad in [
        digits[..63].to_owned(),
        digits[..62].to_owned(),
        format!("{digits}zz"),
        format!("0x{digits}"),
        format!("{digits} {digits}"),
        format!("\"{digits}\""),
        format!("{}g", &digits[..63]),
        format!("é{digits}"),
    ] {
        let file = files.write("bad", format!("{good}\n{bad}\n"));
        for command in ["fingerprint", "open", "rotate"] {
            let mut arguments = vec![command];
            if command == "open" {
                arguments.extend([&entry, "--namespace", NAMESPACE, "--storage-key", STORAGE_KEY]);
            }
            let run = |more: &[&str]| {
                let all = [&arguments[..], more].concat();
                Run::new(&all).secret(&digits).secret(&good)
            };
            run(&["--key-file", &file]).end().failed(2, "line 2");
            run(&["--key-file", "-"]).input(bad.clone()).end().failed(2, "line 1");
            run(&[]).env("CACHEKIT_MASTER_KEY", &bad).end().failed(2, "CACHEKIT_MASTER_KEY");
            let listed = run(&[]).env("CACHEKIT_MASTER_KEY", &good);
            let listed = listed.env("CACHEKIT_PREVIOUS_MASTER_KEYS", &bad).end();
            listed.failed(2, "CACHEKIT_PREVIOUS_MASTER_KEYS");
        }
    }
}

#[test]
fn unusable_sources_of_keys_are_named() {
    let files = Files::new();
    let with = |file: &str| Run::new(&["fingerprint", "--key-file", file]).end();
    with(&files.name("missing")).failed(2, "missing");
    with(&files.write("empty", "")).failed(2, "no key");
    with(&files.write("comments", "# nothing\n\n")).failed(2, "no key");
    with(&files.write("large", "#".repeat(17 * 1024))).failed(2, "small regular file");
    let twice = files.keys("twice", &[1, 2, 2]);
    Run::new(&["fingerprint", "--key-file", &twice]).secret(&key(2)).end().failed(2, "twice");
    Run::new(&["fingerprint", "--key-file", "-"]).end().failed(2, "no key");
    let long = "#".repeat(17 * 1024);
    Run::new(&["fingerprint", "--key-file", "-"]).input(long).end().failed(2, "more than any");
    let raw = [0xff; 32];
    Run::new(&["fingerprint", "--key-file", "-"]).input(raw).end().failed(2, "hex digits");
    Run::new(&["fingerprint"]).env("CACHEKIT_MASTER_KEY", "").end().failed(2, "0 characters");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = files.keys("open", &[1]);
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o640)).unwrap();
        Run::new(&["fingerprint", "--key-file", &open])
            .secret(&key(1))
            .end()
            .failed(2, "chmod 600");
    }
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let ended = Run::new(&["--help"]).end();
    for word in COMMANDS.iter().chain(&["Exit codes", "never from the command line"]) {
        assert!(ended.succeeded().text().contains(word), "{word}");
    }
    for command in COMMANDS {
        let ended = Run::new(&[command, "--help"]).end();
        assert!(ended.succeeded().text().contains("Usage: cachekit"));
    }
    assert!(Run::new(&["--version"]).end().succeeded().text().starts_with("cachekit "));
    assert_eq!(Run::new::<&str>(&[]).end().code, Some(2));
}
