//! Settings of a client.

use super::api_key::ApiKey;
use super::connector::Connector;
use super::endpoint::{Allowance, DEFAULT_URL, Endpoint};
use super::keep_alive::KeepAlive;
use super::pool::Pool;
use super::proxy;
use super::request::CommonHeaders;
use super::resolver::{Resolve, SystemResolver};
use super::session::{L1, SessionMetrics};
use super::{CachekitIo, Shared};
use crate::layers::{Deadline, Retry};
use crate::runtime::Background;
use crate::tls::{self, Roots};
use crate::wire::limits::MAX_VALUE_BYTES;
use crate::{BackendError, BackendErrorKind, Operation};
#[cfg(test)]
use hyper_util::client::proxy::matcher::Matcher;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// A stored value may be a little larger than what was written: a seal, a frame.
const ANSWER_MARGIN: usize = 64 * 1024;
/// Longer deadlines are mistakes, and would not fit the arithmetic of clocks.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);
/// Requests that the service certainly did not see are repeated at once, but not forever.
const AT_ONCE: u32 = 3;

/// Settings of a [`CachekitIo`]; only the API key has no default.
///
/// `Debug` does not show the key.
///
/// # Example
///
/// ```
/// use cachekit_io::CachekitIo;
/// use std::time::Duration;
///
/// let client = CachekitIo::builder()
///     .api_key("ck_live_0123456789")
///     .timeout(Duration::from_secs(2))
///     .build()?;
/// # drop(client);
/// # Ok::<(), cachekit_io::BackendError>(())
/// ```
#[must_use]
pub struct CachekitIoBuilder {
    pub(super) api_key: Option<Zeroizing<String>>,
    /// Whether the log was told already that no proxy can be used.
    pub(super) api_key_reported: bool,
    pub(super) api_url: String,
    pub(super) timeout: Duration,
    pub(super) max_retries: u32,
    pub(super) pool_size: usize,
    pub(super) allowance: Allowance,
    pub(super) ca_files: Vec<PathBuf>,
    ca_pem: Vec<Vec<u8>>,
    roots: Roots,
    proxy: bool,
    #[cfg(test)]
    pub(super) proxies: Option<Matcher>,
    keep_alive: KeepAlive,
    l1: L1,
    max_answer_bytes: usize,
    resolver: Arc<dyn Resolve>,
}

impl Default for CachekitIoBuilder {
    fn default() -> Self {
        Self {
            api_key: None,
            api_key_reported: false,
            api_url: DEFAULT_URL.to_owned(),
            timeout: Duration::from_secs(5),
            max_retries: 3,
            pool_size: 10,
            allowance: Allowance::default(),
            ca_files: Vec::new(),
            ca_pem: Vec::new(),
            roots: Roots::Bundled,
            proxy: true,
            #[cfg(test)]
            proxies: None,
            keep_alive: KeepAlive::DEFAULT,
            l1: L1::default(),
            max_answer_bytes: MAX_VALUE_BYTES + ANSWER_MARGIN,
            resolver: Arc::new(SystemResolver),
        }
    }
}

impl CachekitIoBuilder {
    /// The API key. Needed.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(Zeroizing::new(key.into()));
        self
    }

    /// The service's base URL, `https://api.cachekit.io` at first. It must begin with `https://`;
    /// another host than the managed service needs [`allow_custom_host`](Self::allow_custom_host).
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.api_url = url.into();
        self
    }

    /// How long one operation may take altogether, 5 seconds at first: connecting, every attempt, the
    /// waits between them and the last byte of the answer. More than zero, at most an hour.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a failed operation is tried again within its timeout, 3 times at first.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// The maximum number of connections, from 1 to 1,000; 10 by default. With HTTP/2 the second connection is opened
    /// when the first is full.
    pub fn pool_size(mut self, connections: usize) -> Self {
        self.pool_size = connections;
        self
    }

    /// Whether a host other than the managed service may be named. `https` and the check of addresses
    /// stay.
    pub fn allow_custom_host(mut self, allow: bool) -> Self {
        self.allowance.custom_host = allow;
        self
    }

    /// Whether the service may have a loopback or private address: for a server of your own.
    ///
    /// Link-local, multicast, documentation and reserved addresses stay blocked.
    pub fn allow_private_addresses(mut self, allow: bool) -> Self {
        self.allowance.private_addresses = allow;
        self
    }

    /// Also trusts the certificates of this PEM file, read by [`build`](Self::build).
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_files.push(path.into());
        self
    }

    /// Also trusts these certificates, in PEM form.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_pem.push(pem.into());
        self
    }

    /// Whether to trust what the operating system trusts, instead of the bundled list of Mozilla.
    pub fn native_roots(mut self, native: bool) -> Self {
        self.roots = if native { Roots::Native } else { Roots::Bundled };
        self
    }

    /// Whether to use the proxy that `HTTPS_PROXY` or `ALL_PROXY` names and `NO_PROXY` does not
    /// exclude, as at first: `http://` and `https://` ones that do `CONNECT`, and `socks5://` and
    /// `socks5h://`, with `user:password@` where the proxy wants it. An `https://` proxy's certificate is
    /// checked like the service's.
    ///
    /// The proxy itself may have any address. With `socks5://` the client looks up the service's host, and
    /// the check of the addresses found applies; with the others the proxy looks it up, and it does not.
    /// The check of the URL always does.
    pub fn proxy(mut self, use_proxy: bool) -> Self {
        self.proxy = use_proxy;
        self
    }

    /// Whether the caller looks into a cache in the process first, which each request reports to the service. False
    /// by default.
    pub fn l1(mut self, enabled: bool) -> Self {
        self.l1.enabled = enabled;
        self
    }

    /// A closure that returns how often the caches answered. It is called for each request if [`l1`](Self::l1) is on,
    /// and must be quick. If it panics, the request is sent without counts.
    pub fn session_metrics(
        mut self,
        provider: impl Fn() -> SessionMetrics + Send + Sync + 'static,
    ) -> Self {
        self.l1.provider = Some(Arc::new(provider));
        self
    }

    /// The largest answer that is accepted, in bytes; 25 MiB and 64 KiB by default. A larger one is refused while it
    /// is read.
    pub fn max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer_bytes = bytes;
        self
    }

    /// Resolves host names differently. The addresses that it returns are still checked.
    #[cfg(any(test, feature = "testing"))]
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    #[cfg(test)]
    pub(super) fn proxies(mut self, proxies: Matcher) -> Self {
        self.proxies = Some(proxies);
        self
    }

    #[cfg(test)]
    pub(super) fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Checks the settings and makes the client. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`Configuration`](BackendErrorKind::Configuration) says which setting is wrong and what is
    /// accepted, all of them together; never what the key is.
    pub fn build(self) -> Result<CachekitIo, BackendError> {
        let mut wrong = Vec::new();
        let client = self.try_build(&mut wrong);
        match client {
            Some(client) if wrong.is_empty() => Ok(client),
            _ => Err(configuration(&wrong)),
        }
    }

    pub(super) fn try_build(mut self, wrong: &mut Vec<String>) -> Option<CachekitIo> {
        let api_key = match self.api_key.as_ref().map(|key| ApiKey::parse(key)) {
            Some(Ok(key)) => Some(key),
            Some(Err(why)) => note(wrong, format!("the API key (CACHEKIT_API_KEY) {why}")),
            None if self.api_key_reported => None,
            None => note(wrong, "the API key (CACHEKIT_API_KEY) is missing".to_owned()),
        };
        let endpoint = match Endpoint::parse(&self.api_url, self.allowance) {
            Ok(endpoint) => Some(endpoint),
            Err(why) => note(wrong, format!("the API URL (CACHEKIT_API_URL) {why}")),
        };
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            wrong.push(
                "the timeout (CACHEKIT_TIMEOUT) must be more than 0 and at most 3600 seconds"
                    .to_owned(),
            );
        }
        if !(1..=1000).contains(&self.pool_size) {
            wrong.push(
                "the pool size (CACHEKIT_CONNECTION_POOL_SIZE) must be from 1 to 1000".to_owned(),
            );
        }
        for path in &self.ca_files {
            match std::fs::read(path) {
                Ok(pem) => self.ca_pem.push(pem),
                Err(error) => wrong.push(format!(
                    "the CA file (CACHEKIT_CA_FILE) cannot be read: {}",
                    error.kind()
                )),
            }
        }
        let tls = match tls::configure(self.roots, &self.ca_pem, None) {
            Ok(mut tls) => {
                tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
                Some(Arc::new(tls))
            }
            Err(why) => note(wrong, why),
        };
        // Also without an endpoint: whether a proxy can be used does not depend on where it leads.
        let default = Endpoint::parse(DEFAULT_URL, self.allowance).ok();
        let target = endpoint.as_ref().or(default.as_ref()).filter(|_| self.proxy);
        let target = target.and_then(|endpoint| endpoint.connect_uri().ok());
        let variable = |name: &str| std::env::var(name).ok();
        if let Some(name) = target.and_then(|target| proxy::unusable(&target, variable)) {
            return note(wrong, format!("{name} cannot be used: {}", proxy::ACCEPTED));
        }
        let (api_key, endpoint, tls) = (api_key?, endpoint?, tls?);

        let proxies = self.proxy.then(|| proxy::from_variables(variable));
        #[cfg(test)]
        let proxies = self.proxies.or(proxies);
        let connector = Connector::new(
            &endpoint,
            tls,
            self.resolver,
            self.allowance.private_addresses,
            proxies.as_ref(),
        );
        let connector = match connector {
            Ok(connector) => connector,
            Err(why) => return note(wrong, why.to_owned()),
        };
        let background = match Background::start() {
            Ok(background) => background,
            Err(error) => return note(wrong, format!("the background thread: {error}")),
        };
        let common = CommonHeaders::new(&api_key, &endpoint, self.l1);
        let pool = Pool::new(connector, background, self.pool_size, self.timeout, self.keep_alive);
        let shared = Shared {
            endpoint,
            api_key,
            common,
            pool: Arc::new(pool),
            background,
            retry: Retry::of_client(self.max_retries, AT_ONCE),
            max_answer_bytes: self.max_answer_bytes,
        };
        Some(CachekitIo { shared: Arc::new(shared), deadline: Deadline::new(self.timeout) })
    }
}

fn note<T>(wrong: &mut Vec<String>, what: String) -> Option<T> {
    wrong.push(what);
    None
}

pub(super) fn configuration(wrong: &[String]) -> BackendError {
    BackendError::new(BackendErrorKind::Configuration, Operation::Connect)
        .with_context(wrong.join("; "))
}

impl fmt::Debug for CachekitIoBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the URL either: it was not checked for a password yet.
        f.debug_struct("CachekitIoBuilder")
            .field("api_key", &self.api_key.is_some())
            .field("timeout", &self.timeout)
            .field("max_retries", &self.max_retries)
            .field("pool_size", &self.pool_size)
            .field("allowance", &self.allowance)
            .field("l1", &self.l1)
            .finish_non_exhaustive()
    }
}
