//! HTTP/2 frame by frame, where it could differ from HTTP/1.1.

use super::local::Local;
use super::relay::tls_config;
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A connection that speaks HTTP/2.
struct Raw {
    sender: SendRequest<Bytes>,
    key: String,
}

/// What came back.
struct Answer {
    status: u16,
    headers: HeaderMap,
    /// Each DATA frame by itself.
    frames: Vec<Bytes>,
}

impl Raw {
    async fn connect(server: &Local) -> Self {
        let config = tls_config(&server.authority.pem, &[b"h2", b"http/1.1"]);
        let tcp = TcpStream::connect(server.address).await.expect("it listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
        let stream = stream.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        Self { sender, key: server.key.clone() }
    }

    async fn call(&mut self, method: &str, path: &str, body: &[u8]) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://localhost/v1/cache/{path}"))
            .header("authorization", format!("Bearer {}", self.key))
            .header("x-cachekit-ttl", "60")
            .body(())
            .expect("a request");
        let mut sender = self.sender.clone().ready().await.expect("room");
        let ends = body.is_empty();
        let (answer, mut stream) = sender.send_request(request, ends).expect("sent");
        if !ends {
            stream.send_data(Bytes::copy_from_slice(body), true).expect("sent");
        }
        let (parts, mut body) = answer.await.expect("an answer").into_parts();
        let mut frames = Vec::new();
        while let Some(frame) = body.data().await {
            let frame = frame.expect("a frame");
            body.flow_control().release_capacity(frame.len()).expect("capacity");
            frames.push(frame);
        }
        Answer { status: parts.status.as_u16(), headers: parts.headers, frames }
    }
}

#[tokio::test]
async fn a_head_sends_no_data_frame() {
    let server = started().await;
    let mut raw = Raw::connect(&server).await;
    assert_eq!(raw.call("PUT", "k", b"value").await.status, 200);
    for (path, status) in [("k", 200), ("absent", 404), ("health", 200)] {
        let answer = raw.call("HEAD", path, b"").await;
        assert_eq!(answer.status, status);
        assert!(answer.frames.iter().all(Bytes::is_empty), "{path}: {:?}", answer.frames);
        assert!(!answer.headers.contains_key("x-cachekit-fresh-for"));
    }
    ended(server).await;
}

#[tokio::test]
async fn values_larger_than_every_window_arrive_whole() {
    let server = started().await;
    let mut raw = Raw::connect(&server).await;
    let value: Vec<u8> = (0..6_000_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
    assert_eq!(raw.call("PUT", "k", &value).await.status, 200);
    let answer = raw.call("GET", "k", b"").await;
    assert!(answer.frames.len() > 1);
    assert!(answer.frames.concat() == value);
    assert_eq!(answer.headers["x-cachekit-freshness"], "fresh");
    assert_eq!(answer.headers["content-length"], "6000000");
    ended(server).await;
}

#[tokio::test]
async fn no_header_of_http_1_is_sent() {
    let server = started().await;
    let mut raw = Raw::connect(&server).await;
    raw.key.push('x');
    let refused = raw.call("PUT", "k", &vec![7; 100_000]).await;
    assert_eq!(refused.status, 401);
    for name in ["connection", "keep-alive", "transfer-encoding", "upgrade"] {
        assert!(!refused.headers.contains_key(name), "{name}");
    }
    // The connection outlives the refusal.
    raw.key.pop();
    assert_eq!(raw.call("GET", "k", b"").await.status, 404);
    ended(server).await;
}

#[tokio::test]
async fn many_streams_share_one_connection() {
    let server = started().await;
    let mut raw = Raw::connect(&server).await;
    assert_eq!(raw.call("PUT", "k", b"value").await.status, 200);
    let calls = (0..64).map(|_| {
        let mut raw = Raw { sender: raw.sender.clone(), key: raw.key.clone() };
        async move { raw.call("GET", "k", b"").await.frames.concat() }
    });
    let values = futures::future::join_all(calls).await;
    assert!(values.iter().all(|value| value == b"value"));
    let (server, connections) = tokio::task::spawn_blocking(move || {
        let connections = server.metric("cachekit_server_connections_total");
        (server, connections)
    })
    .await
    .expect("no panic");
    assert_eq!(connections, 1);
    ended(server).await;
}

/// The server has a runtime of its own, which must neither start nor end on this one's threads.
async fn started() -> Local {
    tokio::task::spawn_blocking(Local::start).await.expect("it starts")
}

async fn ended(server: Local) {
    tokio::task::spawn_blocking(move || drop(server)).await.expect("it ends");
}
