use super::super::proxy::{from_variables, unusable};
use super::server::{Fixed, HOST, Server, reply};
use crate::{BackendErrorKind, CachekitIo};
use hyper_util::client::proxy::matcher::Matcher;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// The host's address, where somebody looks it up who should not.
const FORBIDDEN: &str = "169.254.169.254";

fn fixed(address: &str) -> Fixed {
    Fixed(vec![address.parse().unwrap()])
}

fn proxied(server: &Server, proxy: String) -> super::super::CachekitIoBuilder {
    server.builder().proxies(Matcher::builder().https(proxy).build())
}

async fn value(client: &CachekitIo) -> bytes::Bytes {
    client.get("k").await.unwrap().unwrap().into_value()
}

async fn pass<S: AsyncRead + AsyncWrite + Unpin>(mut inbound: S, port: u16) {
    let mut outbound = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut inbound, &mut outbound).await;
}

/// Reads a `CONNECT`, answers it, and passes on what comes; hands over what was asked.
async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    mut inbound: S,
    answer: &str,
    server_port: u16,
    asked: &mpsc::UnboundedSender<String>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(inbound.read_u8().await.unwrap());
    }
    asked.send(String::from_utf8(head).unwrap()).unwrap();
    inbound.write_all(answer.as_bytes()).await.unwrap();
    inbound.flush().await.unwrap();
    pass(inbound, server_port).await;
}

/// A proxy that does `CONNECT`, its port and what it was asked.
async fn http_proxy(
    server: &Server,
    tls: Option<TlsAcceptor>,
    answer: &'static str,
) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, heard) = mpsc::unbounded_channel();
    let server_port = server.port;
    tokio::spawn(async move {
        while let Ok((inbound, _)) = listener.accept().await {
            let (asked, tls) = (asked.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => connect(inbound, answer, server_port, &asked).await,
                    Some(tls) => {
                        // A client that does not believe goes away.
                        let Ok(inbound) = tls.accept(inbound).await else { return };
                        connect(inbound, answer, server_port, &asked).await;
                    }
                }
            });
        }
    });
    (port, heard)
}

const OPEN: &str = "HTTP/1.1 200 OK\r\n\r\n";

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel() {
    let server = Server::new(|_| reply(200, "v"));
    let (port, mut asked) = http_proxy(&server, None, OPEN).await;
    // The host's address is not looked up here, so a resolver that would be refused is not asked.
    let client = proxied(&server, format!("http://me:pw@127.0.0.1:{port}"))
        .resolver(fixed(FORBIDDEN))
        .build()
        .unwrap();
    assert_eq!(value(&client).await, "v");
    let head = asked.recv().await.unwrap();
    assert!(head.starts_with(&format!("CONNECT {HOST}:{} ", server.port)), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic bwu6chc="), "{head}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named() {
    let server = Server::new(|_| reply(200, "v"));
    let answer = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
    let (port, _asked) = http_proxy(&server, None, answer).await;
    let builder = proxied(&server, format!("http://127.0.0.1:{port}")).max_retries(0);
    let error = builder.build().unwrap().get("k").await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("HTTPS_PROXY") && shown.contains("ProxyAuthRequired"), "{shown}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_proxy_may_speak_tls() {
    let server = Server::new(|_| reply(200, "v"));
    let certified = rcgen::generate_simple_self_signed(vec!["proxy.test".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
        .unwrap();
    // It would rather speak HTTP/2, and is not offered it.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (port, mut asked) = http_proxy(&server, Some(acceptor), OPEN).await;
    let builder = || proxied(&server, format!("https://me:pw@proxy.test:{port}")).max_retries(0);

    let error = builder().build().unwrap().get("k").await.unwrap_err();
    assert!(error.to_string().contains("CACHEKIT_CA_FILE"), "not believed: {error}");
    assert!(asked.try_recv().is_err(), "it was asked for nothing, and got no credentials");

    let client = builder().ca_pem(certified.cert.pem()).build().unwrap();
    assert_eq!(value(&client).await, "v");
    let head = asked.recv().await.unwrap();
    assert!(head.starts_with(&format!("CONNECT {HOST}:{} ", server.port)), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic bwu6chc="), "{head}");
}

/// A SOCKS proxy that wants `me` and `pw`, its port and the targets it was asked for.
async fn socks_proxy(server: &Server) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, heard) = mpsc::unbounded_channel();
    let server_port = server.port;
    tokio::spawn(async move {
        while let Ok((mut inbound, _)) = listener.accept().await {
            let asked = asked.clone();
            tokio::spawn(async move {
                let mut greeting = [0; 3];
                inbound.read_exact(&mut greeting).await.unwrap();
                assert_eq!(greeting, [5, 1, 2], "version 5, one method: password");
                inbound.write_all(&[5, 2]).await.unwrap();
                let mut login = [0; 7];
                inbound.read_exact(&mut login).await.unwrap();
                assert_eq!(&login, b"\x01\x02me\x02pw");
                inbound.write_all(&[1, 0]).await.unwrap();
                let mut request = [0; 4];
                inbound.read_exact(&mut request).await.unwrap();
                let host = match request {
                    [5, 1, 0, 1] => {
                        let mut address = [0; 4];
                        inbound.read_exact(&mut address).await.unwrap();
                        IpAddr::from(address).to_string()
                    }
                    [5, 1, 0, 3] => {
                        let length = inbound.read_u8().await.unwrap();
                        let mut name = vec![0; length.into()];
                        inbound.read_exact(&mut name).await.unwrap();
                        String::from_utf8(name).unwrap()
                    }
                    other => panic!("{other:?}"),
                };
                let port = inbound.read_u16().await.unwrap();
                asked.send(format!("{host}:{port}")).unwrap();
                inbound.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
                pass(inbound, server_port).await;
            });
        }
    });
    (port, heard)
}

#[tokio::test]
async fn a_socks_proxy_is_told_the_name_where_it_looks_it_up() {
    let server = Server::new(|_| reply(200, "v"));
    let (port, mut asked) = socks_proxy(&server).await;
    let client = proxied(&server, format!("socks5h://me:pw@127.0.0.1:{port}"))
        .resolver(fixed(FORBIDDEN))
        .build()
        .unwrap();
    assert_eq!(value(&client).await, "v");
    assert_eq!(asked.recv().await.unwrap(), format!("{HOST}:{}", server.port));
}

#[tokio::test]
async fn a_socks_proxy_is_told_a_checked_address_where_the_client_looks_it_up() {
    let server = Server::new(|_| reply(200, "v"));
    let (port, mut asked) = socks_proxy(&server).await;
    let builder = || proxied(&server, format!("socks5://me:pw@127.0.0.1:{port}"));
    let client = builder().resolver(fixed("10.1.2.3")).build().unwrap();
    assert_eq!(value(&client).await, "v");
    assert_eq!(asked.recv().await.unwrap(), format!("10.1.2.3:{}", server.port));
    for (address, private_too) in [(FORBIDDEN, true), ("10.1.2.3", false)] {
        let client = builder().resolver(fixed(address)).allow_private_addresses(private_too);
        let error = client.build().unwrap().get("k").await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Configuration, "{address}: {error}");
    }
    assert!(asked.try_recv().is_err(), "it was not asked again");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let server = Server::new(|_| reply(200, "v"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let builder = proxied(&server, format!("{scheme}://127.0.0.1:{port}")).max_retries(0);
        let error = builder.build().unwrap().get("k").await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        assert!(error.to_string().contains("HTTPS_PROXY"), "{scheme}: {error}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn other_proxies_are_refused_when_the_client_is_made() {
    let server = Server::new(|_| reply(200, "v"));
    for proxy in ["socks4://127.0.0.1:1", "socks4a://127.0.0.1:1"] {
        let error = proxied(&server, proxy.to_owned()).build().unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Configuration);
        assert!(error.to_string().contains("socks5://"), "{error}");
    }
}

/// Variables, and which of them cannot be used.
type Case = (&'static [(&'static str, &'static str)], Option<&'static str>);

#[test]
fn a_variable_that_names_no_proxy_is_not_passed_over() {
    let cases: &[Case] = &[
        (&[], None),
        (&[("HTTPS_PROXY", "")], None),
        (&[("HTTPS_PROXY", "http://p:1")], None),
        (&[("HTTPS_PROXY", "p:1")], None),
        (&[("HTTPS_PROXY", "socks5h://p")], None),
        (&[("HTTPS_PROXY", "HTTP://p:1")], None),
        (&[("HTTPS_PROXY", "HTTPS://p:1")], None),
        (&[("ALL_PROXY", "SOCKS5H://p")], None),
        (&[("https_proxy", "Socks5://p:1")], None),
        (&[("HTTPS_PROXY", "FTP://p:1")], Some("HTTPS_PROXY")),
        (&[("HTTPS_PROXY", "ftp://p:1")], Some("HTTPS_PROXY")),
        (&[("https_proxy", "quic://p:1")], Some("https_proxy")),
        (&[("HTTPS_PROXY", "http://")], Some("HTTPS_PROXY")),
        (&[("ALL_PROXY", "ftp://p:1")], Some("ALL_PROXY")),
        (&[("HTTPS_PROXY", "http://p:1"), ("ALL_PROXY", "ftp://p:1")], None),
        (&[("HTTPS_PROXY", "ftp://p:1"), ("NO_PROXY", "cachekit.io")], None),
        (&[("HTTPS_PROXY", "ftp://p:1"), ("NO_PROXY", "elsewhere.test")], Some("HTTPS_PROXY")),
        (&[("HTTPS_PROXY", "ftp://p:1"), ("REQUEST_METHOD", "GET")], None),
        (&[("HTTP_PROXY", "ftp://p:1")], None),
    ];
    let target = "https://api.cachekit.io:443/".parse().unwrap();
    for (variables, expected) in cases {
        let found = unusable(&target, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        assert_eq!(found, *expected, "{variables:?}");
    }
}

#[test]
fn the_scheme_of_a_proxy_has_no_case() {
    let target = "https://api.cachekit.io:443/".parse().unwrap();
    let found = |variables: &[(&str, &str)]| {
        let matcher = from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let proxy = matcher.intercept(&target)?;
        let credentials = proxy.raw_auth().map(|(user, password)| format!("{user}:{password}"));
        Some(format!("{} {}", proxy.uri(), credentials.unwrap_or_default()))
    };
    for (proxy, expected) in [
        ("HTTP://p:1", "http://p:1/ "),
        ("HttpS://p:1", "https://p:1/ "),
        ("SOCKS5://p:1", "socks5://p:1/ "),
        ("Socks5H://Me:Pw@p", "socks5h://p/ Me:Pw"),
        ("P:1", "http://p:1/ "),
    ] {
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            let found = found(&[(name, proxy)]).map(|found| found.replace("//P", "//p"));
            assert_eq!(found.as_deref(), Some(expected), "{name}={proxy}");
        }
    }
    assert_eq!(found(&[]), None);
    assert_eq!(found(&[("HTTPS_PROXY", "HTTP://p:1"), ("NO_PROXY", ".cachekit.io")]), None);
    assert_eq!(found(&[("HTTPS_PROXY", "HTTP://p:1"), ("REQUEST_METHOD", "GET")]), None);
    assert_eq!(found(&[("HTTP_PROXY", "HTTP://p:1")]), None);
}
