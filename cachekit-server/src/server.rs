//! Starting and stopping a server.

use crate::admin;
use crate::auth::ApiKeys;
use crate::clock::wall_clock;
use crate::connection::{Phase, accept_forever};
use crate::home::{Home, Own, Shared};
use crate::http::{KeyRule, Service};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::openapi;
use crate::outgoing::Outgoing;
use crate::room::Room;
use crate::store::{MemoryStore, RedisStore, Store};
use crate::tenant::{TenantLimits, TenantLimitsError, Tenants};
use crate::tls::{CurrentIdentity, Identity};
use cachekit_io::Clock;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// The store of a server that is given none.
const DEFAULT_STORE_BYTES: u64 = 1024 * 1024 * 1024;

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Neither a certificate nor cleartext was chosen.
    #[error("a certificate is needed, or cleartext on a loopback address")]
    NoTransport,
    /// Cleartext anywhere else would show keys and values to the network.
    #[error("cleartext is for loopback addresses only, and {0} is not one")]
    CleartextBeyondLoopback(SocketAddr),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Limits of tenants that cannot be kept.
    #[error(transparent)]
    Limits(#[from] TenantLimitsError),
    /// Over Redis no node knows how many bytes a tenant has stored.
    #[error(
        "over Redis there is no quota of stored bytes, and a tenant has one; use maxmemory of Redis"
    )]
    StoredBytes,
    /// [`Limits::max_unread_bytes`] is less than the protocol gives to the connections that there may be.
    #[error(
        "max_unread_bytes is {stated}, and twice max_connections connections have at least {least} bytes together: \
         raise it, or lower max_connections"
    )]
    UnreadBytes {
        /// What was stated.
        stated: usize,
        /// The least.
        least: usize,
    },
}

/// A server that is about to start. Made by [`Server::builder`](crate::Server::builder).
#[must_use = "nothing listens before `bind`"]
pub struct Builder {
    listen: SocketAddr,
    admin: Option<SocketAddr>,
    identity: Option<Identity>,
    cleartext: bool,
    keys: ApiKeys,
    default_limits: TenantLimits,
    limits: Limits,
    key_rule: KeyRule,
    clock: Clock,
    store: Option<Storage>,
}

/// What a builder was told of where entries live.
enum Storage {
    Own(Arc<dyn Store>),
    Redis(RedisStore),
}

/// The server: see [`Server::builder`].
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Begins with a server that listens on a free port of `127.0.0.1`, knows no API key, and keeps up
    /// to 1 GiB in memory. It needs [`tls`](Builder::tls) or [`cleartext`](Builder::cleartext).
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_server::{
    ///     ApiKey, ApiKeys, DevAuthority, KeyKind, Scope, Server, TenantLimits,
    /// };
    ///
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
    /// let key = ApiKey::generate(KeyKind::Live)?;
    /// let mut keys = ApiKeys::new();
    /// keys.add(&key, "acme", &Scope::ALL, TenantLimits::default())?;
    ///
    /// let authority = DevAuthority::new()?;
    /// let server = Server::builder().tls(authority.issue(&[])?).api_keys(keys).bind().await?;
    /// println!("https://localhost:{}", server.local_addr().port());
    /// server.shutdown().await;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> Builder {
        Builder {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            admin: None,
            identity: None,
            cleartext: false,
            keys: ApiKeys::new(),
            default_limits: TenantLimits::default(),
            limits: Limits::default(),
            key_rule: KeyRule::Strict,
            clock: wall_clock(),
            store: None,
        }
    }
}

impl Builder {
    /// Where to listen. Port 0 is a free port; see [`Running::local_addr`].
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Also listens for `/healthz`, `/readyz`, `/metrics` and `/openapi.json`, in cleartext and without keys: keep it on
    /// an address that only the operator reaches.
    pub fn admin(mut self, address: SocketAddr) -> Self {
        self.admin = Some(address);
        self
    }

    /// Speaks TLS, with this certificate.
    pub fn tls(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self.cleartext = false;
        self
    }

    /// Speaks no TLS. [`bind`](Self::bind) refuses it on anything but a loopback address.
    pub fn cleartext(mut self) -> Self {
        self.identity = None;
        self.cleartext = true;
        self
    }

    /// The API keys it accepts.
    pub fn api_keys(mut self, keys: ApiKeys) -> Self {
        self.keys = keys;
        self
    }

    /// Limits of tenants whose keys say nothing about one.
    pub fn tenant_limits(mut self, limits: TenantLimits) -> Self {
        self.default_limits = limits;
        self
    }

    /// Limits of connections and requests.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Which keys entries may have.
    pub fn key_rule(mut self, rule: KeyRule) -> Self {
        self.key_rule = rule;
        self
    }

    /// The clock of lives, leases, rates and quotas: time since 1970. Tests pass one they move.
    /// Timeouts of connections go by the system's clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Where entries live.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Storage::Own(Arc::new(store)));
        self
    }

    /// Entries and locks live in Redis, and are those of every node over the same Redis. Lives and leases
    /// go by the clock of Redis then. [`bind`](Self::bind) refuses limits of stored bytes with it.
    pub fn redis_store(mut self, store: RedisStore) -> Self {
        self.store = Some(Storage::Redis(store));
        self
    }

    /// Begins to listen and to answer.
    ///
    /// # Errors
    ///
    /// [`StartError`] says what is missing, or which address cannot be listened on.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime with time and I/O.
    pub async fn bind(self) -> Result<Running, StartError> {
        if self.identity.is_none() && !self.cleartext {
            return Err(StartError::NoTransport);
        }
        if self.cleartext && !self.listen.ip().is_loopback() {
            return Err(StartError::CleartextBeyondLoopback(self.listen));
        }
        self.default_limits.check()?;
        let locks = self.limits.max_locks_per_tenant;
        let home = match self.store {
            Some(Storage::Redis(store)) => {
                Home::Shared(Shared::new(store, locks, self.clock.clone()))
            }
            Some(Storage::Own(store)) => Home::Own(Own::new(store, locks, self.clock.clone())),
            None => {
                let store = Arc::new(MemoryStore::new(DEFAULT_STORE_BYTES));
                Home::Own(Own::new(store, locks, self.clock.clone()))
            }
        };
        if !home.counts_bytes()
            && (self.default_limits.stored_bytes.is_some() || self.keys.limits_bytes())
        {
            return Err(StartError::StoredBytes);
        }
        let windows = self
            .limits
            .windows()
            .map_err(|few| StartError::UnreadBytes { stated: few.stated, least: few.least })?;
        let (listener, local_addr) = listen(self.listen).await?;
        let admin = match self.admin {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let metrics = Metrics::default();
        let alarms = Arc::clone(&metrics.alarms);
        let limits = &self.limits;
        let outgoing = Outgoing::new(limits.max_sending_bytes, limits.stall_timeout, alarms);
        let service = Arc::new(Service {
            keys: RwLock::new(Arc::new(self.keys)),
            tenants: Tenants::new(self.limits.shares()),
            default_limits: self.default_limits,
            home: Arc::new(home),
            clock: self.clock,
            receiving: Arc::new(Room::new(self.limits.max_receiving_bytes)),
            outgoing: Arc::new(outgoing),
            windows: Arc::new(windows),
            description: openapi::describe(&self.limits, self.key_rule),
            limits: self.limits,
            key_rule: self.key_rule,
            metrics,
        });
        let identity = self.identity.map(|identity| Arc::new(CurrentIdentity::new(identity)));
        let (phase, watched) = watch::channel(Phase::Serving);
        let accepting =
            tokio::spawn(accept_forever(listener, Arc::clone(&service), identity.clone(), watched));
        let sweeping = tokio::spawn(sweep_forever(Arc::clone(&service)));
        let draining = Arc::new(AtomicBool::new(false));
        let mut helpers = vec![sweeping];
        if let Home::Shared(shared) = &*service.home {
            helpers.push(tokio::spawn(shared.watch_forever()));
        }
        let admin_addr = admin.map(|(listener, address)| {
            let serving = admin::serve(listener, Arc::clone(&service), Arc::clone(&draining));
            helpers.push(tokio::spawn(serving));
            address
        });
        Ok(Running {
            local_addr,
            admin_addr,
            service,
            identity,
            phase,
            draining,
            accepting,
            helpers,
        })
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Frees what expired once a second, so that it does not wait for a request to make room.
async fn sweep_forever(service: Arc<Service>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = service.now();
        service.home.sweep(now);
        service.metrics.alarms.tick();
    }
}

/// A server that runs. Dropping it cuts all connections; [`shutdown`](Self::shutdown) ends them well.
#[must_use = "dropping a running server stops it"]
pub struct Running {
    local_addr: SocketAddr,
    admin_addr: Option<SocketAddr>,
    service: Arc<Service>,
    identity: Option<Arc<CurrentIdentity>>,
    phase: watch::Sender<Phase>,
    draining: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
    helpers: Vec<JoinHandle<()>>,
}

impl Running {
    /// The address it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The address of the admin listener, if there is one.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin_addr
    }

    #[cfg(test)]
    pub(crate) fn service(&self) -> Arc<Service> {
        Arc::clone(&self.service)
    }

    /// Accepts these API keys from now on, and no others. The rates and quotas that tenants have used stay used.
    ///
    /// # Errors
    ///
    /// [`StartError::StoredBytes`] over Redis, for keys with such a limit; the keys stay what they were.
    pub fn replace_api_keys(&self, keys: ApiKeys) -> Result<(), StartError> {
        if !self.service.home.counts_bytes() && keys.limits_bytes() {
            return Err(StartError::StoredBytes);
        }
        self.service.replace_api_keys(keys);
        Ok(())
    }

    /// New connections get this certificate; a server without TLS ignores it.
    pub fn replace_identity(&self, identity: Identity) {
        if let Some(current) = &self.identity {
            current.replace(identity);
        }
    }

    /// Notes in the metrics whether a reload went well.
    pub fn note_reload(&self, well: bool) {
        self.service.metrics.reloaded(well);
    }

    /// Shuts the server down. For [`Limits::drain_delay`] it is not ready but still accepts connections. Then it
    /// accepts no new connection, announces the end on every connection, waits for running requests up to
    /// [`Limits::drain_timeout`], and cuts the rest. `/readyz` answers `503` meanwhile.
    ///
    /// Returns whether everything ended by itself.
    pub async fn shutdown(mut self) -> bool {
        self.draining.store(true, Ordering::Relaxed);
        if !self.service.limits.drain_delay.is_zero() {
            sleep(self.service.limits.drain_delay).await;
        }
        self.phase.send_replace(Phase::Draining);
        let drained = timeout(self.service.limits.drain_timeout, self.phase.closed()).await.is_ok();
        self.phase.send_replace(Phase::Cut);
        self.phase.closed().await;
        for helper in self.helpers.drain(..) {
            helper.abort();
        }
        self.service.home.close().await;
        drained
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Cut);
        self.accepting.abort();
        for helper in &self.helpers {
            helper.abort();
        }
    }
}

#[cfg(test)]
mod tests;
