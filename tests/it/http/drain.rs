//! A server that ends well while another takes over.

use super::load::Load;
use super::local::Local;
use super::relay::Relay;

#[test]
fn no_request_is_lost() {
    let mut server = Local::start();
    let next = server.twin();
    let relay = Relay::tcp(&server);
    let client = server.builder().api_url(relay.url()).ca_pem(next.authority.pem.clone()).build();
    let client = client.expect("a client");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let load = runtime.block_on(async { Load::start(&client, false, 11) });
    runtime.block_on(load.progress(200));
    // New connections reach the next server; the ones there are get a GOAWAY.
    relay.lead_to(next.address);
    let ending = server.shutdown();
    assert!(server.block_on(ending).expect("no panic"), "all requests ended by themselves");
    runtime.block_on(load.progress(200));
    assert_eq!(load.failures(), [""; 0], "every request was answered");
    runtime.block_on(load.finish());
    assert!(next.requests() >= 200);
    let connections = next.metric("cachekit_server_connections_total");
    assert!((1..=10).contains(&connections), "{connections} connections, more than the pool has");
}
