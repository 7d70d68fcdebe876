//! Each published vector that is about keys, values and readers. None is passed over: the counts are asserted.

use serde_json::Value as Json;

use crate::interop::{ErrorKind, Value, decode_value, encode_args, encode_value, key};
use crate::vectors::{BOUNDS, INTEROP, WIRE, bytes, rows, text};

/// The vectors' own tags for what JSON lacks are those of `from_json`.
fn value(json: &Json) -> Value {
    Value::from_json(&json.to_string()).unwrap()
}

pub(crate) fn report(what: &str, count: usize) {
    crate::vectors::report("interop/v1", what, count);
}

#[test]
fn keys() {
    let rows = rows(INTEROP, "key_vectors");
    for row in &rows {
        let name = text(row, "name");
        let args = value(&row["args"]);
        let encoded = encode_args(&args).unwrap();
        assert_eq!(hex::encode(&encoded), text(row, "canonical_args_hex"), "{name}");
        let made = key(text(row, "namespace"), text(row, "operation"), &args).unwrap();
        assert_eq!(made.as_str(), text(row, "expected_key"), "{name}");
        assert_eq!(&made[made.len() - 64..], text(row, "args_hash"), "{name}");
    }
    assert_eq!(rows.len(), 44);
    report("published keys are ours", rows.len());
}

#[test]
fn values() {
    let rows = rows(INTEROP, "value_vectors");
    for row in &rows {
        let name = text(row, "name");
        let stored = bytes(row, "canonical_msgpack_hex");
        assert_eq!(encode_value(&value(&row["value"])).unwrap(), stored, "{name}");
        let read: Value = decode_value(&stored).unwrap();
        assert_eq!(encode_value(&read).unwrap(), stored, "{name}");
        assert_eq!(value(&serde_json::from_str(&read.to_json()).unwrap()), read, "{name}");
    }
    assert_eq!(rows.len(), 6);
    report("published values are ours", rows.len());
}

/// Arguments that cannot be written as JSON with our tags are built by hand.
fn refused_arguments(name: &str, json: &Json) -> Result<(), ErrorKind> {
    match Value::from_json(&json.to_string()) {
        Ok(args) => key("t", "op", &args).map(|_| ()).map_err(|error| error.kind()),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Range, "{name}");
            // The tag's own check refused it; the encoder refuses it, too.
            let (above, below) = (i128::from(u64::MAX) + 1, i128::from(i64::MIN) - 1);
            let wrong = if name.contains("overflow") { above } else { below };
            key("t", "op", &([(1, wrong)],)).map(|_| ()).map_err(|error| error.kind())
        }
    }
}

#[test]
fn errors() {
    let rows = rows(INTEROP, "error_vectors");
    let mut kinds = std::collections::BTreeMap::new();
    for row in &rows {
        let name = text(row, "name");
        let kind = if row["namespace"].is_string() {
            let args = value(&row["args"]);
            let error = key(text(row, "namespace"), text(row, "operation"), &args).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Segment, "{name}");
            error.kind()
        } else {
            refused_arguments(name, &row["args"]).unwrap_err()
        };
        *kinds.entry(format!("{kind:?}")).or_insert(0) += 1;
    }
    assert_eq!(rows.len(), 34);
    let kinds: Vec<_> = kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(kinds, [("OutsideModel", 2), ("Range", 10), ("Segment", 22)]);
    report("published faults are refused", rows.len());
}

#[test]
fn readers() {
    let accepted = rows(INTEROP, "reader_accept_vectors");
    for row in &accepted {
        let read: Value = decode_value(&bytes(row, "input_hex")).unwrap();
        if !row["value"].is_null() {
            assert_eq!(read, value(&row["value"]), "{}", row["name"]);
        }
    }
    let refused = rows(INTEROP, "reader_reject_vectors");
    for row in &refused {
        let error = decode_value::<Value>(&bytes(row, "input_hex")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TrailingBytes, "{}", row["name"]);
    }
    assert_eq!((accepted.len(), refused.len()), (6, 1));
    report("published documents are read or refused", accepted.len() + refused.len());
}

#[test]
fn bounds() {
    for (list, count) in [("accept_vectors", 3), ("reject_vectors", 19)] {
        let rows = rows(BOUNDS, list);
        for row in &rows {
            let name = text(row, "name");
            let input = bytes(row, "input_hex");
            let parts = &row["construction"];
            let times = usize::try_from(parts["count"].as_u64().unwrap()).unwrap();
            let mut built = bytes(parts, "repeat_hex").repeat(times);
            built.extend(bytes(parts, "suffix_hex"));
            assert_eq!(built, input, "{name}");
            let read = decode_value::<Value>(&input);
            let ignored = decode_value::<serde::de::IgnoredAny>(&input);
            if list == "accept_vectors" {
                assert!(read.is_ok() && ignored.is_ok(), "{name}");
                continue;
            }
            for error in [read.unwrap_err(), ignored.unwrap_err()] {
                let kind = error.kind();
                assert!(
                    matches!(kind, ErrorKind::Malformed | ErrorKind::TooDeep),
                    "{name}: {error}"
                );
            }
        }
        assert_eq!(rows.len(), count);
        report("published bounds are kept", rows.len());
    }
}

#[test]
fn sentinels() {
    let rows = rows(WIRE, "temporal_sentinel_vectors");
    for row in &rows {
        let payload = bytes(row, "payload_hex");
        let read: Value = decode_value(&payload).unwrap();
        let revived = &row["revives_to"];
        let (kind, iso) = match &read {
            Value::DateTime(date) => ("datetime", date.to_string()),
            Value::Date(date) => ("date", date.to_string()),
            Value::Time(time) => ("time", time.to_string()),
            other => panic!("{other:?}"),
        };
        assert_eq!((kind, iso.as_str()), (text(revived, "type"), text(revived, "iso")));
        assert_eq!(encode_value(&read).unwrap(), payload);
    }
    assert_eq!(rows.len(), 3);
    report("published dates are revived", rows.len());
}
