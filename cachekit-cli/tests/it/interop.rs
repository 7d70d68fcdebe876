//! `cachekit key`, and `--interop`: keys and entries that all languages share.

use crate::backends::directory;
use crate::support::{Ended, Files, Run, key};

/// The known answer of the protocol for the arguments `[42]`.
const KNOWN: &str =
    "users:get_user:61598716255080080f6456eb065c2e51badfaa4320b0efe97469c29cffee8875";

fn run(arguments: &[&str], input: &[u8]) -> Ended {
    Run::new(arguments).input(input).end()
}

#[test]
fn a_key_is_the_one_of_the_protocol() {
    let ended = run(&["key", "--namespace", "users", "--operation", "get_user", "[42]"], b"");
    assert_eq!((ended.code, ended.text().trim_end()), (Some(0), KNOWN));
    let ended =
        run(&["key", "--json", "--namespace", "users", "--operation", "get_user", "[42]"], b"");
    assert_eq!(ended.text().trim_end(), format!("{{\"key\":\"{KNOWN}\"}}"));
    // Without arguments, the call has none.
    let ended = run(&["key", "--namespace", "users", "--operation", "all"], b"");
    let none = "8064bf5f945dba521b017bb3f32b31a293a6e16944838d171ea9e77fab085e8e";
    assert_eq!(ended.text().trim_end(), format!("users:all:{none}"));
    // The order of a map's keys does not count.
    let of = |arguments| {
        let ended = run(&["key", "--namespace", "n", "--operation", "o", arguments], b"");
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        ended.text().to_owned()
    };
    assert_eq!(of(r#"[{"b": 1, "a": 2.0}]"#), of(r#"[{"a": 2, "b": 1}]"#));
}

#[test]
fn what_is_no_call_is_a_usage_error() {
    for (namespace, arguments, why) in [
        ("users", "42", "JSON array"),
        ("users", "[", "JSON"),
        ("users", "[18446744073709551616]", "integers go from -2^63 to 2^64 - 1"),
        ("Users", "[]", "starts with a letter"),
        ("ns", "[]", "reserved"),
    ] {
        let ended = run(&["key", "--namespace", namespace, "--operation", "get", arguments], b"");
        assert_eq!(ended.code, Some(2), "{arguments}");
        assert!(ended.said.contains(why), "{}", ended.said);
    }
}

#[test]
fn values_go_in_and_out_as_json() {
    let files = Files::new();
    let url = format!("file://{}", directory(&files, "cache"));
    let value =
        r#"{"id":7,"when":{"$datetime":"2024-01-01T00:00:00+00:00"},"raw":{"$bytes":"c0ffee"}}"#;
    let set = run(&["set", KNOWN, "--interop", "--backend", &url], value.as_bytes());
    assert_eq!(set.code, Some(0), "{}", set.said);
    let got = run(&["get", KNOWN, "--interop", "--backend", &url], b"");
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(read(got.text()), read(value), "{}", got.said);
    // As it is, it is one MessagePack document.
    let raw = run(&["get", KNOWN, "--raw", "--backend", &url], b"");
    assert_eq!(raw.out[0], 0x83);

    let broken = run(&["set", "other", "--backend", &url], b"\xc1");
    assert_eq!(broken.code, Some(0));
    assert_eq!(run(&["get", "other", "--interop", "--backend", &url], b"").code, Some(3));
}

#[test]
fn sealed_ones_are_those_of_all_languages() {
    let files = Files::new();
    let url = format!("file://{}", directory(&files, "cache"));
    let with_key = |arguments: &[&str], byte: u8, input: &[u8]| {
        Run::new(arguments).input(input).env("CACHEKIT_MASTER_KEY", &key(byte)).end()
    };
    let set =
        with_key(&["set", KNOWN, "--interop", "--secure", "--backend", &url], 1, b"\"secret\"");
    assert_eq!(set.code, Some(0), "{}", set.said);
    let get = ["get", KNOWN, "--interop", "--secure", "--backend", &url];
    assert_eq!(with_key(&get, 1, b"").text().trim_end(), "\"secret\"");
    let other = with_key(&get, 2, b"");
    assert!(other.code == Some(3) && !other.text().contains("secret"), "{}", other.said);
}
