//! What goes out is bounded, whatever peers do not read; no assertion on times.

use crate::support::{Fixture, H1};
use bytes::Bytes;
use cachekit_server::{DiskStore, Limits, MemoryStore, Timestamp, wall_clock};
use h2::client::{ResponseFuture, SendRequest};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Long enough for what works, short enough to wait for.
const SHORT: Duration = Duration::from_millis(200);
/// Longer than anything takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
const KIB: usize = 1024;

/// A server with a store on disk or in memory, and with a look inside.
async fn start(disk: bool, adapt: impl FnOnce(&mut Limits)) -> (Fixture, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut limits = Limits::default();
    adapt(&mut limits);
    let admin = SocketAddr::from(([127, 0, 0, 1], 0));
    let fixture = Fixture::start_with(|builder| {
        let builder = builder.limits(limits).admin(admin);
        if disk {
            let now = Timestamp::of(&wall_clock());
            builder.store(DiskStore::open(directory.path(), 64 << 20, now).expect("opens"))
        } else {
            builder.store(MemoryStore::new(64 << 20))
        }
    });
    (fixture.await, directory)
}

/// A connection whose streams have this much window: nothing is read without it.
struct Reluctant {
    sender: SendRequest<Bytes>,
    key: String,
    driver: JoinHandle<Result<(), h2::Error>>,
}

impl Reluctant {
    async fn connect(fixture: &Fixture, key: &str, window: u32) -> Self {
        let stream = fixture.tls(&[b"h2"]).await;
        let mut builder = h2::client::Builder::new();
        let builder = builder.initial_window_size(window).initial_connection_window_size(1 << 30);
        let (sender, connection) = builder.handshake(stream).await.expect("h2");
        Self { sender, key: key.to_owned(), driver: tokio::spawn(connection) }
    }

    async fn begin(&mut self, method: &str, path: &str) -> Result<ResponseFuture, h2::Error> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://localhost{path}"))
            .header("authorization", format!("Bearer {}", self.key))
            .body(())
            .expect("a request");
        let ready = self.sender.clone().ready();
        let mut sender = tokio::time::timeout(PATIENCE, ready).await.expect("in time")?;
        Ok(sender.send_request(request, true)?.0)
    }

    /// The head of an answer, whose body is left alone.
    async fn head(&mut self, path: &str) -> http::Response<h2::RecvStream> {
        let answer = self.begin("GET", path).await.expect("sent");
        tokio::time::timeout(PATIENCE, answer).await.expect("in time").expect("an answer")
    }
}

/// Reads a body to its end; `None` if it breaks off.
async fn read(body: &mut h2::RecvStream) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    let reading = async {
        while let Some(data) = body.data().await {
            let data = data.ok()?;
            body.flow_control().release_capacity(data.len()).ok()?;
            whole.extend_from_slice(&data);
        }
        Some(())
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("in time")?;
    Some(whole)
}

#[tokio::test]
async fn unread_answers_hold_no_more_than_a_connection_may() {
    for disk in [true, false] {
        let (fixture, _directory) =
            start(disk, |limits| limits.max_sending_bytes_per_connection = 300 * KIB).await;
        let mut bystander = fixture.h2().await;
        let value = vec![7; 100 * KIB];
        bystander.put("/v1/cache/k", &[], &value).await;
        bystander.put("/v1/cache/small", &[], b"small").await;
        let mut peer = Reluctant::connect(&fixture, &fixture.live, 16 * 1024).await;
        let mut unread = Vec::new();
        for _ in 0..60 {
            let answer = peer.head("/v1/cache/k").await;
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["content-length"], "102400");
            unread.push(answer.into_body());
        }
        let held = fixture.metric("cachekit_server_sending_bytes").await;
        assert!((100 * KIB..=300 * KIB).contains(&usize::try_from(held).expect("fits")), "{held}");
        // Small ones come through beside the large ones that wait, on the same connection, too.
        assert_eq!(bystander.get("/v1/cache/small").await.as_deref(), Some(b"small".as_slice()));
        let mut small = peer.head("/v1/cache/small").await.into_body();
        assert_eq!(read(&mut small).await.as_deref(), Some(b"small".as_slice()));
        // When they are read, they are all there.
        for (at, body) in unread.iter_mut().enumerate() {
            assert!(read(body).await.as_deref() == Some(value.as_slice()), "{at}, disk: {disk}");
        }
        let reached =
            "cachekit_server_limits_reached_total{limit=\"sending_bytes\",of=\"connection\"}";
        assert!(fixture.metric(reached).await > 0);
        drop((peer, unread, small));
        while fixture.metric("cachekit_server_sending_bytes").await > 0 {}
    }
}

#[tokio::test]
async fn a_tenant_holds_its_part_on_all_its_connections_and_leaves_the_rest() {
    let (fixture, _directory) = start(true, |limits| {
        limits.max_sending_bytes = 1200 * KIB;
        limits.max_sending_bytes_per_connection = 250 * KIB;
    })
    .await;
    let mut acme = fixture.h2().await;
    acme.put("/v1/cache/k", &[], &vec![7; 100 * KIB]).await;
    let mut held = Vec::new();
    for _ in 0..6 {
        let mut peer = Reluctant::connect(&fixture, &fixture.live, 1).await;
        for _ in 0..5 {
            let answer = peer.head("/v1/cache/k").await;
            assert_eq!(answer.status(), 200);
            held.push(answer);
        }
    }
    // HTTP/1.1 as well: the request is answered, the body waits.
    let mut lines = Vec::new();
    for _ in 0..3 {
        let mut wire = H1::new(fixture.tls(&[b"http/1.1"]).await);
        let key = &fixture.live;
        let request =
            format!("GET /v1/cache/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n");
        wire.send(request.as_bytes()).await;
        lines.push(wire);
    }
    let sending =
        usize::try_from(fixture.metric("cachekit_server_sending_bytes").await).expect("fits");
    assert!(sending <= 300 * KIB, "a quarter of the whole: {sending}");
    // Another tenant reads as if nothing were.
    let mut other = fixture.h2().await.with_key(&fixture.other);
    other.put("/v1/cache/k", &[], &vec![8; 200 * KIB]).await;
    for _ in 0..5 {
        assert!(other.get("/v1/cache/k").await == Some(vec![8; 200 * KIB]));
    }
    // And when the first gives up, its room comes back to it.
    drop(held);
    for mut wire in lines {
        let answer = wire.answer(false).await.expect("an answer");
        assert!(answer.status == 200 && answer.body == vec![7; 100 * KIB]);
    }
}

#[tokio::test]
async fn a_value_that_changes_while_its_answer_waits_is_whole_or_broken_off() {
    for disk in [true, false] {
        let (fixture, _directory) =
            start(disk, |limits| limits.max_sending_bytes_per_connection = 250 * KIB).await;
        let mut writer = fixture.h2().await;
        let mut peer = Reluctant::connect(&fixture, &fixture.live, 16 * 1024).await;
        let mut unread = Vec::new();
        for version in 0..20_u8 {
            // Lengths alternate: a body of another length must not follow the head.
            let length = (100 + usize::from(version) % 2) * KIB;
            writer.put("/v1/cache/k", &[], &vec![version; length]).await;
            let answer = peer.head("/v1/cache/k").await;
            assert_eq!(answer.headers()["content-length"], length.to_string().as_str());
            unread.push((length, version, answer.into_body()));
        }
        let held = fixture.metric("cachekit_server_sending_bytes").await;
        assert!(held <= 250 * 1024, "{held}");
        let (mut whole, mut broken) = (0, 0);
        for (length, version, body) in &mut unread {
            match read(body).await {
                None => broken += 1,
                Some(bytes) => {
                    whole += 1;
                    assert_eq!(bytes.len(), *length);
                    // The value of then, or the one of now: never a mixture.
                    let first = bytes[0];
                    assert!(bytes.iter().all(|byte| *byte == first), "one value");
                    assert!(first == *version || first == 19, "{first} for {version}");
                }
            }
        }
        assert!(whole >= 2 && broken >= 1, "{whole} whole, {broken} broken off");
    }
}

#[tokio::test]
async fn a_peer_that_asks_and_does_not_read_is_cut() {
    for disk in [true, false] {
        let (fixture, _directory) = start(disk, |limits| limits.stall_timeout = SHORT).await;
        fixture.h2().await.put("/v1/cache/k", &[], &vec![7; 100 * KIB]).await;
        let mut peer = Reluctant::connect(&fixture, &fixture.live, 1).await;
        let unread = peer.head("/v1/cache/k").await;
        let asking = async {
            // Requests that are answered do not keep the connection.
            while let Ok(answer) = peer.begin("HEAD", "/v1/cache/k").await {
                if answer.await.is_err() {
                    break;
                }
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("the server cuts the connection");
        drop(unread);
        assert_eq!(fixture.metric("cachekit_server_connections_cut_total").await, 1);
        assert_eq!(fixture.metric("cachekit_server_sending_bytes").await, 0);
    }
}

#[tokio::test]
async fn a_drip_does_not_keep_a_connection() {
    let (fixture, _directory) = start(true, |limits| {
        limits.stall_timeout = SHORT;
        // No peer is that quick byte for byte.
        limits.min_answer_rate = 1 << 30;
    })
    .await;
    fixture.h2().await.put("/v1/cache/k", &[], &vec![7; 100 * KIB]).await;
    let mut peer = Reluctant::connect(&fixture, &fixture.live, 1).await;
    let mut body = peer.head("/v1/cache/k").await.into_body();
    let dripping = async {
        // One byte for each round trip.
        while let Some(Ok(data)) = body.data().await {
            let _ = body.flow_control().release_capacity(data.len().min(1));
        }
    };
    tokio::time::timeout(PATIENCE, dripping).await.expect("the server cuts the connection");
    let _ = peer.driver.await;
    assert_eq!(fixture.metric("cachekit_server_connections_cut_total").await, 1);
}

#[tokio::test]
async fn a_pipeline_is_not_read_while_its_answers_are_not() {
    for request in ["GET /v1/cache/k", "HEAD /v1/cache/k"] {
        let (fixture, _directory) = start(true, |limits| limits.stall_timeout = 5 * SHORT).await;
        fixture.h2().await.put("/v1/cache/k", &[], &vec![7; 100 * KIB]).await;
        let mut wire = H1::new(fixture.tls(&[b"http/1.1"]).await);
        let key = &fixture.live;
        let one = format!("{request} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n");
        let many = one.repeat(100);
        let pipelining = async { while wire.try_send(many.as_bytes()).await {} };
        // It stops to read, and then it cuts.
        tokio::time::timeout(PATIENCE, pipelining).await.expect("the server cuts the connection");
        assert_eq!(fixture.metric("cachekit_server_connections_cut_total").await, 1, "{request}");
        assert_eq!(fixture.metric("cachekit_server_sending_bytes").await, 0, "{request}");
    }
}
