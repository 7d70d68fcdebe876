//! Peers that are slow, greedy or mean. Short limits instead of long waits; no assertion on times.

use crate::support::{Client, Fixture, H1, try_tls};
use cachekit_server::{Limits, TenantLimits};
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Long enough for what works, short enough to wait for.
const SHORT: Duration = Duration::from_millis(200);

async fn with_limits(adapt: impl FnOnce(&mut Limits)) -> Fixture {
    let mut limits = Limits::default();
    adapt(&mut limits);
    Fixture::start_with(|builder| builder.limits(limits)).await
}

async fn raw(fixture: &Fixture) -> H1 {
    H1::new(fixture.tls(&[b"http/1.1"]).await)
}

fn head(fixture: &Fixture, request: &str, more: &str) -> String {
    let key = &fixture.live;
    format!("{request} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{more}\r\n")
}

#[tokio::test]
async fn a_client_that_still_sends_can_read_that_it_is_too_much() {
    let fixture = with_limits(|limits| limits.max_value_bytes = 1000).await;
    let body = vec![0; 4_000_000];
    // Announced, and in chunks of unknown number.
    let mut wire = raw(&fixture).await;
    let length = format!("Content-Length: {}\r\n", body.len());
    wire.send(head(&fixture, "PUT /v1/cache/k", &length).as_bytes()).await;
    wire.send(&body).await;
    assert_eq!(wire.answer(false).await.expect("readable").status, 413);

    wire.send(head(&fixture, "PUT /v1/cache/k", "Transfer-Encoding: chunked\r\n").as_bytes()).await;
    for piece in body.chunks(100_000) {
        wire.send(format!("{:x}\r\n", piece.len()).as_bytes()).await;
        wire.send(piece).await;
        wire.send(b"\r\n").await;
    }
    wire.send(b"0\r\n\r\n").await;
    assert_eq!(wire.answer(false).await.expect("readable").status, 413);
    // The connection goes on.
    wire.send(head(&fixture, "GET /v1/cache/k", "").as_bytes()).await;
    assert_eq!(wire.answer(false).await.expect("an answer").status, 404);
}

/// It is refused while it sends, and not one byte of it is waited for.
#[tokio::test]
async fn a_stranger_with_a_large_body_can_read_that_it_is_one() {
    let fixture = Fixture::start().await;
    for client in fixture.both().await {
        let mut client = client.with_key("ck_live_0_stranger");
        for _ in 0..3 {
            let answer = client.call("PUT", "/v1/cache/k", &vec![0; 4_000_000]).await;
            assert_eq!(answer.status, 401);
        }
        // The connection goes on.
        let mut client = client.with_key(&fixture.live);
        assert_eq!(client.get("/v1/cache/k").await, None);
    }
}

#[tokio::test]
async fn who_waits_for_a_continue_is_refused_before_it_sends() {
    let fixture = with_limits(|limits| limits.max_value_bytes = 1000).await;
    let mut wire = raw(&fixture).await;
    let more = "Expect: 100-continue\r\nContent-Length: 1001\r\n";
    wire.send(head(&fixture, "PUT /v1/cache/k", more).as_bytes()).await;
    let answer = wire.answer(false).await.expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert!(wire.is_closed().await);

    let mut wire = raw(&fixture).await;
    let more = "Expect: 100-continue\r\nContent-Length: 4\r\n";
    wire.send(head(&fixture, "PUT /v1/cache/k", more).as_bytes()).await;
    wire.send(b"four").await;
    assert_eq!(wire.answer(false).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn an_endless_body_ends_with_the_connection() {
    let fixture = with_limits(|limits| limits.max_value_bytes = 1000).await;
    let mut wire = raw(&fixture).await;
    wire.send(head(&fixture, "PUT /v1/cache/k", "Transfer-Encoding: chunked\r\n").as_bytes()).await;
    let mut chunk = b"10000\r\n".to_vec();
    chunk.resize(chunk.len() + 0x1_0000, 0);
    chunk.extend_from_slice(b"\r\n");
    // 64 MiB are more than the server is ready to throw away.
    let mut taken = true;
    for _ in 0..1024 {
        taken = taken && wire.try_send(&chunk).await;
    }
    assert!(!taken, "the server stopped to read");
}

#[tokio::test]
async fn bodies_that_are_received_share_their_memory() {
    let fixture = with_limits(|limits| limits.max_receiving_bytes = 64 * 1024).await;
    let mut client = fixture.h2().await;
    client.put("/v1/cache/k", &[], &vec![1; 60 * 1024]).await;
    let answer = client.call("PUT", "/v1/cache/k", &vec![2; 100 * 1024]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    // It was given back.
    client.put("/v1/cache/k", &[], &vec![3; 60 * 1024]).await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up() {
    let fixture = with_limits(|limits| limits.header_timeout = SHORT).await;
    for start in ["", "GET /v1/cache/k HTTP/1.1\r\nHost: x\r\nX: "] {
        let mut wire = raw(&fixture).await;
        wire.send(start.as_bytes()).await;
        // hyper may answer 408 first; the connection ends either way.
        if let Some(answer) = wire.answer(false).await {
            assert_eq!(answer.status, 408);
            assert!(wire.is_closed().await);
        }
    }
    // On HTTP/2 a connection without a request is no better.
    let mut stream = fixture.tls(&[b"h2"]).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("sent");
    let mut rest = Vec::new();
    // Ends because the server cuts it.
    let _ = stream.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn an_idle_connection_lives_longer_than_a_head_may_take() {
    let fixture = with_limits(|limits| {
        limits.header_timeout = SHORT;
        limits.idle_timeout = 10 * SHORT;
    })
    .await;
    for h2 in [false, true] {
        let address = fixture.server.local_addr();
        let mut client = Client::connect(address, &fixture.ca, h2, &fixture.live).await;
        client.put("/v1/cache/k", &[], b"v").await;
        tokio::time::sleep(3 * SHORT).await;
        assert_eq!(client.get("/v1/cache/k").await.as_deref(), Some(b"v".as_slice()), "h2: {h2}");
    }
}

#[tokio::test]
async fn a_connection_without_requests_is_closed() {
    let fixture = with_limits(|limits| limits.idle_timeout = SHORT).await;
    let mut wire = raw(&fixture).await;
    wire.send(head(&fixture, "GET /v1/cache/k", "").as_bytes()).await;
    assert_eq!(wire.answer(false).await.expect("an answer").status, 404);
    assert!(wire.is_closed().await);
}

#[tokio::test]
async fn who_shows_no_key_does_not_stay() {
    // The idle time of those who do is far longer than this test may take.
    let fixture = with_limits(|limits| limits.header_timeout = SHORT).await;
    for request in ["GET /v1/cache/k", "OPTIONS /v1/cache/k"] {
        let mut wire = raw(&fixture).await;
        wire.send(format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        let status = wire.answer(false).await.expect("an answer").status;
        assert!([401, 204].contains(&status), "{status}");
        assert!(wire.is_closed().await);
    }
    let (sender, connection) =
        h2::client::handshake(fixture.tls(&[b"h2"]).await).await.expect("h2");
    let mut sender = sender.ready().await.expect("ready");
    let request = http::Request::get("https://localhost/v1/cache/k").body(()).expect("a request");
    let (answer, _) = sender.send_request(request, true).expect("sent");
    let ended = tokio::spawn(connection);
    assert_eq!(answer.await.expect("an answer").status(), 401);
    // The server says goodbye, while this end would stay.
    let _ = ended.await.expect("no panic");
}

#[tokio::test]
async fn a_body_that_crawls_is_refused() {
    let fixture = with_limits(|limits| limits.body_timeout = SHORT).await;
    let mut wire = raw(&fixture).await;
    wire.send(head(&fixture, "PUT /v1/cache/k", "Content-Length: 10\r\n").as_bytes()).await;
    wire.send(b"slow").await;
    let answer = wire.answer(false).await.expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!(wire.is_closed().await);
    assert_eq!(fixture.h1().await.get("/v1/cache/k").await, None, "half a value is not stored");
}

#[tokio::test]
async fn a_body_that_breaks_off_stores_nothing() {
    let fixture = Fixture::start().await;
    let mut client = fixture.h1().await;
    client.put("/v1/cache/k", &[], b"whole").await;
    for more in ["Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut wire = raw(&fixture).await;
        wire.send(head(&fixture, "PUT /v1/cache/k", more).as_bytes()).await;
        wire.send(b"5\r\nhalf!").await;
        drop(wire);
        assert_eq!(client.get("/v1/cache/k").await.as_deref(), Some(b"whole".as_slice()));
    }
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_cut() {
    let fixture = with_limits(|limits| limits.stall_timeout = SHORT).await;
    let mut client = fixture.h2().await;
    client.put("/v1/cache/k", &[], &vec![1; 20_000_000]).await;
    let mut stream = fixture.tls(&[b"http/1.1"]).await;
    let request = head(&fixture, "GET /v1/cache/k", "Connection: close\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream.flush().await.expect("sent");
    // Not a byte is read for a while: more than the sockets' buffers hold stays with the server.
    tokio::time::sleep(10 * SHORT).await;
    let mut body = Vec::new();
    let _ = stream.read_to_end(&mut body).await;
    assert!(body.len() < 20_000_000, "the rest never came");
}

#[tokio::test]
async fn heads_have_a_limit() {
    let fixture = Fixture::start().await;
    let large = format!("X-Large: {}\r\n", "x".repeat(40_000));
    let mut wire = raw(&fixture).await;
    wire.send(head(&fixture, "GET /v1/cache/k", &large).as_bytes()).await;
    assert_eq!(wire.answer(false).await.expect("an answer").status, 431);

    let stream = fixture.tls(&[b"h2"]).await;
    let (sender, connection) = h2::client::handshake(stream).await.expect("h2");
    tokio::spawn(connection);
    let mut sender = sender.ready().await.expect("ready");
    let request = http::Request::get("https://localhost/v1/cache/k")
        .header("x-large", "x".repeat(40_000))
        .body(())
        .expect("a request");
    let (answer, _) = sender.send_request(request, true).expect("sent");
    match answer.await {
        Ok(answer) => assert_eq!(answer.status(), 431),
        Err(error) => assert!(error.is_reset() || error.is_go_away(), "{error}"),
    }
}

#[tokio::test]
async fn rapid_resets_end_the_connection_and_nothing_else() {
    let fixture = with_limits(|limits| limits.max_pending_reset_streams = 20).await;
    let mut bystander = fixture.h2().await;
    let stream = fixture.tls(&[b"h2"]).await;
    let (mut reading, mut writing) = tokio::io::split(stream);
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for stream in (1..20_000_u32).step_by(2) {
        // HEADERS of `GET https://x/`, from the static table, with END_STREAM and END_HEADERS; RST_STREAM.
        bytes.extend_from_slice(&[0, 0, 6, 1, 5]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(&[0x82, 0x87, 0x84, 0x41, 1, b'x']);
        bytes.extend_from_slice(&[0, 0, 4, 3, 0]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(&8_u32.to_be_bytes());
    }
    let attack = tokio::spawn(async move {
        // Fails once the server closed the connection.
        let _ = writing.write_all(&bytes).await;
        writing
    });
    let mut frames = Vec::new();
    let _ = reading.read_to_end(&mut frames).await;
    drop(attack.await.expect("no panic"));
    assert_eq!(goaway(&frames), Some(11), "ENHANCE_YOUR_CALM");
    assert_eq!(bystander.call("GET", "/v1/cache/k", b"").await.status, 404);
}

/// The error code of the first GOAWAY frame.
fn goaway(mut frames: &[u8]) -> Option<u32> {
    while let Some((head, rest)) = frames.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        if head[3] == 7 {
            return Some(u32::from_be_bytes(rest.get(4..8)?.try_into().ok()?));
        }
        frames = rest.get(length..)?;
    }
    None
}

#[tokio::test]
async fn streams_are_limited_per_connection() {
    let fixture = with_limits(|limits| limits.max_streams = 7).await;
    let stream = fixture.tls(&[b"h2"]).await;
    let (sender, connection) = h2::client::handshake(stream).await.expect("h2");
    let driver = tokio::spawn(async move {
        let mut connection = connection;
        let most = std::future::poll_fn(|context| {
            let polled = std::pin::Pin::new(&mut connection).poll(context);
            let most = connection.max_concurrent_send_streams();
            if most == 7 || polled.is_ready() {
                std::task::Poll::Ready(most)
            } else {
                std::task::Poll::Pending
            }
        });
        most.await
    });
    assert_eq!(driver.await.expect("no panic"), 7);
    drop(sender);
}

#[tokio::test]
async fn connections_are_limited_and_others_wait_their_turn() {
    let fixture = with_limits(|limits| limits.max_connections = 1).await;
    let first = fixture.h1().await;
    let (address, ca) = (fixture.server.local_addr(), fixture.ca.clone());
    let second = tokio::spawn(async move { try_tls(address, &ca, &[b"http/1.1"]).await });
    // Queued by the system, not accepted.
    tokio::task::yield_now().await;
    assert!(!second.is_finished());
    drop(first);
    second.await.expect("no panic").expect("its turn came");
}

#[tokio::test]
async fn a_handshake_that_does_not_begin_is_given_up() {
    let fixture = with_limits(|limits| limits.handshake_timeout = SHORT).await;
    let mut silent = TcpStream::connect(fixture.server.local_addr()).await.expect("connected");
    assert_eq!(silent.read(&mut [0; 16]).await.expect("closed"), 0);
    // Nor is what is no TLS at all answered in the clear.
    let mut plain = TcpStream::connect(fixture.server.local_addr()).await.expect("connected");
    plain.write_all(b"GET /v1/cache/k HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "an alert at most");
}

#[tokio::test]
async fn refused_requests_cost_no_memory_of_tenants() {
    let none = TenantLimits { stored_bytes: Some(1), ..TenantLimits::default() };
    let fixture = Fixture::start_with(|builder| builder.tenant_limits(none)).await;
    let mut client = fixture.h2().await;
    for _ in 0..3 {
        assert_eq!(client.call("PUT", "/v1/cache/k", b"v").await.status, 429);
    }
    let health = client.call("GET", "/v1/cache/health", b"").await;
    assert_eq!(health.text(), r#"{"status":"ok","cache_entries":0,"active_locks":0}"#);
}
