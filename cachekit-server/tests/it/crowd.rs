//! Many connections: which give way, which are refused, and what is told about it.

use crate::process::Process;
use crate::support::{Client, Fixture, H1, try_tls};
use cachekit_server::Limits;
use std::net::SocketAddr;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

async fn start(adapt: impl FnOnce(&mut Limits)) -> Fixture {
    let mut limits = Limits::default();
    adapt(&mut limits);
    let admin = SocketAddr::from(([127, 0, 0, 1], 0));
    Fixture::start_with(|builder| builder.limits(limits).admin(admin)).await
}

fn request(key: &str, request: &str, more: &str) -> String {
    format!("{request} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{more}\r\n")
}

/// A connection that was used and is idle.
async fn idle(fixture: &Fixture) -> H1 {
    let mut wire = H1::new(fixture.tls(&[b"http/1.1"]).await);
    assert_eq!(ask(&mut wire, &fixture.live).await, 404);
    wire
}

async fn ask(wire: &mut H1, key: &str) -> u16 {
    wire.send(request(key, "GET /v1/cache/none", "").as_bytes()).await;
    wire.answer(false).await.expect("an answer").status
}

/// A connection on which an upload runs, with the status of its answer if there is one already.
async fn busy(fixture: &Fixture, key: &str) -> (H1, u16) {
    let mut wire = H1::new(fixture.tls(&[b"http/1.1"]).await);
    let more = "Expect: 100-continue\r\nContent-Length: 4\r\n";
    wire.send(request(key, "PUT /v1/cache/k", more).as_bytes()).await;
    let status = wire.status().await;
    (wire, status)
}

#[tokio::test]
async fn the_connection_that_is_idle_for_longest_gives_way() {
    let fixture = start(|limits| limits.max_connections = 3).await;
    let mut first = idle(&fixture).await;
    let mut second = idle(&fixture).await;
    let (mut running, status) = busy(&fixture, &fixture.live).await;
    assert_eq!(status, 100);
    // Used last, it is the younger one now.
    assert_eq!(ask(&mut first, &fixture.live).await, 404);
    let mut other = fixture.h2().await.with_key(&fixture.other);
    other.put("/v1/cache/k", &[], b"v").await;
    assert!(second.is_closed().await);
    assert_eq!(ask(&mut first, &fixture.live).await, 404);
    running.send(b"four").await;
    assert_eq!(running.answer(false).await.expect("an answer").status, 200);
    assert_eq!(fixture.metric("cachekit_server_connections_dismissed_total").await, 1);
    let reached = "cachekit_server_limits_reached_total{limit=\"connections\",of=\"all\"}";
    assert_eq!(fixture.metric(reached).await, 1);
}

#[tokio::test]
async fn idle_connections_of_both_protocols_give_way() {
    let fixture = start(|limits| limits.max_connections = 2).await;
    let mut clients = Vec::new();
    for at in 0..20 {
        let address = fixture.server.local_addr();
        let mut client = Client::connect(address, &fixture.ca, at % 3 > 0, &fixture.live).await;
        client.put("/v1/cache/k", &[], b"v").await;
        clients.push(client);
    }
    assert_eq!(fixture.metric("cachekit_server_connections_dismissed_total").await, 18);
    drop(clients);
}

#[tokio::test]
async fn silence_holds_no_places() {
    let fixture = start(|limits| limits.max_connections = 4).await;
    let address = fixture.server.local_addr();
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(address).await.expect("connected"));
    }
    // The timeout of the handshake is far longer than this takes.
    fixture.h2().await.put("/v1/cache/k", &[], b"v").await;
    assert_eq!(silent[0].read(&mut [0; 8]).await.expect("closed"), 0, "the oldest one went");
}

#[tokio::test]
async fn a_tenant_does_not_hold_all_places_with_running_requests() {
    let fixture = start(|limits| limits.max_connections = 4).await;
    let mut running = Vec::new();
    for _ in 0..3 {
        let (wire, status) = busy(&fixture, &fixture.live).await;
        assert_eq!(status, 100);
        running.push(wire);
    }
    for _ in 0..3 {
        // Three quarters are the tenant's; the API key does not matter.
        let (_, status) = busy(&fixture, &fixture.sdk).await;
        assert_eq!(status, 429);
    }
    let mut other = fixture.h2().await.with_key(&fixture.other);
    other.put("/v1/cache/k", &[], b"v").await;
    let reached = "cachekit_server_limits_reached_total{limit=\"connections\",of=\"account\"}";
    assert_eq!(fixture.metric(reached).await, 3);
    // What runs was not disturbed.
    for mut wire in running {
        wire.send(b"four").await;
        assert_eq!(wire.answer(false).await.expect("an answer").status, 200);
    }
    let (_, status) = busy(&fixture, &fixture.live).await;
    assert_eq!(status, 100);
}

#[tokio::test]
async fn an_address_has_a_limit_of_its_own() {
    let fixture = start(|limits| limits.max_connections_per_address = Some(2)).await;
    let (first, _) = busy(&fixture, &fixture.live).await;
    let (second, _) = busy(&fixture, &fixture.live).await;
    let refused = try_tls(fixture.server.local_addr(), &fixture.ca, &[b"http/1.1"]).await;
    assert!(refused.is_err(), "it is closed at once");
    let reached = "cachekit_server_limits_reached_total{limit=\"connections\",of=\"address\"}";
    assert_eq!(fixture.metric(reached).await, 1);
    // An idle one gives way.
    drop(first);
    let mut idle = idle(&fixture).await;
    let mut next = fixture.h1().await;
    assert_eq!(next.get("/v1/cache/none").await, None);
    assert!(idle.is_closed().await);
    drop(second);
}

#[tokio::test]
async fn a_limit_that_is_reached_is_logged_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let dev = directory.path().join("dev");
    let dev_path = dev.display().to_string();
    let mut server =
        Process::start(&["--dev", "--dev-dir", &dev_path, "--max-connections", "1"]).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        // Each takes the place of the one before it.
        let mut client = server.client(&dev).await;
        client.put("/v1/cache/k", &[], b"v").await;
        clients.push(client);
    }
    server.signal("-TERM");
    assert_eq!(server.end().await, Some(0));
    let mut told = 0;
    while let Some(line) = server.log.next_line().await.expect("text") {
        told += usize::from(line.contains("\"limit\":\"max_connections\""));
        assert!(!line.contains("ck_live"), "{line}");
    }
    assert_eq!(told, 1);
}
