//! Expiry and staleness, as the client sees them.

use super::local::Local;
use bytes::Bytes;
use cachekit_io::{CachekitIo, Expiry, Freshness, SetOptions};
use cachekit_tests::block_on;
use std::time::{Duration, Instant};

const VALUE: Bytes = Bytes::from_static(b"value");

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a read tells: freshness and bound.
fn seen(client: &CachekitIo) -> Option<(Freshness, Option<Duration>)> {
    let found = block_on(client.get("k")).expect("an answer")?;
    assert_eq!(found.value(), &VALUE);
    Some((found.freshness(), found.fresh_for()))
}

#[test]
fn an_entry_is_fresh_then_stale_then_gone() {
    let server = Local::start();
    let client = server.client();
    let options = SetOptions::new().ttl(seconds(10)).stale_ttl(seconds(5));
    block_on(client.set("k", VALUE, &options)).expect("stored");
    let expiry = || block_on(client.expiry("k")).expect("an answer");
    assert_eq!(seen(&client), Some((Freshness::Fresh, Some(seconds(10)))));
    assert_eq!(expiry(), Expiry::In(seconds(15)));
    server.hands.advance(Duration::from_millis(9999));
    assert_eq!(seen(&client), Some((Freshness::Fresh, Some(seconds(0)))));
    server.hands.advance(Duration::from_millis(1));
    assert_eq!(seen(&client).map(|(freshness, _)| freshness), Some(Freshness::Stale));
    assert_eq!(expiry(), Expiry::In(seconds(5)));
    assert!(!block_on(client.refresh_ttl("k", seconds(60))).expect("an answer"), "too late");
    server.hands.advance(Duration::from_millis(4999));
    assert_eq!(seen(&client).map(|(freshness, _)| freshness), Some(Freshness::Stale));
    assert!(block_on(client.exists("k")).expect("an answer"));
    server.hands.advance(Duration::from_millis(1));
    assert_eq!(seen(&client), None);
    assert_eq!(expiry(), Expiry::Absent);
    assert!(!block_on(client.exists("k")).expect("an answer"));
}

#[test]
fn a_refresh_begins_the_life_anew_and_a_write_replaces_both_windows() {
    let server = Local::start();
    let client = server.client();
    let options = SetOptions::new().ttl(seconds(10)).stale_ttl(seconds(5));
    block_on(client.set("k", VALUE, &options)).expect("stored");
    server.hands.advance(seconds(9));
    assert!(block_on(client.refresh_ttl("k", seconds(10))).expect("an answer"));
    server.hands.advance(seconds(9));
    assert_eq!(seen(&client), Some((Freshness::Fresh, Some(seconds(1)))));
    server.hands.advance(seconds(5));
    assert_eq!(seen(&client).map(|(freshness, _)| freshness), Some(Freshness::Stale));
    block_on(client.set("k", VALUE, &SetOptions::new().ttl(seconds(3)))).expect("stored");
    assert_eq!(seen(&client), Some((Freshness::Fresh, Some(seconds(3)))));
    server.hands.advance(seconds(3));
    assert_eq!(seen(&client), None, "the stale window went with the first write");
}

#[test]
fn a_part_of_a_second_is_cut_off_after_the_first() {
    let server = Local::start();
    let client = server.client();
    for (ttl, whole) in [(1, 1), (1999, 1), (2000, 2)] {
        let options = SetOptions::new().ttl(Duration::from_millis(ttl));
        block_on(client.set("k", VALUE, &options)).expect("stored");
        assert_eq!(seen(&client), Some((Freshness::Fresh, Some(seconds(whole)))));
        server.hands.advance(seconds(whole));
        assert_eq!(seen(&client), None);
    }
}

/// The same, once, by the clock on the wall.
#[test]
fn a_second_is_a_second() {
    let server = Local::start_with(|builder| builder.clock(cachekit_server::wall_clock()));
    let client = server.client();
    let options = SetOptions::new().ttl(seconds(1)).stale_ttl(seconds(1));
    let began = Instant::now();
    block_on(client.set("k", VALUE, &options)).expect("stored");
    let mut last = Freshness::Fresh;
    let mut stale_after = None;
    while let Some((freshness, _)) = seen(&client) {
        assert!(last == Freshness::Fresh || freshness == Freshness::Stale, "it never gets fresher");
        if freshness == Freshness::Stale {
            stale_after.get_or_insert(began.elapsed());
        }
        last = freshness;
    }
    // The server counts milliseconds, so the beginning may count as up to one earlier.
    let promised = |seconds: u64| Duration::from_millis(seconds * 1000 - 1);
    assert!(stale_after.is_none_or(|after| after >= promised(1)), "{stale_after:?}");
    assert!(began.elapsed() >= promised(2));
}
