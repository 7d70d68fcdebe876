//! What is stored, and for how long: errors, `None`, conditions, and values that state their TTL.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cachekit::cache;
use cachekit::testing::isolate;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Failure {
    NotFound,
    TryAgain,
}

/// The outside world: even ids exist, odd ids do not, and from 500 on, look-ups fail.
fn look_up(id: u32) -> Result<String, Failure> {
    match id {
        500.. => Err(Failure::TryAgain),
        _ if id % 2 == 1 => Err(Failure::NotFound),
        _ => Ok(format!("user {id}")),
    }
}

/// An `Err` is not stored, even if the `Result` hides behind an alias.
type Answer<T> = Result<T, Failure>;

#[cache(ttl = 60)]
fn strict(id: u32) -> Answer<String> {
    look_up(id)
}

/// Errors are stored, each with its own TTL; zero means "do not store".
#[cache(ttl(ok = "1h", err = |error| match error {
    Failure::NotFound => Duration::from_secs(30),
    Failure::TryAgain => Duration::ZERO,
}))]
fn lenient(id: u32) -> Answer<String> {
    look_up(id)
}

/// `None` is a value like any other; it may have its own TTL.
#[cache(ttl(ok = "1h", none = "5s"))]
fn optional(id: u32) -> Option<String> {
    look_up(id).ok()
}

/// Only results that meet a condition are stored.
#[cache(ttl = 60, if = |words: &Vec<String>| !words.is_empty())]
fn suggestions(prefix: &str) -> Vec<String> {
    ["apple", "apricot"].iter().filter(|w| w.starts_with(prefix)).map(ToString::to_string).collect()
}

#[derive(Clone, Serialize, Deserialize)]
struct Token {
    secret: u32,
    expires_in: u64,
}

/// The value states its own TTL, here less a margin.
#[cache(ttl = |token: &Token| token.expires_in.saturating_sub(10))]
fn token(client: &str) -> Token {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let secret = NEXT.fetch_add(1, Ordering::Relaxed);
    Token { secret, expires_in: if client == "short" { 5 } else { 60 } }
}

/// An argument states the TTL.
#[cache(ttl = seconds, key = name)]
fn snapshot(name: &str, seconds: u32) -> String {
    format!("{name} for {seconds} s")
}

fn main() {
    // A clock that the test sets, so that an hour passes at once.
    let time = isolate();
    let pass = |seconds| time.clock().advance(Duration::from_secs(seconds));

    for id in [2, 2, 3, 3] {
        let _ = strict(id);
    }
    println!("strict:      {}", strict::stats());
    assert_eq!((strict::stats().hits, strict::stats().loads), (1, 3));

    for id in [2, 3, 500, 2, 3, 500] {
        let _ = lenient(id);
    }
    assert_eq!((lenient::stats().hits, lenient::stats().loads), (2, 4));
    assert_eq!(lenient::peek(&3), Some(Err(Failure::NotFound)));
    pass(31);
    assert_eq!(lenient::peek(&3), None);
    assert_eq!(lenient::peek(&2), Some(Ok("user 2".to_owned())));
    println!("lenient:     {}", lenient::stats());

    assert_eq!((optional(1), optional(2)), (None, Some("user 2".to_owned())));
    assert_eq!(optional::peek(&1), Some(None));
    pass(6);
    assert!(!optional::contains(&1) && optional::contains(&2));
    println!("optional:    {}", optional::stats());

    for prefix in ["ap", "zz", "ap", "zz"] {
        suggestions(prefix);
    }
    assert!(suggestions::contains("ap") && !suggestions::contains("zz"));
    println!("suggestions: {}", suggestions::stats());

    assert_eq!(token("long").secret, token("long").secret);
    assert_ne!(token("short").secret, token("short").secret);
    let before = token("long").secret;
    pass(51);
    assert_ne!(token("long").secret, before);
    println!("token:       {}", token::stats());

    snapshot("a", 5);
    pass(6);
    assert_eq!(snapshot("a", 60), "a for 60 s");
}
