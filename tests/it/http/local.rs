//! The server in this process, on threads of its own.

use super::trust::{Authority, Leaf};
use cachekit_io::http::CachekitIoBuilder;
use cachekit_io::{CachekitIo, ManualClock};
use cachekit_server::{
    ApiKey, ApiKeys, Builder, KeyKind, Limits, MemoryStore, Running, Scope, Server, TenantLimits,
};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Longer than anything takes: only a test that fails waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running server with one API key, and a clock that the test moves.
pub(crate) struct Local {
    runtime: Runtime,
    server: Option<Running>,
    pub(crate) hands: ManualClock,
    pub(crate) authority: Authority,
    pub(crate) key: String,
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
}

impl Local {
    pub(crate) fn start() -> Self {
        Self::start_with(|builder| builder)
    }

    /// With limits for the tenant of the key.
    pub(crate) fn limited(limits: TenantLimits) -> Self {
        Self::start_with(|builder| builder.tenant_limits(limits))
    }

    pub(crate) fn start_with(adapt: impl FnOnce(Builder) -> Builder) -> Self {
        Self::presenting(Leaf::Good, KeyKind::Live, adapt)
    }

    /// With a certificate and an API key of these kinds.
    pub(crate) fn presenting(
        leaf: Leaf,
        kind: KeyKind,
        adapt: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let key = ApiKey::generate(kind).expect("random bytes");
        Self::knowing(&key, leaf, adapt)
    }

    /// Another server that knows the same API key.
    pub(crate) fn twin(&self) -> Self {
        let key = ApiKey::parse(&self.key).expect("it is one");
        Self::knowing(&key, Leaf::Good, |builder| builder)
    }

    fn knowing(key: &ApiKey, leaf: Leaf, adapt: impl FnOnce(Builder) -> Builder) -> Self {
        let authority = Authority::new();
        let mut keys = ApiKeys::new();
        keys.add(key, "acme", &Scope::ALL, TenantLimits::default()).expect("a good key");
        let hands = ManualClock::new();
        // Some day, so that nothing depends on the beginning of time.
        hands.advance(Duration::from_secs(1_800_000_000));
        let builder = Server::builder()
            .tls(authority.issue(leaf))
            .api_keys(keys)
            .admin((Ipv4Addr::LOCALHOST, 0).into())
            .store(MemoryStore::new(256 * 1024 * 1024))
            .clock(hands.clock());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let server = runtime.block_on(adapt(builder).bind()).expect("the server starts");
        let (address, admin) = (server.local_addr(), server.admin_addr().expect("there is one"));
        let key = key.expose().to_owned();
        Self { runtime, server: Some(server), hands, authority, key, address, admin }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// A client of this server, to be completed.
    pub(crate) fn builder(&self) -> CachekitIoBuilder {
        client_of(&self.url(), &self.key, &self.authority.pem)
    }

    pub(crate) fn client(&self) -> CachekitIo {
        self.builder().build().expect("a client")
    }

    /// Begins to shut down; the result tells whether everything ended by itself.
    pub(crate) fn shutdown(&mut self) -> tokio::task::JoinHandle<bool> {
        let server = self.server.take().expect("it runs");
        self.runtime.spawn(server.shutdown())
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The page of metrics.
    pub(crate) fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.admin).expect("the admin listener");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")
            .expect("a request");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("an answer");
        page
    }

    /// One sample of the metrics, by its name with labels; zero if it is not there.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let page = self.metrics();
        let mut values = page.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        values.next().map_or(0, |value| value.trim().parse().expect("a number"))
    }

    /// How many requests were answered, whatever the answer.
    pub(crate) fn requests(&self) -> u64 {
        let name = "cachekit_server_requests_total{";
        let page = self.metrics();
        let samples = page.lines().filter(|line| line.starts_with(name));
        let count =
            |line: &str| line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok());
        samples.map(|line| count(line).expect("a number")).sum()
    }
}

/// A client of a server on this machine, to be completed.
pub(crate) fn client_of(url: &str, key: &str, ca_pem: &str) -> CachekitIoBuilder {
    CachekitIo::builder()
        .api_key(key)
        .api_url(url)
        .allow_custom_host(true)
        .allow_private_addresses(true)
        .ca_pem(ca_pem)
        .proxy(false)
        .timeout(PATIENCE)
}

/// The limits of a server, one of them changed.
pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}
