//! `open`.

use crate::support::{Ended, Files, NAMESPACE, Run, STORAGE_KEY, key, keyring, seal, seal_for};
use cachekit_io::envelope::interop::InteropEnvelope;
use cachekit_io::envelope::{Context, Padding};

/// Opens an entry with key 1 and these options.
fn open(entry: &[u8], options: &[&str]) -> Ended {
    let arguments = [&["open", "-"], options].concat();
    Run::new(&arguments).input(entry).env("CACHEKIT_MASTER_KEY", &key(1)).end()
}

const HERE: [&str; 4] = ["--namespace", NAMESPACE, "--storage-key", STORAGE_KEY];

#[test]
fn an_entry_opens_to_its_value() {
    for padding in [Padding::None, Padding::Padme, Padding::PowerOfTwo] {
        for value in [vec![], b"\0\xff\n".to_vec(), vec![7; 100_000]] {
            let ended = open(&seal(&[1], padding, &value), &HERE);
            assert_eq!(ended.succeeded().out, value);
            assert_eq!(ended.said, "opened with the key: current\n");
        }
    }
    let context = Context::new("acme", NAMESPACE, STORAGE_KEY).codec("own").fingerprint(&[1, 0xab]);
    let entry = seal_for(&[1], Padding::None, &context, b"value");
    let place = ["--tenant", "acme", "--codec", "own", "--fingerprint", "01aB"];
    let ended = open(&entry, &[&HERE[..], &place].concat());
    assert_eq!(ended.succeeded().out, b"value");
}

#[test]
fn values_go_to_new_private_files() {
    let files = Files::new();
    let out = files.name("value");
    let entry = seal(&[1], Padding::None, b"value");
    let ended = open(&entry, &[&HERE[..], &["--out", &out]].concat());
    assert_eq!((ended.code, &ended.out[..]), (Some(0), &b""[..]));
    assert_eq!(files.read("value"), "value");
    open(&entry, &[&HERE[..], &["--out", &out]].concat()).failed(2, "nothing is overwritten");
}

#[test]
fn message_pack_is_shown_as_json() {
    let document = b"\x83\xa4name\xa3Ada\xa3age\x24\xa2of\x93\xc3\xc0\xcb\x3f\xf8\0\0\0\0\0\0";
    let ended = open(&seal(&[1], Padding::Padme, document), &[&HERE[..], &["--decode"]].concat());
    let json = "{\n  \"name\": \"Ada\",\n  \"age\": 36,\n  \"of\": [\n    true,\n    null,\n    1.5\n  ]\n}\n";
    assert_eq!(ended.succeeded().text(), json);
    for other in [&b""[..], b"\x2a\x2a", b"\x92\x01", b"\xc1 secret text"] {
        let ended = open(&seal(&[1], Padding::None, other), &[&HERE[..], &["--decode"]].concat());
        ended.failed(2, "not one MessagePack document");
        assert!(ended.out.is_empty() && !ended.said.contains("secret text"));
    }
}

#[test]
fn a_previous_key_opens_and_is_named() {
    let files = Files::new();
    let entry = files.write("entry", seal(&[3], Padding::None, b"value"));
    let keys = files.keys("keys", &[1, 2, 3]);
    let arguments = [&["open", entry.as_str(), "--key-file", &keys], &HERE[..]].concat();
    let ended = Run::new(&arguments).secret(&key(1)).secret(&key(2)).secret(&key(3)).end();
    assert_eq!(ended.succeeded().out, b"value");
    assert_eq!(ended.said, "opened with the key: previous 2\n");
}

#[test]
fn interop_entries_open_with_the_keys_of_the_ring_in_turn() {
    let mut entry = Vec::new();
    let envelope = InteropEnvelope::new(keyring(&[2]));
    envelope.seal("acme", "users:get:00", b"\x81\xa1a\x01", &mut entry).unwrap();
    let arguments = ["open", "-", "--interop", "--tenant", "acme", "--storage-key"];
    let run = |storage_key| {
        Run::new(&[&arguments[..], &[storage_key, "--decode"]].concat())
            .input(entry.clone())
            .env("CACHEKIT_MASTER_KEY", &key(1))
            .env("CACHEKIT_PREVIOUS_MASTER_KEYS", &key(2))
            .end()
    };
    let ended = run("users:get:00");
    assert_eq!(ended.succeeded().text(), "{\n  \"a\": 1\n}\n");
    assert_eq!(ended.said, "opened with the key: previous 1\n");
    run("users:get:01").failed(3, "no key opens the entry");
    open(b"short", &["--interop", "--storage-key", "a"]).failed(3, "damaged");
    open(&seal(&[1], Padding::None, b""), &["--interop", "--storage-key", "a"])
        .failed(3, "without --interop");
}

#[test]
fn refusals_say_what_was_wrong() {
    let entry = seal(&[1], Padding::None, b"the value");
    let at = |options: &[&str], code: i32, says: &str| {
        let ended = open(&entry, options);
        ended.failed(code, says);
        assert!(ended.out.is_empty());
    };
    let stranger = keyring(&[1]).key_ids("default", "other").unwrap()[0].to_string();
    at(&["--namespace", "other", "--storage-key", STORAGE_KEY], 3, "Another master key, tenant");
    at(&["--namespace", "other", "--storage-key", STORAGE_KEY], 3, &stranger);
    at(&[&HERE[..], &["--tenant", "acme"]].concat(), 3, "Another master key, tenant");
    at(&["--namespace", NAMESPACE, "--storage-key", "s1:0124"], 3, "not the storage key");
    at(&[&HERE[..], &["--fingerprint", "00"]].concat(), 3, "--fingerprint");
    at(&[&HERE[..], &["--codec", "own"]].concat(), 3, "--codec");
    at(&[&HERE[..], &["--fingerprint", "0"]].concat(), 2, "two for each byte");
    at(&["--namespace", "", "--storage-key", STORAGE_KEY], 2, "the namespace has 0 bytes");
    at(&["--storage-key", STORAGE_KEY], 2, "--namespace");
    at(&[&HERE[..], &["--interop"]].concat(), 2, "cannot be used with");
    at(&[&HERE[..], &["--key-file", "-"]].concat(), 2, "both the entry and the keys");

    let mut changed = entry.clone();
    *changed.last_mut().unwrap() ^= 1;
    open(&changed, &HERE).failed(3, "was changed");
    open(&entry[..111], &HERE).failed(3, "damaged");
    open(b"\x81\xa1a\x01", &HERE).failed(3, "not sealed in the native format");
    assert!(open(&changed, &HERE).out.is_empty());
}

#[test]
fn without_keys_it_says_where_they_come_from() {
    let entry = seal(&[1], Padding::None, b"the value");
    let arguments = [&["open", "-"], &HERE[..]].concat();
    let ended = Run::new(&arguments).input(entry).end();
    ended.failed(2, "CACHEKIT_MASTER_KEY is not set; --key-file");
}

/// What the command shows on a terminal; `script` gives it one.
fn on_a_terminal(files: &Files, entry: &[u8], options: &str) -> (bool, String) {
    let (entry, keys) = (files.write("entry", entry), files.keys("keys", &[1]));
    let program = env!("CARGO_BIN_EXE_cachekit");
    let command = format!(
        "{program} open {entry} --namespace {NAMESPACE} --storage-key {STORAGE_KEY} --key-file {keys} {options}"
    );
    let mut script = std::process::Command::new("script");
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
    let output = script.stdin(std::process::Stdio::null()).output();
    let output = output.expect("this test needs script: `apt-get install bsdutils`");
    (output.status.success(), String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn a_value_tells_a_terminal_nothing() {
    // The beginning of a command to the terminal: of one byte in ASCII, and of one character.
    for text in ["\u{1b}]0;title\u{7}", "\u{9b}2J", "a\u{7f}b"] {
        let files = Files::new();
        let plain = seal(&[1], Padding::None, text.as_bytes());
        let (shown, said) = on_a_terminal(&files, &plain, "");
        assert!(!shown && said.contains("not plain text") && !said.contains(text), "{said:?}");

        let mut document = vec![0xa0 | u8::try_from(text.len()).expect("short")];
        document.extend_from_slice(text.as_bytes());
        let document = seal(&[1], Padding::None, &document);
        for (entry, options) in [(&document, "--decode"), (&plain, "--json")] {
            let (shown, said) = on_a_terminal(&files, entry, options);
            assert!(shown && said.contains("\\u00"), "{said:?}");
            let told: Vec<char> = said.chars().filter(|c| c.is_control()).collect();
            assert!(told.iter().all(|c| matches!(c, '\r' | '\n')), "{said:?}");
        }
    }
    let files = Files::new();
    let (shown, said) = on_a_terminal(&files, &seal(&[1], Padding::None, b"plain"), "");
    assert!(shown && said.contains("plain"), "{said:?}");
}
