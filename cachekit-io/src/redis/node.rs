//! One server and the connections to it.

use super::address::Address;
use super::connection::Connection;
use super::copies::Copies;
use super::dial::Dialer;
use super::failure::Failure;
use super::flights::Flights;
use crate::backoff::Backoff;
use crate::runtime::{Executor, Home};
use ::redis::aio::PubSub;
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Nothing is tried for so long after a dial that failed: clients that failed together come back one by one.
const PAUSES: Backoff = Backoff::half(Duration::from_millis(100), Duration::from_secs(1));

/// A server.
pub(super) struct Node {
    address: Address,
    dialer: Arc<Dialer>,
    connections: ArcSwap<Vec<Arc<Connection>>>,
    /// Held while `links` is replaced.
    replacing: Mutex<()>,
    dials: Flights<Home, Arc<Connection>>,
    down: Mutex<Option<Down>>,
    copies: OnceLock<Copies>,
}

/// The last dial failed.
struct Down {
    failures: u32,
    failure: Failure,
    /// Nothing is tried before.
    pause_until: Instant,
}

impl Node {
    pub(super) fn new(address: Address, dialer: Arc<Dialer>) -> Arc<Self> {
        Arc::new(Self {
            address,
            dialer,
            connections: ArcSwap::default(),
            replacing: Mutex::default(),
            dials: Flights::default(),
            down: Mutex::default(),
            copies: OnceLock::new(),
        })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// The replicas, which are waited for over a connection of its own.
    pub(super) fn copies(&self) -> &Copies {
        // Nothing is read over that one: its end is no reason to drop copies.
        self.copies.get_or_init(|| {
            Copies::of(Self::new(self.address.clone(), Arc::new(self.dialer.unwatched())))
        })
    }

    /// A connection that the caller can use. Where the last dial failed a moment ago, fails at once.
    pub(super) async fn connection(self: &Arc<Self>) -> Result<Arc<Connection>, Failure> {
        let executor = self.dialer.background.executor();
        match self.find(executor.home) {
            Some(connection) => Ok(connection),
            // Boxed, as is everything that most operations have no need of: they pay for its memory.
            None => Box::pin(self.dialled(executor)).await,
        }
    }

    /// The same if there is one.
    pub(super) fn link_at_once(&self) -> Option<Arc<Connection>> {
        self.find(self.dialer.background.home())
    }

    /// The same where no connection has been made yet.
    async fn dialled(self: &Arc<Self>, first: Executor) -> Result<Arc<Connection>, Failure> {
        let mut executor = first;
        for _ in 0..3 {
            if let Some(connection) = self.find(executor.home) {
                return Ok(connection);
            }
            match self.dial(executor).await {
                Some(Ok(connection)) if !connection.is_closed() => return Ok(connection),
                Some(Err(failure)) => return Err(failure),
                _ => {}
            }
            // The caller's runtime may be on its way out, or have no network.
            executor = self.dialer.background.own_executor();
        }
        Err(Failure::not_connected(std::io::ErrorKind::ConnectionReset.into()))
    }

    /// Joins a dial, or begins one. Nothing if it was lost with its runtime.
    async fn dial(
        self: &Arc<Self>,
        executor: Executor,
    ) -> Option<Result<Arc<Connection>, Failure>> {
        let last = self.last_failure();
        if let Some((failure, true)) = last {
            return Some(Err(failure));
        }
        let (home, handle) = (executor.home, executor.handle.clone());
        let flight = self.dials.join(home, &handle, || {
            let node = Arc::clone(self);
            async move { node.connect(executor).await }
        });
        // One caller tries whether the server is back; the others need not wait for it.
        if let Some((failure, _)) = last.filter(|_| !flight.begun_here) {
            return Some(Err(failure));
        }
        flight.outcome().await
    }

    async fn connect(self: Arc<Self>, executor: Executor) -> Result<Arc<Connection>, Failure> {
        match self.dialer.dial(&self.address, &executor).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                if let Some(watcher) = self.dialer.watcher.get() {
                    watcher.opened(&connection).await;
                }
                *self.lock_down() = None;
                self.add(Arc::clone(&connection));
                Ok(connection)
            }
            Err(failure) => {
                let mut down = self.lock_down();
                let before = down.as_ref().map_or(0, |down| down.failures);
                let (failures, pause) = (before.saturating_add(1), PAUSES.wait(before));
                let failure_told = failure.clone();
                *down = Some(Down { failures, failure, pause_until: Instant::now() + pause });
                Err(failure_told)
            }
        }
    }

    /// The failure of the last dial, and whether it is too soon for another.
    fn last_failure(&self) -> Option<(Failure, bool)> {
        let down = self.lock_down();
        down.as_ref().map(|down| (down.failure.clone(), Instant::now() < down.pause_until))
    }

    fn lock_down(&self) -> std::sync::MutexGuard<'_, Option<Down>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, home: Home) -> Option<Arc<Connection>> {
        let connections = self.connections.load();
        let usable = |connection: &&Arc<Connection>| {
            !connection.is_closed() && home.can_use(connection.home())
        };
        connections.iter().find(usable).cloned()
    }

    /// Puts a connection into use, and closed ones out of it.
    fn add(&self, connection: Arc<Connection>) {
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connections: Vec<_> = self
            .connections
            .load()
            .iter()
            .filter(|connection| !connection.is_closed())
            .cloned()
            .collect();
        connections.push(connection);
        self.connections.store(Arc::new(connections));
    }

    /// A connection that listens at channels.
    pub(super) async fn listen(&self) -> Result<PubSub, Failure> {
        self.dialer.listen(&self.address).await
    }

    /// Closes all connections: the server is not what it was.
    pub(super) fn close(&self) {
        for connection in self.connections.load().iter() {
            connection.close();
        }
        if let Some(copies) = self.copies.get() {
            copies.close();
        }
    }
}
