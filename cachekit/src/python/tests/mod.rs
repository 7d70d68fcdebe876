//! Published entries and envelopes, and what is refused of them.

use serde_json::Value as Json;

use super::{Error, ErrorKind, open_envelope, read, read_envelope};
use crate::interop::{self, Value};
use crate::vectors::{PYTHON_FRAMES as FRAMES, WIRE, bytes, rows, text};

/// Of segments that are repeated.
fn constructed(segments: &Json) -> Vec<u8> {
    let segment = |segment: &Json| {
        let count = usize::try_from(segment["count"].as_u64().unwrap()).unwrap();
        bytes(segment, "hex").repeat(count)
    };
    segments.as_array().unwrap().iter().flat_map(segment).collect()
}

fn report(what: &str, count: usize) {
    crate::vectors::report("python", what, count);
}

#[test]
fn published_entries() {
    let rows = rows(FRAMES, "frame_vectors");
    let (mut values, mut refused) = (0, 0);
    for row in &rows {
        let name = text(row, "name");
        let entry = bytes(row, "frame_hex");
        let read: Result<Value, Error> = read(&entry);
        match name {
            "raw_payload_frame" => {
                // Its payload is text, not a document.
                let kind = ErrorKind::Value(interop::ErrorKind::TrailingBytes);
                assert_eq!(read.unwrap_err().kind(), kind);
                refused += 1;
            }
            "arrow_dataframe_write" | "arrow_compression_off_write" => {
                let error = read.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Serializer);
                assert!(error.to_string().contains("Arrow"), "{error}");
                refused += 1;
            }
            "pythonic_alias_write" => {
                assert_eq!(read.unwrap_err().kind(), ErrorKind::PythonOnly);
                refused += 1;
            }
            _ => {
                let expected = Value::from_json(&row["value_json"].to_string()).unwrap();
                assert_eq!(read.unwrap(), expected, "{name}");
                values += 1;
            }
        }
        // Nothing of it is an interop value.
        let error = interop::decode_value::<Value>(&entry).unwrap_err();
        assert_eq!(error.kind(), interop::ErrorKind::PythonFrame, "{name}");
    }
    assert_eq!((values, refused, rows.len()), (7, 4, 11));
    report("published entries are read or refused", rows.len());
}

#[test]
fn published_faults_of_entries() {
    let rows = rows(FRAMES, "error_vectors");
    for row in &rows {
        let error = read::<Value>(&bytes(row, "frame_hex")).unwrap_err();
        let expected = match row["rejected_by"].as_str() {
            Some("prefix_length" | "header_length" | "serializer_name") => ErrorKind::Header,
            Some("version") => ErrorKind::Version,
            Some("magic") => ErrorKind::NoFrame,
            None => ErrorKind::Value(interop::ErrorKind::TrailingBytes),
            other => panic!("{other:?}"),
        };
        assert_eq!(error.kind(), expected, "{}: {error}", row["name"]);
    }
    assert_eq!(rows.len(), 12);
    report("published faults of entries are refused", rows.len());
}

#[test]
fn published_encrypted_entries() {
    let rows = rows(FRAMES, "encrypted_read_vectors");
    for row in &rows {
        let read: Result<Value, Error> = read(&bytes(row, "frame_hex"));
        match (text(row, "name"), text(row, "header_claims")) {
            // No claim is made here about who wrote it: it is plaintext.
            ("forged_plaintext_encrypted_false", _) => assert!(read.is_ok()),
            (_, "plaintext") => assert_eq!(read.unwrap_err().kind(), ErrorKind::Serializer),
            (name, _) => {
                let kind = read.unwrap_err().kind();
                assert!(
                    matches!(kind, ErrorKind::Encrypted | ErrorKind::Header),
                    "{name}: {kind:?}"
                );
            }
        }
    }
    assert_eq!(rows.len(), 8);
    report("published encrypted entries are refused", rows.len());
}

#[test]
fn published_envelopes() {
    let rows = rows(WIRE, "vectors");
    for row in &rows {
        let (payload, format) = open_envelope(&bytes(row, "envelope_hex")).unwrap();
        assert_eq!(payload, bytes(row, "input_hex"), "{}", row["name"]);
        assert_eq!(format, text(row, "format"));
    }
    let large = crate::vectors::rows(WIRE, "constructed_vectors");
    for row in &large {
        let (payload, _) = open_envelope(&constructed(&row["envelope_construction"])).unwrap();
        assert!(payload == constructed(&row["input_construction"]), "{}", row["name"]);
    }
    assert_eq!((rows.len(), large.len()), (18, 4));
    report("published envelopes are opened", rows.len() + large.len());
}

#[test]
fn published_faults_of_envelopes() {
    let rows = rows(WIRE, "reject_vectors");
    for row in &rows {
        let envelope = if row["envelope_hex"].is_string() {
            bytes(row, "envelope_hex")
        } else {
            constructed(&row["envelope_construction"])
        };
        let error = open_envelope(&envelope).unwrap_err();
        let expected = match (row["reject_step"].as_u64().unwrap(), text(row, "name")) {
            (2, _) => ErrorKind::DeserializationFailed,
            (4, _) => ErrorKind::InputTooLarge,
            (5, _) => ErrorKind::DecompressionBomb,
            (6, "reject_decompressed_length_mismatch") => ErrorKind::SizeValidationFailed,
            (6, _) => ErrorKind::DecompressionFailed,
            (8, _) => ErrorKind::ChecksumMismatch,
            other => panic!("{other:?}"),
        };
        assert_eq!(error.kind(), expected, "{}: {error}", row["name"]);
        let is_scan = row["reject_check"] == "decode_bounds";
        assert_eq!(error.to_string().starts_with("decode pre-scan:"), is_scan, "{}", row["name"]);
    }
    assert_eq!(rows.len(), 14);
    let payloads = crate::vectors::rows(WIRE, "payload_reject_vectors");
    for row in &payloads {
        let error = read_envelope::<Value>(&bytes(row, "envelope_hex")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Value(interop::ErrorKind::Malformed));
    }
    assert_eq!(payloads.len(), 2);
    report("published faults of envelopes are refused", rows.len() + payloads.len());
}

/// `hello, cachekit!`
const SIMPLE: &str =
    "94c412f00168656c6c6f2c2063616368656b697421986dcc8a34ccb63a3c52ccd310a76d73677061636b";

fn simple() -> Vec<u8> {
    hex::decode(SIMPLE).unwrap()
}

#[test]
fn an_envelope_may_have_names_and_be_followed_by_bytes() {
    let parts = simple();
    let [data, sum, len, format] = [&parts[1..21], &parts[21..33], &parts[33..34], &parts[34..]];
    let named = |fields: &[(&str, &[u8])]| {
        let mut out = vec![0x80 | u8::try_from(fields.len()).unwrap()];
        for (name, value) in fields {
            out.extend(rmp_serde::to_vec(name).unwrap());
            out.extend_from_slice(value);
        }
        out
    };
    let all = [
        ("format", format),
        ("other", &[0x91, 0x90][..]),
        ("original_size", len),
        ("checksum", sum),
        ("compressed_data", data),
    ];
    let payload = b"hello, cachekit!";
    assert_eq!(open_envelope(&named(&all)).unwrap().0, payload);
    for missing in [0, 2, 3, 4] {
        let mut fields = all.to_vec();
        fields.remove(missing);
        assert_eq!(
            open_envelope(&named(&fields)).unwrap_err().kind(),
            ErrorKind::DeserializationFailed
        );
    }
    let twice = [&all[..], &all[..1]].concat();
    assert_eq!(open_envelope(&named(&twice)).unwrap_err().kind(), ErrorKind::DeserializationFailed);
    assert_eq!(open_envelope(&[simple(), vec![1, 2]].concat()).unwrap().0, payload);
    let mut wrong = simple();
    let last = wrong.len() - 1;
    wrong[last] = b'X';
    assert_eq!(read_envelope::<Value>(&wrong).unwrap_err().kind(), ErrorKind::Serializer);
}

#[test]
fn a_changed_envelope_is_never_read_as_another_payload() {
    let envelope = simple();
    for at in 0..envelope.len() {
        for flip in 1..=u8::MAX {
            let mut changed = envelope.clone();
            changed[at] ^= flip;
            if let Ok((payload, _)) = open_envelope(&changed) {
                assert_eq!(payload, b"hello, cachekit!", "{at} {flip}");
            }
        }
    }
    for len in 0..envelope.len() {
        let kind = open_envelope(&envelope[..len]).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::DeserializationFailed);
    }
}

fn entry(header: &str, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(header.len()).unwrap().to_be_bytes();
    [b"CK\x03", &len[..], header.as_bytes(), payload].concat()
}

#[test]
fn other_serializers_are_refused_with_the_reason() {
    let header = |serializer: &str, format: &str| {
        format!(
            r#"{{"s":"{serializer}","m":{{"format":"{format}","compressed":false}},"v":"2.0"}}"#
        )
    };
    assert_eq!(read::<u8>(&entry(&header("default", "msgpack"), &[7])).unwrap(), 7);
    // The header may be padded.
    assert_eq!(read::<u8>(&entry(&(header("std", "msgpack") + "   "), &[7])).unwrap(), 7);
    for (serializer, format, said) in [
        ("arrow", "arrow", "Arrow"),
        ("orjson", "orjson", "orjson"),
        ("auto", "numpy", "NumPy"),
        ("default", "pickle", "pickle"),
        ("mine", "msgpack", "own"),
    ] {
        let error = read::<u8>(&entry(&header(serializer, format), &[7])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Serializer);
        assert!(error.to_string().contains(said), "{error}");
    }
    for (header, kind) in [
        (r#"{"s":"default","m":{"format":"msgpack"},"v":"2.0"}"#, ErrorKind::Header),
        (r#"{"s":"default","m":{"format":"msgpack","compressed":false}}"#, ErrorKind::Version),
        (r#"{"s":"default","m":{"compressed":false},"v":"2.0"}"#, ErrorKind::Serializer),
        (r#"{"s":7,"m":{"format":"msgpack","compressed":false},"v":"2.0"}"#, ErrorKind::Header),
        ("[]", ErrorKind::Version),
        ("", ErrorKind::Header),
        ("{", ErrorKind::Header),
        (
            r#"{"s":"default","m":{"format":"msgpack","compressed":false,"encrypted":true},"v":"2.0"}"#,
            ErrorKind::Encrypted,
        ),
        (
            r#"{"s":"default","m":{"format":"msgpack","compressed":false,"encrypted":"no"},"v":"2.0"}"#,
            ErrorKind::Encrypted,
        ),
    ] {
        assert_eq!(read::<u8>(&entry(header, &[7])).unwrap_err().kind(), kind, "{header}");
    }
    let padded = " ".repeat(70_000) + &header("default", "msgpack");
    assert_eq!(read::<u8>(&entry(&padded, &[7])).unwrap_err().kind(), ErrorKind::Header);
}

#[test]
fn markers_of_python_are_refused_and_dates_are_read() {
    let header = r#"{"s":"auto","m":{"format":"msgpack","compressed":false},"v":"2.0"}"#;
    let document = |json: &str| {
        let value = Value::from_json(json).unwrap();
        entry(header, &interop::encode_value(&value).unwrap())
    };
    for marked in [
        r#"{"__tuple__": true, "value": [1]}"#,
        r#"[1, {"a": [], "b": {"__set__": true, "value": []}}]"#,
        r#"{"x": {"value": 1, "__anything__": true}}"#,
    ] {
        assert_eq!(read::<Value>(&document(marked)).unwrap_err().kind(), ErrorKind::PythonOnly);
    }
    for plain in [
        r#"{"__tuple__": false, "value": [1]}"#,
        r#"{"__tuple__": [true], "value": true}"#,
        r#"["__tuple__", true]"#,
        r#"{"tuple": true, "a": {"__x__": "y"}, "b": true}"#,
        r#"{"when": {"$datetime": "2024-01-01T00:00:00+00:00"}}"#,
    ] {
        let value: Value = read(&document(plain)).unwrap();
        assert_eq!(value, Value::from_json(plain).unwrap());
    }
    let deep = [vec![0x91; 100], vec![0x90]].concat();
    let kind = read::<Value>(&entry(header, &deep)).unwrap_err().kind();
    assert_eq!(kind, ErrorKind::Value(interop::ErrorKind::TooDeep));
}

#[test]
fn no_error_holds_a_part_of_the_entry() {
    let header = r#"{"s":"hunter2","m":{"format":"hunter2","compressed":false},"v":"2.0"}"#;
    let error = read::<u8>(&entry(header, b"hunter2")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}
