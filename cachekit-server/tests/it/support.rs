//! A server in the process, and clients that speak to it in plain bytes.

use bytes::Bytes;
use cachekit_io::ManualClock;
use cachekit_server::{
    ApiKey, ApiKeys, Builder, DevAuthority, KeyKind, Running, Scope, Server, TenantLimits,
};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longer than anything takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server with an API key of each class for the tenant `acme` and one of `other`.
pub(crate) struct Fixture {
    pub(crate) server: Running,
    pub(crate) hands: ManualClock,
    pub(crate) ca: String,
    pub(crate) live: String,
    pub(crate) sdk: String,
    pub(crate) api: String,
    pub(crate) other: String,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::start_with(|builder| builder).await
    }

    pub(crate) async fn start_with(adapt: impl FnOnce(Builder) -> Builder) -> Self {
        let mut keys = ApiKeys::new();
        let mut key = |kind, tenant| {
            let key = ApiKey::generate(kind).expect("random bytes");
            keys.add(&key, tenant, &Scope::ALL, TenantLimits::default()).expect("a good key");
            key.expose().to_owned()
        };
        let (live, sdk) = (key(KeyKind::Live, "acme"), key(KeyKind::Sdk, "acme"));
        let (api, other) = (key(KeyKind::Api, "acme"), key(KeyKind::Live, "other"));
        let hands = ManualClock::new();
        // Some day, so that nothing depends on the beginning of time.
        hands.advance(Duration::from_secs(1_800_000_000));
        let authority = DevAuthority::new().expect("an authority");
        let builder = Server::builder()
            .tls(authority.issue(&[]).expect("a certificate"))
            .api_keys(keys)
            .clock(hands.clock());
        let server = adapt(builder).bind().await.expect("the server starts");
        let ca = authority.certificate_pem().to_owned();
        Self { server, hands, ca, live, sdk, api, other }
    }

    pub(crate) async fn h1(&self) -> Client {
        Client::connect(self.server.local_addr(), &self.ca, false, &self.live).await
    }

    pub(crate) async fn h2(&self) -> Client {
        Client::connect(self.server.local_addr(), &self.ca, true, &self.live).await
    }

    /// One client of each protocol: what is asserted holds for both.
    pub(crate) async fn both(&self) -> [Client; 2] {
        [self.h1().await, self.h2().await]
    }

    pub(crate) async fn tls(&self, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
        tls(self.server.local_addr(), &self.ca, alpn).await
    }

    /// A number from the metrics; the server needs its admin listener.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let page = page(self.server.admin_addr().expect("an admin listener"), "/metrics").await;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.expect("the metric").parse().expect("a whole number")
    }

    pub(crate) fn advance(&self, seconds: f64) {
        self.hands.advance(Duration::from_secs_f64(seconds));
    }
}

/// A page of the admin listener, head and all.
pub(crate) async fn page(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the admin listener");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    answer
}

pub(crate) async fn tls(address: SocketAddr, ca: &str, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
    try_tls(address, ca, alpn).await.expect("the handshake succeeds")
}

pub(crate) async fn try_tls(
    address: SocketAddr,
    ca: &str,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(ca.as_bytes()).expect("the CA is PEM");
    roots.add(certificate).expect("the CA is a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// All lines of a header.
    pub(crate) fn lines(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_str()).collect()
    }

    /// The one line of a header; `None` without any.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.lines(name);
        assert!(lines.len() < 2, "{name} is there once");
        lines.first().copied()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }
}

/// A connection, and the key it presents.
pub(crate) struct Client {
    pub(crate) key: String,
    wire: Wire,
}

enum Wire {
    H1(Box<H1>),
    H2(http2::SendRequest<Full<Bytes>>, String),
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, ca: &str, h2: bool, key: &str) -> Self {
        let alpn: &[u8] = if h2 { b"h2" } else { b"http/1.1" };
        let stream = tls(address, ca, &[alpn]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(alpn));
        let wire = if h2 {
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("h2");
            tokio::spawn(connection);
            Wire::H2(sender, format!("https://localhost:{}", address.port()))
        } else {
            Wire::H1(Box::new(H1::new(stream)))
        };
        Self { key: key.to_owned(), wire }
    }

    pub(crate) fn with_key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    /// A request with the connection's key and no other header.
    pub(crate) async fn call(&mut self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.ask(method, path, &[], body).await
    }

    /// A request with the connection's key and more headers.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        self.ask_bare(method, path, &all, body).await
    }

    /// A request with these headers only.
    pub(crate) async fn ask_bare(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let answered = async {
            match &mut self.wire {
                Wire::H1(wire) => {
                    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
                    for (name, value) in headers {
                        head.extend([*name, ": ", *value, "\r\n"]);
                    }
                    if !body.is_empty() || matches!(method, "PUT" | "POST" | "PATCH") {
                        head.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
                    }
                    head.push_str("\r\n");
                    wire.send(head.as_bytes()).await;
                    wire.send(body).await;
                    wire.answer(method == "HEAD").await.expect("an answer")
                }
                Wire::H2(sender, origin) => {
                    let mut request =
                        http::Request::builder().method(method).uri(format!("{origin}{path}"));
                    for (name, value) in headers {
                        request = request.header(*name, *value);
                    }
                    let body = Full::new(Bytes::copy_from_slice(body));
                    sender.ready().await.expect("the connection lives");
                    let request = request.body(body).expect("a request");
                    let answer = sender.send_request(request).await.expect("an answer");
                    from_hyper(answer).await
                }
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.expect("an answer in time")
    }

    pub(crate) async fn put(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let answer = self.ask("PUT", path, headers, body).await;
        assert_eq!((answer.status, answer.text()), (200, r#"{"success":true}"#));
    }

    pub(crate) async fn get(&mut self, path: &str) -> Option<Vec<u8>> {
        let answer = self.call("GET", path, b"").await;
        match answer.status {
            200 => Some(answer.body),
            404 => None,
            other => panic!("GET is answered {other}"),
        }
    }

    /// Takes a lock: its id, or `None` if it is held.
    pub(crate) async fn lock(&mut self, path: &str, millis: u64) -> Option<String> {
        let body = format!("{{\"timeout_ms\":{millis}}}");
        let answer = self.call("POST", &format!("{path}/lock"), body.as_bytes()).await;
        assert_eq!(answer.status, 200);
        if answer.text() == r#"{"lock_id":null}"# {
            return None;
        }
        let id =
            answer.text().strip_prefix(r#"{"lock_id":""#).and_then(|id| id.strip_suffix("\"}"));
        let id = id.expect("nothing but the id").to_owned();
        // With hyphens, where the lock is one of Redis.
        let digits: Vec<u8> = id.bytes().filter(|byte| *byte != b'-').collect();
        assert!(digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit));
        Some(id)
    }

    /// Gives a lock back: the status, and whether the server says that it was held.
    pub(crate) async fn unlock(&mut self, path: &str, id: &str) -> (u16, bool) {
        let headers = [("x-cachekit-lock-id", id)];
        let answer = self.ask("DELETE", &format!("{path}/lock"), &headers, b"").await;
        let held = match answer.header("x-cachekit-lock-release") {
            Some("released") => true,
            Some("not-held") => false,
            other => panic!("an unlock says {other:?}"),
        };
        (answer.status, held)
    }
}

async fn from_hyper(answer: http::Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.expect("the body").to_bytes().to_vec();
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), value.to_str().expect("text").to_owned())
    };
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers.iter().map(line).collect(),
        body,
    }
}

/// HTTP/1.1 by hand.
pub(crate) struct H1 {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl H1 {
    pub(crate) fn new(stream: TlsStream<TcpStream>) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the server reads");
        self.stream.flush().await.expect("the server reads");
    }

    /// Like `send`, for a server that may close the connection.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// Reads one answer by its length; `None` if the server closed the connection before it.
    pub(crate) async fn answer(&mut self, bodiless: bool) -> Option<Answer> {
        loop {
            let head = loop {
                if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                    let rest = self.buffer.split_off(end + 4);
                    break std::mem::replace(&mut self.buffer, rest);
                }
                if !self.more().await {
                    return None;
                }
            };
            let head = String::from_utf8(head).expect("the head is text");
            let mut lines = head.trim_end().split("\r\n");
            let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
            if status == 100 {
                continue;
            }
            let headers: Vec<(String, String)> = lines
                .map(|line| line.split_once(": ").expect("a header line"))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let mut answer = Answer { status, headers, body: Vec::new() };
            let length =
                answer.header("content-length").map_or(0, |n| n.parse().expect("a length"));
            if !bodiless && status != 204 {
                while self.buffer.len() < length {
                    assert!(self.more().await, "the body is whole");
                }
                answer.body = self.buffer.drain(..length).collect();
            }
            return Some(answer);
        }
    }

    /// The status of the next answer, be it an interim one, which is taken.
    pub(crate) async fn status(&mut self) -> u16 {
        while !self.buffer.windows(4).any(|four| four == b"\r\n\r\n") {
            assert!(self.more().await, "an answer");
        }
        let text = String::from_utf8_lossy(&self.buffer);
        let status = text.split(' ').nth(1).expect("a status").parse().expect("a number");
        if status == 100 {
            self.buffer.clear();
        }
        status
    }

    /// Whether the server closes the connection without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.more().await
    }

    /// Sends no more, and reads all that comes.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        // A connection that is closed already has no direction left to close.
        let _ = self.stream.shutdown().await;
        while self.more().await {}
        self.buffer
    }

    async fn more(&mut self) -> bool {
        let mut chunk = vec![0; 16 * 1024];
        match self.stream.read(&mut chunk).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                true
            }
        }
    }
}
