//! Where the client does not connect to, whatever the look-up of the host says.

use super::local::Local;
use super::relay::Relay;
use super::trust::Leaf;
use cachekit_io::http::{CachekitIoBuilder, Resolve};
use cachekit_io::{BackendError, BoxFuture};
use cachekit_server::KeyKind;
use cachekit_tests::block_on;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Of the first test network with IPv6, given back long ago: nothing routes it.
const PUBLIC: &str = "3ffe::1";

/// Gives one answer after the other, and the last for ever.
#[derive(Clone, Debug)]
struct Script {
    answers: Arc<Vec<Vec<IpAddr>>>,
    asked: Arc<AtomicUsize>,
}

impl Script {
    fn new(answers: &[&[&str]]) -> Self {
        let parse = |answer: &&[&str]| {
            answer.iter().map(|address| address.parse().expect("an address")).collect()
        };
        Self { answers: Arc::new(answers.iter().map(parse).collect()), asked: Arc::default() }
    }
}

impl Resolve for Script {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        assert_eq!(host, "elsewhere.test");
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers[asked.min(self.answers.len() - 1)].clone();
        Box::pin(std::future::ready(Ok(answer)))
    }
}

/// A server that is believed to be `elsewhere.test`.
fn elsewhere() -> Local {
    Local::presenting(Leaf::OtherName, KeyKind::Live, |builder| builder)
}

fn client(server: &Local, script: &Script) -> CachekitIoBuilder {
    server
        .builder()
        .api_url(format!("https://elsewhere.test:{}", server.address.port()))
        .resolver(script.clone())
}

fn is_blocked(error: &BackendError) -> bool {
    let text = error.context().unwrap_or_default();
    !error.is_retryable() && text.contains("private or reserved")
}

#[test]
fn a_name_that_leads_to_this_machine_needs_the_permission() {
    let server = elsewhere();
    let script = Script::new(&[&["127.0.0.1"]]);
    let refusing = client(&server, &script).allow_private_addresses(false).build();
    let error = block_on(refusing.expect("a client").get("k")).expect_err("refused");
    assert!(is_blocked(&error), "{error:?}");
    assert_eq!(server.metric("cachekit_server_connections_total"), 0);
    let allowed = client(&server, &script).build().expect("a client");
    assert!(block_on(allowed.get("k")).expect("an answer").is_none());
    assert_eq!(server.metric("cachekit_server_connections_total"), 1);
}

#[test]
fn a_second_look_up_is_checked_like_the_first() {
    let server = elsewhere();
    let script = Script::new(&[&[PUBLIC], &["127.0.0.1"]]);
    let client = client(&server, &script)
        .allow_private_addresses(false)
        .timeout(Duration::from_secs(2))
        .max_retries(0)
        .build()
        .expect("a client");
    let first = block_on(client.get("k")).expect_err("nobody is there");
    assert!(!is_blocked(&first), "a public address is tried: {first:?}");
    // The first connection may still be tried; a call that joins it is late as well.
    let mut later = (0..10).map(|_| block_on(client.get("k")).expect_err("refused"));
    assert!(later.any(|error| is_blocked(&error)), "nothing was refused");
    assert_eq!(script.asked.load(Ordering::SeqCst), 2);
    assert_eq!(server.metric("cachekit_server_connections_total"), 0);
}

#[test]
fn a_private_address_beside_a_public_one_is_not_tried() {
    let server = elsewhere();
    for answer in [["127.0.0.1", PUBLIC], [PUBLIC, "127.0.0.1"]] {
        let client = client(&server, &Script::new(&[&answer]))
            .allow_private_addresses(false)
            .timeout(Duration::from_secs(1))
            .max_retries(0)
            .build();
        block_on(client.expect("a client").get("k")).expect_err("nobody is there");
    }
    assert_eq!(server.metric("cachekit_server_connections_total"), 0);
}

#[test]
fn every_spelling_of_a_private_address_is_known() {
    let server = elsewhere();
    for address in [
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "100.64.0.1",
        "198.18.0.1",
        "::1",
        "fc00::1",
        "fd12::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:a00:1::",
    ] {
        let refusing = client(&server, &Script::new(&[&[address]])).allow_private_addresses(false);
        let error = block_on(refusing.build().expect("a client").get("k")).expect_err("refused");
        assert!(is_blocked(&error), "{address}: {error:?}");
    }
    assert_eq!(server.metric("cachekit_server_connections_total"), 0);
}

#[test]
fn some_addresses_are_for_nobody() {
    let server = elsewhere();
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::ffff:0.0.0.0",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "64:ff9b:1::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
    ] {
        // With the permission for private addresses.
        let client = client(&server, &Script::new(&[&[address]])).build().expect("a client");
        let error = block_on(client.get("k")).expect_err("refused");
        assert!(is_blocked(&error), "{address}: {error:?}");
    }
    assert_eq!(server.metric("cachekit_server_connections_total"), 0);
}

#[test]
fn redirects_are_not_followed() {
    let server = Local::start();
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}/v1/cache/k", server.url());
        let answer =
            format!("HTTP/1.1 {status} Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
        let moved = Relay::answering(&server, answer);
        let client = server.builder().api_url(moved.url()).build().expect("a client");
        let error = block_on(client.get("k")).expect_err("not followed");
        assert!(!error.is_retryable() && error.to_string().contains("HTTP 3"), "{error:?}");
        assert_eq!(moved.accepted(), 1);
    }
    assert_eq!(server.metric("cachekit_server_connections_total"), 0);
}
