//! Connecting through a proxy.

use super::resolver::Checked;
use http::Uri;
use hyper_rustls::{DefaultServerNameResolver, HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use std::error::Error;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::BoxFuture;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;
/// The transport below the service's TLS: a TCP connection, or TLS with a proxy.
pub(super) type Hop = MaybeHttpsStream<TokioIo<TcpStream>>;
/// Connects by TCP, with the resolver's checks.
pub(super) type Tcp = HttpConnector<Checked>;

const SOCKS_PORT: u16 = 1080;

/// What a proxy setting may be.
pub(super) const ACCEPTED: &str = "a proxy is http://, https://, socks5:// or socks5h:// with host and port; change it, exclude the \
     service with NO_PROXY, or switch proxies off in the client's settings";

/// The proxy's own connection, and the request to it.
#[derive(Clone)]
pub(super) enum Proxy {
    Tunnel(Tunnel<HttpsConnector<Tcp>>),
    Socks(Socks),
}

impl Proxy {
    /// For the proxy that the settings name. `lookups` are those of the service, `tcp` connects to the
    /// proxy.
    pub(super) fn new(
        proxy: &Intercept,
        tls: &ClientConfig,
        tcp: Tcp,
        lookups: Checked,
    ) -> Result<Self, &'static str> {
        match proxy.uri().scheme_str() {
            Some("http" | "https") => {
                let mut tls = tls.clone();
                // `CONNECT` as in HTTP/1.1.
                tls.alpn_protocols = vec![b"http/1.1".to_vec()];
                let names = Arc::new(DefaultServerNameResolver::default());
                let hop = HttpsConnector::new(tcp, tls, false, names);
                let mut tunnel = Tunnel::new(proxy.uri().clone(), hop);
                if let Some(credentials) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(credentials.clone());
                }
                Ok(Self::Tunnel(tunnel))
            }
            Some(scheme @ ("socks5" | "socks5h")) => {
                let address = with_port(proxy.uri()).ok_or(ACCEPTED)?;
                let mut socks = SocksV5::new(address, Plain(tcp));
                if let Some((user, password)) = proxy.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                let lookups = (scheme == "socks5").then_some(lookups);
                Ok(Self::Socks(Socks { socks, lookups }))
            }
            _ => Err(ACCEPTED),
        }
    }
}

fn with_port(uri: &Uri) -> Option<Uri> {
    if uri.port().is_some() {
        return Some(uri.clone());
    }
    let authority = format!("{}:{SOCKS_PORT}", uri.host()?);
    let built = Uri::builder().scheme(uri.scheme_str()?).authority(authority).path_and_query("/");
    built.build().ok()
}

/// The variable whose proxy is unusable, if it applies. Such a variable must not mean that the
/// proxy is bypassed.
pub(super) fn unusable(
    target: &Uri,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<&'static str> {
    let set = |name: &'static str| {
        variable(name).filter(|value| !value.is_empty()).map(|value| in_lower_case(&value))
    };
    let intercepts = |proxy: &str, no: &str| {
        Matcher::builder().https(proxy).no(no).build().intercept(target).is_some()
    };
    // Servers put a request's `Proxy` header into `HTTP_PROXY`, so the matcher takes no variables then.
    if variable("REQUEST_METHOD").is_some() {
        return None;
    }
    let name = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .find(|name| set(name).is_some())?;
    let excluded = set("NO_PROXY").or_else(|| set("no_proxy")).unwrap_or_default();
    let applies = intercepts("http://proxy.invalid", &excluded);
    (applies && !intercepts(&set(name)?, "")).then_some(name)
}

/// The proxies that the variables name.
pub(super) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Matcher {
    // The first one that is set, empty or not.
    let first = |names: [&str; 2]| names.into_iter().find_map(&variable).unwrap_or_default();
    if variable("REQUEST_METHOD").is_some() {
        return Matcher::builder().build();
    }
    Matcher::builder()
        .all(in_lower_case(&first(["ALL_PROXY", "all_proxy"])))
        .https(in_lower_case(&first(["HTTPS_PROXY", "https_proxy"])))
        .no(first(["NO_PROXY", "no_proxy"]))
        .build()
}

/// A URL with its scheme in lower case. Schemes are case-insensitive (RFC 3986 §3.1); the matcher knows
/// that only for two of them.
fn in_lower_case(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{}://{rest}", scheme.to_ascii_lowercase()),
        None => url.to_owned(),
    }
}

/// TCP as a hop.
#[derive(Clone)]
pub(super) struct Plain(pub(super) Tcp);

impl Service<Uri> for Plain {
    type Response = Hop;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Hop, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let connecting = self.0.call(target);
        Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) })
    }
}

/// A SOCKS proxy. With look-ups it gets addresses, which were checked; without them it gets the name.
#[derive(Clone)]
pub(super) struct Socks {
    socks: SocksV5<Plain>,
    lookups: Option<Checked>,
}

impl Service<Uri> for Socks {
    type Response = Hop;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Hop, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.socks.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let Self { mut socks, lookups } = self.clone();
        Box::pin(async move {
            let mut last: BoxError = "the host has no address".into();
            for target in targets(target, lookups).await? {
                poll_fn(|cx| socks.poll_ready(cx)).await?;
                match socks.call(target).await {
                    Ok(hop) => return Ok(hop),
                    Err(error) => last = error.into(),
                }
            }
            Err(last)
        })
    }
}

/// The targets requested from the proxy, one after the other.
async fn targets(target: Uri, lookups: Option<Checked>) -> Result<Vec<Uri>, BoxError> {
    let host = target.host().unwrap_or_default();
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let Some(mut lookups) = lookups.filter(|_| !is_address) else { return Ok(vec![target]) };
    let port = target.port_u16().unwrap_or(443);
    let found = lookups.call(host.parse::<Name>()?).await?;
    let mut targets = Vec::new();
    for mut address in found {
        address.set_port(port);
        targets.push(format!("https://{address}/").parse()?);
    }
    Ok(targets)
}
