//! What the server refuses, and how often it is asked.

use super::local::{Local, limits};
use super::relay::Relay;
use bytes::Bytes;
use cachekit_io::{BackendErrorKind, SetOptions};
use cachekit_server::TenantLimits;
use cachekit_tests::block_on;
use std::time::{Duration, Instant};

#[test]
fn a_wrong_key_is_told_at_once_and_only_once() {
    let server = Local::start();
    let wrong = format!("{}x", server.key);
    let client = server.builder().api_key(wrong).build().expect("a client");
    let error = block_on(client.get("k")).expect_err("refused");
    assert!(error.is_authentication() && !error.fails_open(), "{error:?}");
    assert!(error.to_string().contains("401"), "{error}");
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_value_too_large_for_the_server_is_refused_and_the_connection_goes_on() {
    let server =
        Local::start_with(|builder| builder.limits(limits(|all| all.max_value_bytes = 1000)));
    let client = server.client();
    block_on(async {
        // The last ones are more than the server throws away: it answers before all is sent.
        for length in [1001, 3_000_000, 12_000_000, 25_000_000] {
            let options = SetOptions::new();
            let set = client.set("k", vec![7; length].into(), &options);
            let error = set.await.expect_err("refused");
            assert_eq!(error.kind(), BackendErrorKind::TooLarge, "{error:?}");
        }
        client.set("k", vec![7; 1000].into(), &SetOptions::new()).await.expect("it fits");
        assert_eq!(client.get("k").await.expect("an answer").expect("a hit").value().len(), 1000);
    });
    assert_eq!(server.requests(), 6);
    assert_eq!(server.metric("cachekit_server_connections_total"), 1);
}

#[test]
fn a_value_too_large_for_the_server_is_refused_over_http1_as_well() {
    let server =
        Local::start_with(|builder| builder.limits(limits(|all| all.max_value_bytes = 1000)));
    let relay = Relay::http1(&server);
    let client = server.builder().api_url(relay.url()).build().expect("a client");
    block_on(async {
        for length in [1001, 3_000_000, 12_000_000, 25_000_000] {
            let options = SetOptions::new();
            let set = client.set("k", vec![7; length].into(), &options);
            let error = set.await.expect_err("refused");
            assert_eq!(error.kind(), BackendErrorKind::TooLarge, "{length}: {error:?}");
        }
        client.set("k", vec![7; 1000].into(), &SetOptions::new()).await.expect("it fits");
    });
}

#[test]
fn the_wait_that_a_rate_limit_asks_for_is_waited() {
    let limits = TenantLimits { requests_per_second: Some(1), ..TenantLimits::default() };
    let server = Local::limited(limits);
    let client = server.client();
    block_on(client.get("k")).expect("the first is free");
    let began = Instant::now();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| block_on(client.get("k")));
        while server.metric("cachekit_server_requests_total{operation=\"refused\",code=\"429\"}")
            == 0
        {
            assert!(!second.is_finished(), "the second is refused at first");
        }
        // From here on there is room again; the client comes when it was told to.
        server.hands.advance(Duration::from_secs(1));
        second.join().expect("no panic").expect("answered in the end");
    });
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.requests(), 3);
}

#[test]
fn a_wait_longer_than_the_deadline_is_not_begun() {
    let server =
        Local::limited(TenantLimits { requests_per_second: Some(1), ..TenantLimits::default() });
    let client = server.client().with_timeout(Duration::from_millis(900));
    block_on(client.get("k")).expect("the first is free");
    let error = block_on(client.get("k")).expect_err("one too many");
    // It is not the timeout that ended it.
    assert!(error.is_transient() && error.is_retryable(), "{error:?}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    assert_eq!(server.requests(), 2);
}

#[test]
fn what_is_denied_for_a_quota_is_not_asked_again() {
    let limits = TenantLimits { requests_per_day: Some(2), ..TenantLimits::default() };
    let server = Local::limited(limits);
    let client = server.client();
    block_on(async {
        client.get("k").await.expect("one");
        client.get("k").await.expect("two");
        let error = client.get("k").await.expect_err("three are too many");
        assert_eq!(error.kind(), BackendErrorKind::QuotaExceeded, "{error:?}");
        assert!(!error.is_retryable() && error.fails_open());
    });
    assert_eq!(server.requests(), 3);
    server.hands.advance(Duration::from_secs(24 * 3600));
    block_on(client.get("k")).expect("the next day is another");
}

#[test]
fn a_full_store_is_denied_once_too() {
    let limits = TenantLimits { stored_bytes: Some(10_000), ..TenantLimits::default() };
    let server = Local::limited(limits);
    let client = server.client();
    let options = SetOptions::new();
    let set = client.set("k", vec![7; 20_000].into(), &options);
    let error = block_on(set).expect_err("no room");
    assert_eq!(error.kind(), BackendErrorKind::QuotaExceeded, "{error:?}");
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_slow_server_costs_no_more_than_the_timeout() {
    let server = Local::start();
    let relay = Relay::tcp(&server);
    let client = server.builder().api_url(relay.url()).build().expect("a client");
    let options = SetOptions::new();
    let set = client.set("k", Bytes::from_static(b"value"), &options);
    block_on(set).expect("stored");
    relay.stall(true);
    // It ends at all: nothing else would.
    let hasty = client.with_timeout(Duration::from_millis(50));
    for _ in 0..3 {
        let error = block_on(hasty.get("k")).expect_err("too slow");
        assert!(error.is_timeout() && error.fails_open(), "{error:?}");
    }
    relay.stall(false);
    assert_eq!(block_on(client.get("k")).expect("an answer").expect("a hit").value(), "value");
}
