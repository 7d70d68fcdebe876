//! Connections that break off at the worst moment.

use super::local::Local;
use super::relay::Relay;
use bytes::Bytes;
use cachekit_io::{CachekitIo, SetOptions};
use cachekit_tests::block_on;
use std::time::Duration;

/// A client over a relay, connected, with all of the beginning behind it; HTTP/1.1 or HTTP/2.
fn connected(server: &Local, http1: bool) -> (Relay, CachekitIo) {
    let relay = if http1 { Relay::http1(server) } else { Relay::tcp(server) };
    let client = server.builder().api_url(relay.url()).build().expect("a client");
    assert!(!block_on(client.exists("k")).expect("an answer"));
    (relay, client)
}

fn lock_requests(server: &Local) -> u64 {
    server.metric("cachekit_server_requests_total{operation=\"lock\",code=\"200\"}")
}

#[test]
fn a_value_cut_in_the_middle_is_fetched_again() {
    let value: Bytes = (0..1_000_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
    for http1 in [false, true] {
        let server = Local::start();
        let (relay, client) = connected(&server, http1);
        let value = value.clone();
        block_on(client.set("k", value.clone(), &SetOptions::new())).expect("stored");
        for cut in [1, 20_000, 500_000] {
            relay.cut_after(cut);
            let found = block_on(client.get("k")).expect("an answer").expect("a hit");
            assert!(found.into_value() == value);
        }
        assert_eq!(relay.accepted(), 4, "a new connection for each that was cut");
    }
}

#[test]
fn a_write_whose_answer_is_lost_is_written_again() {
    for http1 in [false, true] {
        let server = Local::start();
        let (relay, client) = connected(&server, http1);
        relay.cut_after(1);
        let options = SetOptions::new();
        let set = client.set("k", Bytes::from_static(b"value"), &options);
        block_on(set).expect("stored in the end");
        assert_eq!(block_on(client.get("k")).expect("an answer").expect("a hit").value(), "value");
        assert_eq!(
            server.metric("cachekit_server_requests_total{operation=\"set\",code=\"200\"}"),
            2
        );
    }
}

#[test]
fn a_lock_whose_answer_is_lost_is_not_asked_for_again() {
    for http1 in [false, true] {
        let server = Local::start();
        let (relay, client) = connected(&server, http1);
        relay.cut_after(1);
        let lease = Duration::from_secs(60);
        let error = block_on(client.acquire_lock("k", lease)).expect_err("nobody knows its id");
        assert!(error.fails_open(), "{error:?}");
        assert_eq!(lock_requests(&server), 1);
        // It was taken, and ends with its lease.
        assert!(block_on(client.acquire_lock("k", lease)).expect("an answer").is_none());
        server.hands.advance(lease);
        let lock = block_on(client.acquire_lock("k", lease)).expect("an answer").expect("free");
        assert!(block_on(lock.release()).expect("an answer"));
    }
}
