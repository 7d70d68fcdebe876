//! From nothing to a connection that speaks HTTP.

use super::endpoint::Endpoint;
use super::failure::{Again, Failure};
use super::resolver::{Blocked, Checked, Resolve};
use crate::BackendErrorKind;
use http::Uri;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::error::Error;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower_service::Service;

/// What the service speaks on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Dials the one service that a client talks to.
pub(super) struct Connector {
    target: Uri,
    route: Route,
}

/// The way to the service.
enum Route {
    Direct(HttpsConnector<HttpConnector<Checked>>),
    Proxied(HttpsConnector<Tunnel<HttpConnector<Checked>>>),
}

impl Connector {
    /// The error says what is wrong with the settings.
    pub(super) fn new(
        endpoint: &Endpoint,
        tls: Arc<ClientConfig>,
        resolver: Arc<dyn Resolve>,
        private_addresses: bool,
        proxies: Option<&Matcher>,
    ) -> Result<Self, &'static str> {
        let target = endpoint.connect_uri().map_err(|_| "the API URL has an unusable host")?;
        let server_name = ServerName::try_from(endpoint.host().to_owned())
            .map_err(|_| "the API URL has a host that TLS cannot check")?;
        let tls = Tls { config: tls, server_name };
        let proxy = proxies.and_then(|proxies| proxies.intercept(&target));
        let route = match proxy {
            None => Route::Direct(tls.over(tcp(Checked::new(resolver, private_addresses)))),
            Some(proxy) => {
                if proxy.uri().scheme_str() != Some("http") {
                    return Err(
                        "the proxy of the environment is not an http:// one; use one that \
                                is, exclude the service with NO_PROXY, or switch proxies off",
                    );
                }
                let mut tunnel =
                    Tunnel::new(proxy.uri().clone(), tcp(Checked::unchecked(resolver)));
                if let Some(credentials) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(credentials.clone());
                }
                Route::Proxied(tls.over(tunnel))
            }
        };
        Ok(Self { target, route })
    }

    /// Connects; must run on a tokio runtime.
    pub(super) async fn connect(
        &self,
    ) -> Result<(impl AsyncRead + AsyncWrite + Unpin + Send + use<>, Protocol), Failure> {
        let stream = match &self.route {
            Route::Direct(connector) => call(connector.clone(), self.target.clone()).await?,
            Route::Proxied(connector) => call(connector.clone(), self.target.clone()).await?,
        };
        let MaybeHttpsStream::Https(stream) = stream else {
            // The target's scheme is https, and the connector insists on it.
            return Err(Failure::malformed("the connection is not encrypted"));
        };
        let stream = stream.into_inner();
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::Http1,
        };
        Ok((stream, protocol))
    }
}

/// How connections are encrypted.
struct Tls {
    config: Arc<ClientConfig>,
    server_name: ServerName<'static>,
}

impl Tls {
    fn over<C>(self, transport: C) -> HttpsConnector<C> {
        let name = Arc::new(FixedServerNameResolver::new(self.server_name));
        HttpsConnector::new(transport, self.config, true, name)
    }
}

/// TCP with both address families, and no waiting for more to send.
fn tcp(resolver: Checked) -> HttpConnector<Checked> {
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector
}

async fn call<C>(
    mut connector: C,
    target: Uri,
) -> Result<MaybeHttpsStream<TokioIo<TcpStream>>, Failure>
where
    C: Service<Uri, Response = MaybeHttpsStream<TokioIo<TcpStream>>>,
    C::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connected = async {
        std::future::poll_fn(|cx| connector.poll_ready(cx)).await?;
        connector.call(target).await
    };
    connected.await.map_err(|error| {
        let error = error.into();
        if Blocked::is_cause_of(&*error) {
            let what = "the host resolves only to private or reserved addresses; a service of your \
                        own needs them allowed (CACHEKIT_ALLOW_PRIVATE_ADDRESSES)";
            return Failure::new(BackendErrorKind::Configuration, Again::Never, what);
        }
        match tls_error(&*error) {
            // Trying again does not make a certificate valid.
            Some(rustls::Error::InvalidCertificate(_)) => {
                Failure::transport(Again::Never, "the TLS handshake failed", error)
            }
            Some(_) => Failure::transport(Again::Unsent, "the TLS handshake failed", error),
            None => Failure::transport(Again::Unsent, "could not connect", error),
        }
    })
}

/// What TLS itself complained about, if it did. I/O errors hide what they hold from `source`.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    None
}
