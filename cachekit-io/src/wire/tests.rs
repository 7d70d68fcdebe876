//! The published vectors, and what they leave out.

use super::path::{Part, PathError, Target, parse, push};
use super::{freshness, limits, status};
use crate::{BackendErrorKind, Freshness};
use serde_json::Value;
use std::time::Duration;

/// Each character of a header's value in the vectors stands for one byte.
fn field(value: &Value) -> Option<Vec<u8>> {
    let text = value.as_str()?;
    Some(text.chars().map(|c| u8::try_from(u32::from(c)).expect("one byte each")).collect())
}

fn rows<'a>(document: &'a Value, name: &str) -> &'a Vec<Value> {
    let rows = document[name].as_array().expect("the vectors have this table");
    assert!(!rows.is_empty());
    rows
}

#[test]
fn paths_are_those_of_the_published_vectors() {
    let text = include_str!("../../vectors/path-encoding.json");
    let document: Value = serde_json::from_str(text).expect("the vectors are JSON");
    for row in rows(&document, "vectors") {
        let key = row["key"].as_str().expect("a key");
        let mut path = String::new();
        let pushed = push(&mut path, key, Part::Value);
        let Some(encoded) = row["encoded"].as_str() else {
            assert!(pushed.is_err(), "{key:?} must be refused");
            continue;
        };
        assert_eq!(pushed, Ok(()), "{key:?}");
        assert_eq!(path, format!("/v1/cache/{encoded}"));
        assert_eq!(parse(&path), Ok(Target::Entry(key.to_owned(), Part::Value)), "{key:?}");
    }
}

#[test]
fn whole_numbers_may_be_written_with_a_point() {
    use super::body::{LockRequest, TtlRequest};
    let ttl = |text: &str| {
        let request = serde_json::from_str::<TtlRequest>(&format!("{{\"ttl\":{text}}}"));
        request.ok().map(|request| request.ttl)
    };
    for (text, number) in [("60", 60), ("60.0", 60), ("6e1", 60), ("0", 0), ("0.0", 0), ("-0.0", 0)]
    {
        assert_eq!(ttl(text), Some(number), "{text}");
    }
    assert_eq!(ttl("18446744073709551615"), Some(u64::MAX));
    assert_eq!(ttl("18446744073709551616"), Some(u64::MAX), "no smaller one");
    for text in ["60.5", "-1", "-1.0", "-18446744073709551616", "\"60\"", "null", "[60]", "1e999"] {
        assert_eq!(ttl(text), None, "{text}");
    }
    let lock: LockRequest = serde_json::from_str(r#"{"timeout_ms":5e3,"x":1}"#).expect("good");
    assert_eq!(lock.timeout_ms, 5000);
}

#[test]
fn freshness_is_read_as_the_published_vectors_say() {
    let text = include_str!("../../vectors/freshness-headers.json");
    let document: Value = serde_json::from_str(text).expect("the vectors are JSON");
    for row in rows(&document, "freshness_vectors") {
        let value = field(&row["value"]);
        let stale = freshness::freshness(value.as_deref()) == Freshness::Stale;
        assert_eq!(Some(stale), row["stale"].as_bool(), "{}", row["name"]);
    }
    for row in rows(&document, "fresh_for_vectors") {
        let value = field(&row["value"]);
        let bound = freshness::fresh_for(value.as_deref()).map(|bound| bound.as_secs());
        assert_eq!(bound, row["fresh_for"].as_u64(), "{}", row["name"]);
    }
}

#[test]
fn repeated_freshness_lines_are_read_with_suspicion() {
    let fresh = b"fresh".as_slice();
    assert_eq!(freshness::freshness([fresh, fresh]), Freshness::Fresh);
    assert_eq!(freshness::freshness([fresh, b"stale"]), Freshness::Stale);
    let nine = b"9".as_slice();
    assert_eq!(freshness::fresh_for([nine, nine]), Some(Duration::ZERO));
}

#[test]
fn paths_that_are_no_entry_are_told_apart() {
    for (path, error) in [
        ("/", PathError::NotFound),
        ("/v1/cache", PathError::NotFound),
        ("/v1/cache/a/b", PathError::NotFound),
        ("/v1/cache/a/ttl/", PathError::NotFound),
        ("/v1/cache/a%2", PathError::Encoding),
        ("/v1/cache/a%zz", PathError::Encoding),
        ("/v1/cache/%ff", PathError::Encoding),
        ("/v1/cache/", PathError::Reserved),
        ("/v1/cache/%2e%2e", PathError::Reserved),
        ("/v1/cache/%68ealth", PathError::Reserved),
        ("/v1/cache/lock", PathError::Reserved),
        ("/v1/cache/ttl/ttl", PathError::Reserved),
    ] {
        assert_eq!(parse(path), Err(error), "{path}");
    }
    assert_eq!(parse("/v1/cache/a%252Fb"), Ok(Target::Entry("a%2Fb".into(), Part::Value)));
    assert_eq!(parse("/v1/cache/a%2Fttl"), Ok(Target::Entry("a/ttl".into(), Part::Value)));
}

#[test]
fn a_time_to_live_rounds_down_and_has_limits() {
    assert_eq!(limits::seconds(Duration::from_millis(1999)), Some(1));
    assert_eq!(limits::seconds(limits::MAX_TTL), Some(2_592_000));
    assert_eq!(limits::seconds(limits::MAX_TTL + Duration::from_nanos(1)), None);
    assert_eq!(limits::seconds(Duration::MAX), None);
    for (text, read) in
        [("1", Some(1)), ("0001", Some(1)), ("2592000", Some(2_592_000)), ("2592001", None)]
    {
        assert_eq!(limits::parse_seconds(text.as_bytes()), read, "{text}");
    }
    for text in ["", "0", "-1", "+1", "1.0", " 1", "1e3", "10000000", "١"] {
        assert_eq!(limits::parse_seconds(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn every_status_has_its_kind() {
    for code in 100..600_u16 {
        let expected = match code {
            401 | 403 => BackendErrorKind::Authentication,
            412 => BackendErrorKind::Superseded,
            413 => BackendErrorKind::TooLarge,
            408 | 429 | 500.. => BackendErrorKind::Transient,
            _ => BackendErrorKind::Permanent,
        };
        assert_eq!(status::classify(code, false), expected, "{code}");
    }
    // The reason matters with a 429 only.
    assert_eq!(status::classify(429, true), BackendErrorKind::QuotaExceeded);
    assert_eq!(status::classify(503, true), BackendErrorKind::Transient);
}
