//! Servers that the client does not believe.

use super::local::{Local, PATIENCE};
use super::relay::Relay;
use super::trust::{Authority, Leaf};
use cachekit_io::CachekitIo;
use cachekit_server::KeyKind;
use cachekit_tests::block_on;
use std::error::Error;
use std::time::Instant;

/// An error with everything behind it.
fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

/// The message of a client that does not believe; the server must not have seen a request.
fn disbelief(server: &Local, relay: &Relay, client: &CachekitIo) -> String {
    let error = block_on(client.get("k")).expect_err("not believed");
    assert!(!error.is_timeout(), "{error:?}");
    assert_eq!(relay.accepted(), 1, "it would end the same way again");
    assert_eq!(server.requests(), 0);
    // The server hears of it a moment later than the caller.
    let began = Instant::now();
    while server.metric("cachekit_server_handshakes_failed_total") != 1 {
        assert!(began.elapsed() < PATIENCE, "the handshake failed because of the client");
    }
    whole(&error)
}

fn presenting(leaf: Leaf) -> (Local, Relay) {
    let server = Local::presenting(leaf, KeyKind::Live, |builder| builder);
    let relay = Relay::tcp(&server);
    (server, relay)
}

#[test]
fn an_unknown_authority_is_named_as_the_reason() {
    let (server, relay) = presenting(Leaf::Good);
    let other = Authority::new();
    let client = super::local::client_of(&relay.url(), &server.key, &other.pem).build();
    let message = disbelief(&server, &relay, &client.expect("a client"));
    assert!(message.contains("certificate"), "{message}");
    assert!(message.contains("UnknownIssuer") || message.contains("BadSignature"), "{message}");
    assert!(message.contains("CACHEKIT_CA_FILE"), "{message}");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let (server, relay) = presenting(Leaf::OtherName);
    let client = server.builder().api_url(relay.url()).build().expect("a client");
    let message = disbelief(&server, &relay, &client);
    assert!(message.contains("certificate is for another host name"), "{message}");
    assert!(message.contains("CACHEKIT_API_URL"), "{message}");
}

#[test]
fn an_expired_certificate_is_refused() {
    let (server, relay) = presenting(Leaf::Expired);
    let client = server.builder().api_url(relay.url()).build().expect("a client");
    let message = disbelief(&server, &relay, &client);
    assert!(message.contains("certificate has expired; renew it"), "{message}");
}

#[test]
fn a_good_certificate_is_believed() {
    let (server, relay) = presenting(Leaf::Good);
    let client = server.builder().api_url(relay.url()).build().expect("a client");
    assert!(block_on(client.get("k")).expect("believed").is_none());
    assert_eq!(server.requests(), 1);
}
