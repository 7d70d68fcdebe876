//! Paths, headers and bodies of the HTTP API.
#![no_main]

use cachekit_io::Freshness;
use cachekit_io::wire::body::{LockRequest, LockResponse, TtlResponse};
use cachekit_io::wire::freshness;
use cachekit_io::wire::limits::{MAX_TTL_SECONDS, parse_seconds};
use cachekit_io::wire::path::{Part, Target, is_reserved, parse, push};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

fuzz_target!(|input: &[u8]| {
    paths(input);
    headers(input);
    bodies(input);
});

fn paths(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // As a key: it comes back as it went, or it is refused.
    for part in [Part::Value, Part::Ttl, Part::Lock] {
        let mut path = String::new();
        match push(&mut path, text, part) {
            Ok(()) => assert_eq!(parse(&path), Ok(Target::Entry(text.to_owned(), part))),
            Err(_) => assert!(is_reserved(text) && path.is_empty()),
        }
    }
    // As a path: what it is read as would be written so that it is read as the same.
    if let Ok(Target::Entry(key, part)) = parse(text) {
        let mut path = String::new();
        push(&mut path, &key, part).expect("a path carried it");
        assert_eq!(parse(&path), Ok(Target::Entry(key, part)));
    }
}

fn headers(input: &[u8]) {
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let fresh = lines.iter().all(|line| line == b"fresh");
    let said = freshness::freshness(lines.iter().copied());
    assert_eq!(said == Freshness::Fresh, fresh);
    let bound = freshness::fresh_for(lines.iter().copied()).expect("there is a line");
    assert!(bound <= Duration::from_secs(MAX_TTL_SECONDS));
    let number = std::str::from_utf8(lines[0]).ok().filter(|text| {
        lines.len() == 1 && text.len() <= 7 && text.bytes().all(|byte| byte.is_ascii_digit())
    });
    let number = number.and_then(|text| text.parse::<u64>().ok());
    let number = number.filter(|number| *number <= MAX_TTL_SECONDS);
    assert_eq!(bound, Duration::from_secs(number.unwrap_or(0)));
    if lines.len() == 1 {
        assert_eq!(parse_seconds(input), number.filter(|number| *number > 0));
    }
}

fn bodies(input: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<LockRequest>(input) {
        let written = serde_json::to_vec(&request).expect("numbers are JSON");
        assert_eq!(serde_json::from_slice::<LockRequest>(&written).ok(), Some(request));
    }
    if let Ok(mut response) = serde_json::from_slice::<LockResponse>(input) {
        // What is shown does not depend on the id: any text may stand in one, also this one.
        let shown = format!("{response:?}");
        response.lock_id = response.lock_id.map(|_| "another".to_owned());
        assert_eq!(shown, format!("{response:?}"), "an id was shown");
    }
    let _ = serde_json::from_slice::<TtlResponse>(input);
}
