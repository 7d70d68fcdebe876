//! What users get wrong, and what they are told: the setting to look at, and nothing secret.

use super::server::{HOST, KEY, Reply, Server, Speaks, answer, reply, with};
use crate::{BackendError, BackendErrorKind, BoxFuture, CachekitIo};
use std::io;
use std::net::IpAddr;
use tokio::io::AsyncWriteExt;

/// The whole of an error as a log would show it, with the wanted kind.
fn shown(error: &BackendError, kind: BackendErrorKind) -> String {
    assert_eq!(error.kind(), kind, "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(!text.contains(KEY), "{text}");
    error.to_string()
}

async fn fails(client: CachekitIo) -> BackendError {
    client.get("k").await.unwrap_err()
}

#[test]
fn settings_that_cannot_be_are_refused_with_the_way_out() {
    let cases: &[(&str, &[&str])] = &[
        ("http://api.cachekit.io", &["https://"]),
        ("https://127.0.0.1:8443", &["private address", "CACHEKIT_ALLOW_PRIVATE_ADDRESSES"]),
        ("https://localhost:8443", &["this machine", "CACHEKIT_ALLOW_PRIVATE_ADDRESSES"]),
        ("https://169.254.169.254", &["reserved"]),
        ("https://user:pw@api.cachekit.io", &["user name or password"]),
        ("https://api.cachekit.io?x", &["query"]),
        ("", &["https://"]),
    ];
    for (url, expected) in cases {
        let builder = CachekitIo::builder().api_key(KEY).allow_custom_host(true).api_url(*url);
        let text = shown(&builder.build().unwrap_err(), BackendErrorKind::Configuration);
        assert!(text.contains("CACHEKIT_API_URL"), "{text}");
        for part in *expected {
            assert!(text.contains(part), "{url}: {text}");
        }
    }
    let builder = CachekitIo::builder().api_key(KEY).api_url("https://cache.example.com");
    let text = shown(&builder.build().unwrap_err(), BackendErrorKind::Configuration);
    assert!(text.contains("CACHEKIT_ALLOW_CUSTOM_HOST"), "{text}");
    for key in ["", "ck live", "\"ck\""] {
        let builder = CachekitIo::builder().api_key(key);
        let text = shown(&builder.build().unwrap_err(), BackendErrorKind::Configuration);
        assert!(text.contains("CACHEKIT_API_KEY"), "{text}");
    }
}

#[tokio::test]
async fn answers_that_refuse_name_the_setting() {
    let cases = [
        (301, BackendErrorKind::Permanent, "CACHEKIT_API_URL"),
        (401, BackendErrorKind::Authentication, "CACHEKIT_API_KEY"),
        (403, BackendErrorKind::Authentication, "CACHEKIT_API_KEY"),
        (405, BackendErrorKind::Permanent, "CACHEKIT_API_URL"),
    ];
    for (status, kind, setting) in cases {
        let server = Server::new(move |_| {
            Reply::Answer(with(answer(status, "no"), "location", "https://elsewhere.test/"))
        });
        let text = shown(&fails(server.client()).await, kind);
        assert!(text.contains(&format!("HTTP {status}: no")) && text.contains(setting), "{text}");
        assert_eq!(server.seen().len(), 1);
    }
    // A wrong path before the API's own: every look-up would be a miss, the health check tells.
    let server = Server::new(|_| reply(404, ""));
    let error = server.client().health().await.unwrap_err();
    assert!(shown(&error, BackendErrorKind::Permanent).contains("CACHEKIT_API_URL"));
}

/// Looks up nothing.
#[derive(Debug)]
struct Nowhere;

impl super::super::Resolve for Nowhere {
    fn resolve(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async { Err(io::Error::other("no such name")) })
    }
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_told_from_one_that_is_not_there() {
    let server = Server::new(|_| reply(200, "v"));
    let unknown = server.builder().resolver(Nowhere).max_retries(0).build().unwrap();
    let text = shown(&fails(unknown).await, BackendErrorKind::Transient);
    assert!(text.contains("cannot be looked up") && text.contains("CACHEKIT_API_URL"), "{text}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{HOST}:{}", listener.local_addr().unwrap().port());
    drop(listener);
    let closed = server.builder().api_url(url).max_retries(0).build().unwrap();
    let text = shown(&fails(closed).await, BackendErrorKind::Transient);
    assert!(text.contains("nothing listens there") && text.contains("CACHEKIT_API_URL"), "{text}");
}

#[tokio::test]
async fn a_server_without_tls_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let server = Server::new(|_| reply(200, "v"));
    let url = format!("https://{HOST}:{port}");
    let client = server.builder().api_url(url).max_retries(0).build().unwrap();
    let text = shown(&fails(client).await, BackendErrorKind::Transient);
    assert!(text.contains("does not speak TLS") && text.contains("CACHEKIT_API_URL"), "{text}");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_asks_for_its_file() {
    for speaks in [Speaks::H2, Speaks::H1] {
        let server = Server::start(speaks, 10, |_| reply(200, "v"));
        let other = Server::new(|_| reply(200, "v"));
        let url = format!("https://{HOST}:{}", server.port);
        let client = other.builder().api_url(url).build().unwrap();
        let text = shown(&fails(client).await, BackendErrorKind::Transient);
        assert!(text.contains("not trusted") && text.contains("CACHEKIT_CA_FILE"), "{text}");
    }
}
