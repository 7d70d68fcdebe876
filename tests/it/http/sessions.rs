//! TLS sessions: what a second connection need not do again.

use super::local::Local;
use super::relay::Relay;
use bytes::Bytes;
use cachekit_io::SetOptions;
use cachekit_tests::block_on;

#[test]
fn a_reconnecting_client_resumes_its_session() {
    let server = Local::start();
    let relay = Relay::tcp(&server);
    let client = server.builder().api_url(relay.url()).build().expect("a client");
    let value = Bytes::from(vec![7; 100_000]);
    block_on(client.set("k", value, &SetOptions::new())).expect("stored");
    assert_eq!(server.metric("cachekit_server_handshakes_resumed_total"), 0);
    for round in 1..=3 {
        relay.cut_after(1000);
        block_on(client.get("k")).expect("fetched again").expect("a hit");
        assert_eq!(server.metric("cachekit_server_handshakes_resumed_total"), round);
    }
}
