//! What comes in is fair: one tenant's bodies take nothing from the others.

use crate::support::{Client, Fixture, H1};
use cachekit_server::{Limits, MemoryStore, TenantLimits};
use std::net::SocketAddr;

const KIB: usize = 1024;

async fn start(adapt: impl FnOnce(&mut Limits)) -> Fixture {
    let mut limits = Limits::default();
    adapt(&mut limits);
    let admin = SocketAddr::from(([127, 0, 0, 1], 0));
    Fixture::start_with(|builder| builder.limits(limits).admin(admin)).await
}

async fn raw(fixture: &Fixture) -> H1 {
    H1::new(fixture.tls(&[b"http/1.1"]).await)
}

fn head(fixture: &Fixture, more: &str) -> String {
    let key = &fixture.live;
    format!("PUT /v1/cache/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{more}\r\n")
}

/// Bodies of one tenant that do not end, with and without a length, over one connection or many.
#[tokio::test]
async fn unfinished_uploads_of_a_tenant_take_nothing_from_another() {
    let fixture = start(|limits| limits.max_receiving_bytes = 4096 * KIB).await;
    let piece = vec![1; 250 * KIB];
    let mut open = Vec::new();
    for at in 0..21 {
        let mut wire = raw(&fixture).await;
        if at % 2 == 0 {
            wire.send(head(&fixture, "Content-Length: 256001\r\n").as_bytes()).await;
            wire.send(&piece).await;
        } else {
            wire.send(head(&fixture, "Transfer-Encoding: chunked\r\n").as_bytes()).await;
            wire.send(b"3e800\r\n").await;
            wire.send(&piece).await;
            wire.send(b"\r\n").await;
        }
        open.push(wire);
    }
    // They were received as far as they may.
    let limit = "cachekit_server_limits_reached_total{limit=\"receiving_bytes\",of=\"account\"}";
    while fixture.metric(limit).await < 5 {}
    let mut other = fixture.h2().await.with_key(&fixture.other);
    for _ in 0..3 {
        other.put("/v1/cache/k", &[], &vec![2; 1000 * KIB]).await;
    }
    assert!(fixture.metric("cachekit_server_receiving_bytes").await <= 1024 * 1024);
    // What is too much is told to the tenant itself.
    let mut own = fixture.h2().await;
    let answer = own.call("PUT", "/v1/cache/k", &vec![3; 600 * KIB]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    let whole = "cachekit_server_limits_reached_total{limit=\"receiving_bytes\",of=\"all\"}";
    assert_eq!(fixture.metric(whole).await, 0);
    drop(open);
    while fixture.metric("cachekit_server_receiving_bytes").await > 0 {}
    own.put("/v1/cache/k", &[], &vec![3; 600 * KIB]).await;
}

#[tokio::test]
async fn a_body_larger_than_the_share_is_received_when_it_is_the_only_one() {
    let fixture = start(|limits| {
        limits.max_receiving_bytes = 400 * KIB;
        limits.max_receiving_bytes_per_tenant = Some(16 * KIB);
    })
    .await;
    let mut client = fixture.h2().await;
    client.put("/v1/cache/k", &[], &vec![1; 300 * KIB]).await;
    let mut wire = raw(&fixture).await;
    wire.send(head(&fixture, "Content-Length: 5000\r\n").as_bytes()).await;
    wire.send(&[1; 4000]).await;
    while fixture.metric("cachekit_server_receiving_bytes").await == 0 {}
    assert_eq!(client.call("PUT", "/v1/cache/k", &vec![1; 300 * KIB]).await.status, 429);
    client.put("/v1/cache/k", &[], &[1; 5000]).await;
}

/// The client waits for a `100 Continue`: not a byte of the body is asked for.
#[tokio::test]
async fn quotas_are_checked_against_the_length_before_the_body() {
    let quota = TenantLimits { stored_bytes: Some(20_000), ..TenantLimits::default() };
    for disk in [false, true] {
        let directory = tempfile::tempdir().expect("a directory");
        let fixture = Fixture::start_with(|builder| {
            let builder = builder.tenant_limits(quota);
            if disk {
                let now = cachekit_server::Timestamp::of(&cachekit_server::wall_clock());
                let store = cachekit_server::DiskStore::open(directory.path(), 50_000, now);
                builder.store(store.expect("opens"))
            } else {
                builder.store(MemoryStore::new(50_000))
            }
        })
        .await;
        let mut client = fixture.h1().await;
        client.put("/v1/cache/held", &[], &[0; 8000]).await;
        for (length, status) in [(60_000, 413), (30_000, 429), (16_000, 429)] {
            let more = format!("Expect: 100-continue\r\nContent-Length: {length}\r\n");
            let mut wire = raw(&fixture).await;
            wire.send(head(&fixture, &more).as_bytes()).await;
            let answer = wire.answer(false).await.expect("an answer");
            assert_eq!(answer.status, status, "{length}");
            if status == 429 {
                assert_eq!(answer.header("x-cachekit-deny-reason"), Some("storage-quota"));
            }
        }
        // In place of itself it fits.
        client.put("/v1/cache/held", &[], &[0; 7000]).await;
        let mut other = connect(&fixture).await.with_key(&fixture.other);
        other.put("/v1/cache/k", &[], &[0; 7000]).await;
    }
}

async fn connect(fixture: &Fixture) -> Client {
    Client::connect(fixture.server.local_addr(), &fixture.ca, true, &fixture.live).await
}
