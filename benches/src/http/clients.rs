//! The clients: ours, two that people use, and two that show what is left without a client.
//!
//! All of them send the same header lines, check the status and return the body as one piece.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cachekit_io::CachekitIo;
use cachekit_io::wire::header as name;
use cachekit_io::wire::path::{self, Part};
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::server::Process;
use crate::load::Client;

/// hyper's own windows, for the client that has none by default worth the name.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 5 * 1024 * 1024;

/// What a client asks for, in the forms that clients take, made before the clock runs.
pub(super) struct Target {
    pub(super) id: u64,
    pub(super) key: String,
    pub(super) url: String,
    uri: Uri,
}

impl Target {
    pub(super) fn new(port: u16, id: u64, key: String) -> Result<Self, String> {
        let mut url = format!("https://localhost:{port}");
        path::push(&mut url, &key, Part::Value).map_err(|_| "a reserved key")?;
        let uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
        Ok(Self { id, key, url, uri })
    }
}

impl Client<Target> for CachekitIo {
    async fn get(&self, target: &Target) -> Result<Bytes, String> {
        let found = CachekitIo::get(self, &target.key).await.map_err(text)?;
        found.map(cachekit_io::Fetched::into_value).ok_or_else(|| "absent".to_owned())
    }
}

pub(crate) fn ours(server: &Process) -> Result<CachekitIo, String> {
    CachekitIo::builder()
        .api_key(&server.api_key)
        .api_url(format!("https://localhost:{}", server.port))
        .allow_custom_host(true)
        .allow_private_addresses(true)
        .ca_pem(server.ca_pem.as_bytes())
        .proxy(false)
        .build()
        .map_err(text)
}

/// `reqwest`, with the header lines as its defaults.
pub(super) struct Reqwest(reqwest::Client);

impl Reqwest {
    pub(super) fn new(server: &Process) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .use_preconfigured_tls(tls(server)?)
            .default_headers(headers(server)?)
            .no_proxy()
            .build();
        Ok(Self(client.map_err(text)?))
    }
}

impl Client<Target> for Reqwest {
    async fn get(&self, target: &Target) -> Result<Bytes, String> {
        let answer = self.0.get(&target.url).send().await.map_err(text)?;
        check(answer.status())?;
        answer.bytes().await.map_err(text)
    }
}

/// The pooled client of hyper-util.
pub(super) struct Pooled {
    client: legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    headers: HeaderMap,
}

impl Pooled {
    pub(super) fn new(server: &Process) -> Result<Self, String> {
        // The builder of the connector sets ALPN itself.
        let mut tls = tls(server)?;
        tls.alpn_protocols.clear();
        // What its default lacks and every other client here has.
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http2()
            .wrap_connector(tcp);
        let client = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, headers: headers(server)? })
    }
}

impl Client<Target> for Pooled {
    async fn get(&self, target: &Target) -> Result<Bytes, String> {
        let request = request(target, &self.headers, Empty::new());
        let answer = self.client.request(request).await.map_err(text)?;
        check(answer.status())?;
        Ok(answer.into_body().collect().await.map_err(text)?.to_bytes())
    }
}

/// One connection of hyper, which our client stands on.
pub(super) struct Hyper {
    sender: http2::SendRequest<Empty<Bytes>>,
    headers: HeaderMap,
}

impl Hyper {
    pub(super) async fn connect(server: &Process) -> Result<Self, String> {
        let stream = TokioIo::new(dial(server).await?);
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), stream).await.map_err(text)?;
        tokio::spawn(connection);
        Ok(Self { sender, headers: headers(server)? })
    }
}

impl Client<Target> for Hyper {
    async fn get(&self, target: &Target) -> Result<Bytes, String> {
        let request = request(target, &self.headers, Empty::new());
        let answer = self.sender.clone().send_request(request).await.map_err(text)?;
        check(answer.status())?;
        Ok(answer.into_body().collect().await.map_err(text)?.to_bytes())
    }
}

/// One connection of the crate that hyper's HTTP/2 is made of: what a client without hyper could come down to.
pub(super) struct H2 {
    sender: h2::client::SendRequest<Bytes>,
    headers: HeaderMap,
}

impl H2 {
    pub(super) async fn connect(server: &Process) -> Result<Self, String> {
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(dial(server).await?)
            .await
            .map_err(text)?;
        tokio::spawn(connection);
        Ok(Self { sender, headers: headers(server)? })
    }
}

impl Client<Target> for H2 {
    async fn get(&self, target: &Target) -> Result<Bytes, String> {
        let mut sender = self.sender.clone().ready().await.map_err(text)?;
        let request = request(target, &self.headers, ());
        let (answer, _) = sender.send_request(request, true).map_err(text)?;
        let answer = answer.await.map_err(text)?;
        check(answer.status())?;
        let mut body = answer.into_body();
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(piece) = body.data().await {
            let piece = piece.map_err(text)?;
            body.flow_control().release_capacity(piece.len()).map_err(text)?;
            if first.is_empty() && rest.is_empty() {
                first = piece;
            } else {
                rest.extend_from_slice(&std::mem::take(&mut first));
                rest.extend_from_slice(&piece);
            }
        }
        Ok(if rest.is_empty() { first } else { rest.freeze() })
    }
}

fn request<B>(target: &Target, headers: &HeaderMap, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.uri_mut() = target.uri.clone();
    *request.version_mut() = http::Version::HTTP_2;
    *request.headers_mut() = headers.clone();
    request
}

/// As many lines, and as long ones, as our client sends.
fn headers(server: &Process) -> Result<HeaderMap, String> {
    let mut key = HeaderValue::try_from(format!("Bearer {}", server.api_key)).map_err(text)?;
    key.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, key);
    for (name, value) in [
        (USER_AGENT, "benches/0.1.0"),
        (HeaderName::from_static(name::L1_STATUS), name::L1_DISABLED),
        (HeaderName::from_static(name::SESSION_ID), "5f0c2c1e-8a53-4c08-9a5c-0d6d0a4d5b8f"),
        (HeaderName::from_static(name::SESSION_START), "1764000000000"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(headers)
}

fn tls(server: &Process) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(server.ca_pem.as_bytes()) {
        roots.add(certificate.map_err(text)?).map_err(text)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(text)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

async fn dial(server: &Process) -> Result<TlsStream<TcpStream>, String> {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).await.map_err(text)?;
    stream.set_nodelay(true).map_err(text)?;
    let name = ServerName::try_from("localhost").map_err(text)?;
    TlsConnector::from(Arc::new(tls(server)?)).connect(name, stream).await.map_err(text)
}

fn check(status: StatusCode) -> Result<(), String> {
    if status == StatusCode::OK { Ok(()) } else { Err(format!("status {status}")) }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
