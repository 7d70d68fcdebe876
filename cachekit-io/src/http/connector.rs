//! Opens connections that speak HTTP.

use super::endpoint::Endpoint;
use super::failure::Failure;
use super::half_close::HalfClose;
use super::proxy::{BoxError, Hop, Plain, Proxy, Socks, Tcp};
use super::resolver::{Checked, Resolve};
use super::why;
use http::Uri;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Dials the one service of a client.
pub(super) struct Connector {
    target: Uri,
    route: Route,
}

/// The route to the service.
enum Route {
    Direct(HttpsConnector<Plain>),
    Tunnel(HttpsConnector<Tunnel<HttpsConnector<Tcp>>>),
    Socks(HttpsConnector<Socks>),
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
        let proxy = proxies.and_then(|proxies| proxies.intercept(&target));
        let lookups = Checked::new(Arc::clone(&resolver), private_addresses);
        let route = match proxy {
            None => {
                let tls = Tls { config: tls, server_name };
                Route::Direct(tls.over(Plain(tcp(lookups))))
            }
            Some(proxy) => {
                let hop = tcp(Checked::unchecked(resolver));
                let proxy = Proxy::new(&proxy, &tls, hop, lookups)?;
                let tls = Tls { config: tls, server_name };
                match proxy {
                    Proxy::Tunnel(tunnel) => Route::Tunnel(tls.over(tunnel)),
                    Proxy::Socks(socks) => Route::Socks(tls.over(socks)),
                }
            }
        };
        Ok(Self { target, route })
    }

    /// Connects; must run on a tokio runtime.
    pub(super) async fn connect(
        &self,
    ) -> Result<(impl AsyncRead + AsyncWrite + Unpin + Send + use<>, Protocol), Failure> {
        let stream = match &self.route {
            Route::Direct(connector) => call(connector.clone(), self.target.clone()).await,
            Route::Tunnel(connector) => call(connector.clone(), self.target.clone()).await,
            Route::Socks(connector) => call(connector.clone(), self.target.clone()).await,
        };
        let is_direct = matches!(self.route, Route::Direct(_));
        let stream = stream.map_err(|error| why::not_connected(error, is_direct))?;
        let MaybeHttpsStream::Https(stream) = stream else {
            // The target's scheme is https, and the connector insists on it.
            return Err(Failure::malformed("the connection is not encrypted"));
        };
        let stream = stream.into_inner();
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::Http1,
        };
        Ok((HalfClose::new(stream), protocol))
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
fn tcp(resolver: Checked) -> Tcp {
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector
}

async fn call<C>(mut connector: C, target: Uri) -> Result<MaybeHttpsStream<Hop>, BoxError>
where
    C: Service<Uri, Response = MaybeHttpsStream<Hop>, Error = BoxError>,
{
    std::future::poll_fn(|cx| connector.poll_ready(cx)).await?;
    connector.call(target).await
}
