//! `inspect`.

use crate::support::{Ended, Files, NAMESPACE, Run, keyring, seal};
use cachekit_io::envelope::Padding;
use cachekit_io::envelope::interop::InteropEnvelope;

fn inspect(bytes: &[u8]) -> Ended {
    let ended = Run::new(&["inspect", "-"]).input(bytes).end();
    let files = Files::new();
    let file = files.write("entry", bytes);
    let again = Run::new(&["inspect", &file]).end();
    assert_eq!((again.code, &again.out, &again.said), (ended.code, &ended.out, &ended.said));
    ended
}

#[track_caller]
fn says(ended: &Ended, code: i32, rows: &[(&str, &str)]) {
    assert_eq!(ended.code, Some(code), "{}{}", ended.text(), ended.said);
    for (name, value) in rows {
        let row = format!("{:<14}{value}", format!("{name}:"));
        assert!(
            ended.text().lines().any(|line| line == row),
            "{row:?} is not in:\n{}",
            ended.text()
        );
    }
}

#[test]
fn sealed_entries_show_their_header_without_a_key() {
    let id = keyring(&[1]).key_ids("default", NAMESPACE).unwrap()[0].to_string();
    for (padding, name, value, bytes) in [
        (Padding::None, "none", "100 bytes", "212"),
        (Padding::Padme, "Padmé", "at most 100 bytes", "216"),
        (Padding::PowerOfTwo, "powers of two", "at most 124 bytes", "240"),
    ] {
        let entry = seal(&[1], padding, &[7; 100]);
        let rows = [
            ("format", "sealed, native"),
            ("version", "2"),
            ("suite", "1 (HKDF-SHA256, HMAC-SHA256, XAES-256-GCM)"),
            ("key id", id.as_str()),
            ("padding", name),
            ("value", value),
            ("bytes", bytes),
        ];
        says(&inspect(&entry), 0, &rows);
    }
}

#[test]
fn damaged_headers_are_no_sealed_entries() {
    let entry = seal(&[1], Padding::None, b"value");
    for (at, byte, format) in [
        (4, 9, "native, but of an unknown version or suite"),
        (5, 9, "native, but of an unknown version or suite"),
        (6, 9, "native, but damaged: too short, or fields that no writer produces"),
        (7, 9, "native, but damaged: too short, or fields that no writer produces"),
    ] {
        let mut entry = entry.clone();
        entry[at] = byte;
        let ended = inspect(&entry);
        says(&ended, 3, &[("format", format)]);
        ended.failed(3, "no entry that could be opened");
    }
    says(&inspect(&entry[..111]), 3, &[("bytes", "111")]);
}

#[test]
fn interop_entries_cannot_be_told_from_noise_and_are_not_called_plaintext() {
    let mut entry = Vec::new();
    InteropEnvelope::new(keyring(&[1])).seal("default", "a:b:c", &[0xc0; 40], &mut entry).unwrap();
    let rows = [
        ("format", "no mark: a sealed interop entry, or one of another program"),
        ("if interop", "40 bytes of value; only opening can tell"),
        ("bytes", "68"),
    ];
    says(&inspect(&entry), 0, &rows);
}

#[test]
fn plaintext_is_called_plaintext() {
    let document = b"\x82\xa4name\xa3Ada\xa3age\x24";
    let format = "plaintext! one MessagePack document, as interop entries without a seal";
    let ended = inspect(document);
    says(&ended, 3, &[("format", format), ("bytes", "15")]);
    ended.failed(3, "plaintext!");
    // The value itself is not shown.
    assert!(!ended.text().contains("Ada"));
    // Short ones, too.
    says(&inspect(b"\x2a"), 3, &[("format", format)]);

    // The published example of the container that other SDKs put around values.
    let digits =
        "94c412f00168656c6c6f2c2063616368656b697421986dcc8a34ccb63a3c52ccd310a76d73677061636b";
    let storage = hex::decode(digits).unwrap();
    let format = "plaintext! a compressed value of the Python or TypeScript SDK";
    says(&inspect(&storage), 3, &[("format", format)]);

    says(
        &inspect(b"\xc1CK9 whatever stands here, it is long enough"),
        3,
        &[("format", "plaintext! a frame of cachekit, of another version or damaged")],
    );
}

#[test]
fn entries_of_the_python_sdk_are_told_by_their_header() {
    let framed = |header: &str| {
        let len = u32::try_from(header.len()).unwrap().to_be_bytes();
        [b"CK\x03", &len[..], header.as_bytes(), b"the payload"].concat()
    };
    let plain = framed(r#"{"s":"def\u001bault","m":{"format":"msgpack"},"v":"2.0"}"#);
    let ended = inspect(&plain);
    says(
        &ended,
        3,
        &[("format", "frame of the Python SDK; plaintext!"), ("serializer", r"def\u{1b}ault")],
    );
    let sealed = framed(r#"{"s":"default","m":{"format":"msgpack","encrypted":true},"v":"2.0"}"#);
    says(
        &inspect(&sealed),
        0,
        &[("format", "frame of the Python SDK; its header says: encrypted")],
    );
    // Cut off or with a false length it is nothing.
    let mut long = sealed.clone();
    long[3] = 0xff;
    says(
        &inspect(&long),
        0,
        &[("format", "no mark: a sealed interop entry, or one of another program")],
    );
}

#[test]
fn files_of_the_file_backend_are_looked_through() {
    let entry = seal(&[1], Padding::None, b"value");
    let in_file = |expiry: u64| [b"CK\x01\0\0\0", &expiry.to_be_bytes()[..], &entry].concat();
    let rows = [
        ("container", "file of the file backend"),
        ("expires", "2033-05-18T03:33:20Z"),
        ("format", "sealed, native"),
    ];
    says(&inspect(&in_file(2_000_000_000)), 0, &rows);
    says(&inspect(&in_file(0)), 0, &[("expires", "never")]);
    says(&inspect(&in_file(u64::MAX)), 0, &[("expires", "18446744073709551615 s after 1970")]);
}

#[test]
fn what_is_no_entry_is_an_error() {
    says(&inspect(b""), 3, &[("format", "too short for anything sealed")]);
    says(&inspect(&[0xd9; 27]), 3, &[("format", "too short for anything sealed")]);
    Run::new(&["inspect", "/no/such/file"]).end().failed(1, "/no/such/file");
    Run::new(&["inspect"]).end().failed(2, "required");
    Run::new(&["inspect", "-", "--from-service"]).end().failed(2, "cannot be used with");
    Run::new(&["inspect", "--from-service"]).end().failed(2, "--storage-key");
    Run::new(&["inspect", "--from-service", "--storage-key", "a"])
        .end()
        .failed(2, "CACHEKIT_API_KEY");
}
