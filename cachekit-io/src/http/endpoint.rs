//! The address of the service: a URL that is checked once and split for requests.

use super::address::{Reach, reach};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use std::net::IpAddr;
use url::{Host, Url};

use crate::wire::path::{self, Part, ReservedKey};
use bytes::Bytes;

/// The managed service.
pub(super) const DEFAULT_URL: &str = "https://api.cachekit.io";

/// Hosts that need no permission.
const KNOWN_HOSTS: [&str; 2] = ["api.cachekit.io", "api.staging.cachekit.io"];

/// What the operator allows beyond the managed service.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    pub(super) custom_host: bool,
    pub(super) private_addresses: bool,
}

/// A checked base URL.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// The base in canonical form, without a slash at the end.
    url: String,
    /// The host as TLS checks it, without brackets.
    host: String,
    port: u16,
    authority: Authority,
    /// The authority, in the form of HTTP/1.1.
    host_header: HeaderValue,
    /// Path prefix without a slash at the end; often empty.
    prefix: String,
}

impl Endpoint {
    /// Checks a URL. The error is the sentence that completes "the API URL …"; it does not show the
    /// URL, which may contain secrets.
    pub(super) fn parse(text: &str, allowance: Allowance) -> Result<Self, &'static str> {
        check_spelling(text)?;
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        if url.scheme() != "https" {
            return Err("must begin with https://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not carry a user name or password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must not have a query or a fragment");
        }
        let host = url.host().ok_or("has no host")?;
        check_host(&host, allowance)?;
        let port = url.port_or_known_default().ok_or("has no port")?;
        if port == 0 {
            return Err("must not name port 0");
        }

        let prefix = url.path().trim_end_matches('/').to_owned();
        let written_host = url.host_str().ok_or("has no host")?;
        let authority = match url.port() {
            Some(port) => format!("{written_host}:{port}"),
            None => written_host.to_owned(),
        };
        let host_header =
            HeaderValue::from_str(&authority).map_err(|_| "has a host that no header can carry")?;
        Ok(Self {
            url: format!("https://{authority}{prefix}"),
            host: written_host.trim_matches(['[', ']']).to_owned(),
            port,
            authority: Authority::try_from(authority).map_err(|_| "has an unusable host")?,
            host_header,
            prefix,
        })
    }

    /// The base in canonical form.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A name or an address, without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// What to connect to, for a connector.
    pub(super) fn connect_uri(&self) -> Result<Uri, http::Error> {
        let authority = match self.authority.port() {
            Some(_) => self.authority.to_string(),
            None => format!("{}:{}", self.authority, self.port),
        };
        Uri::builder().scheme(Scheme::HTTPS).authority(authority).path_and_query("/").build()
    }

    /// The `Host` header of HTTP/1.1.
    pub(super) fn host_header(&self) -> &HeaderValue {
        &self.host_header
    }

    /// The path of a key's part.
    pub(super) fn entry(&self, key: &str, part: Part) -> Result<RequestTarget, ReservedKey> {
        // Most keys grow by a few escaped colons.
        let room = self.prefix.len() + path::PREFIX.len() + key.len() * 3 / 2 + 8;
        let mut text = String::with_capacity(room);
        text.push_str(&self.prefix);
        path::push(&mut text, key, part)?;
        Ok(self.target(text))
    }

    /// The path of the health check.
    pub(super) fn health(&self) -> RequestTarget {
        self.target(format!("{}{}", self.prefix, path::HEALTH))
    }

    fn target(&self, path: String) -> RequestTarget {
        let path = PathAndQuery::from_maybe_shared(Bytes::from(path))
            .expect("the prefix was checked and the key is percent-encoded");
        RequestTarget { authority: self.authority.clone(), path }
    }
}

/// The target of a request. Cloning is cheap.
#[derive(Clone)]
pub(super) struct RequestTarget {
    authority: Authority,
    path: PathAndQuery,
}

impl RequestTarget {
    /// With scheme and authority, for HTTP/2.
    pub(super) fn absolute(&self) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTPS);
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(self.path.clone());
        Uri::from_parts(parts).expect("all three parts are there")
    }

    /// Only the path, for HTTP/1.1.
    pub(super) fn origin(&self) -> Uri {
        Uri::from(self.path.clone())
    }
}

/// Spellings that parsers quietly repair are refused before: two readers of one URL must not get
/// two hosts.
fn check_spelling(text: &str) -> Result<(), &'static str> {
    // Schemes are case-insensitive (RFC 3986 §3.1).
    let (scheme, rest) = text.split_once("://").ok_or("must begin with https://")?;
    if !scheme.eq_ignore_ascii_case("https") {
        return Err("must begin with https://");
    }
    if !text.is_ascii() {
        return Err("must be ASCII; write an international host in its xn-- form");
    }
    if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err("must not contain spaces or control characters");
    }
    if text.contains('\\') {
        return Err("must not contain a backslash");
    }
    if text.contains(['?', '#']) {
        return Err("must not have a query or a fragment");
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.is_empty() {
        return Err("has no host");
    }
    if authority.contains('@') {
        return Err("must not carry a user name or password");
    }
    if authority.contains('%') {
        return Err("must not have escapes or a zone in its host");
    }
    Ok(())
}

fn check_host(host: &Host<&str>, allowance: Allowance) -> Result<(), &'static str> {
    let address = match *host {
        Host::Domain(name) => {
            if name.ends_with("..") || name.starts_with('.') {
                return Err("has an empty label in its host");
            }
            if is_localhost(name) && !allowance.private_addresses {
                return Err(
                    "names this machine; a service of your own needs private addresses allowed \
                            (CACHEKIT_ALLOW_PRIVATE_ADDRESSES)",
                );
            }
            None
        }
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
    };
    if let Some(address) = address {
        match reach(address) {
            Reach::Never => return Err("names an address that is reserved; no service has one"),
            Reach::Private if !allowance.private_addresses => {
                return Err("names a private address; a service of your own needs them allowed \
                            (CACHEKIT_ALLOW_PRIVATE_ADDRESSES)");
            }
            _ => {}
        }
    }
    let is_known = matches!(host, Host::Domain(name) if KNOWN_HOSTS.contains(name));
    if !is_known && !allowance.custom_host {
        return Err(
            "names a host that is not the managed service; one of your own needs it allowed \
                    (CACHEKIT_ALLOW_CUSTOM_HOST)",
        );
    }
    Ok(())
}

/// Names that mean this machine on every system.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    matches!(
        name.rsplit('.').next(),
        Some(
            "localhost"
                | "localdomain"
                | "localhost4"
                | "localhost6"
                | "ip6-localhost"
                | "ip6-loopback"
        )
    )
}
