//! One server and the connections to it.

use super::address::Address;
use super::copies::Copies;
use super::dial::Dialer;
use super::failure::Failure;
use super::flights::Flights;
use super::link::Link;
use crate::runtime::{Home, Place};
use ::redis::aio::PubSub;
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A server.
pub(super) struct Node {
    address: Address,
    dialer: Arc<Dialer>,
    links: ArcSwap<Vec<Arc<Link>>>,
    /// Held while `links` is replaced.
    replacing: Mutex<()>,
    dials: Flights<Home, Arc<Link>>,
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
            links: ArcSwap::default(),
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
    pub(super) async fn link(self: &Arc<Self>) -> Result<Arc<Link>, Failure> {
        let place = self.dialer.background.place();
        match self.find(place.home) {
            Some(link) => Ok(link),
            // Boxed, as is everything that most operations have no need of: they pay for its memory.
            None => Box::pin(self.dialled(place)).await,
        }
    }

    /// The same if there is one.
    pub(super) fn link_at_once(&self) -> Option<Arc<Link>> {
        self.find(self.dialer.background.home())
    }

    /// The same where there is none yet.
    async fn dialled(self: &Arc<Self>, first: Place) -> Result<Arc<Link>, Failure> {
        let mut place = first;
        for _ in 0..3 {
            if let Some(link) = self.find(place.home) {
                return Ok(link);
            }
            match self.dial(place).await {
                Some(Ok(link)) if !link.is_closed() => return Ok(link),
                Some(Err(failure)) => return Err(failure),
                _ => {}
            }
            // The caller's runtime may be on its way out, or have no network.
            place = self.dialer.background.own_place();
        }
        Err(Failure::not_connected(std::io::ErrorKind::ConnectionReset.into()))
    }

    /// Joins a dial, or begins one. Nothing if it was lost with its runtime.
    async fn dial(self: &Arc<Self>, place: Place) -> Option<Result<Arc<Link>, Failure>> {
        let last = self.last_failure();
        if let Some((failure, true)) = last {
            return Some(Err(failure));
        }
        let (home, handle) = (place.home, place.handle.clone());
        let flight = self.dials.join(home, &handle, || {
            let node = Arc::clone(self);
            async move { node.connect(place).await }
        });
        // One caller tries whether the server is back; the others need not wait for it.
        if let Some((failure, _)) = last.filter(|_| !flight.begun_here) {
            return Some(Err(failure));
        }
        flight.outcome().await
    }

    async fn connect(self: Arc<Self>, place: Place) -> Result<Arc<Link>, Failure> {
        match self.dialer.dial(&self.address, &place).await {
            Ok(link) => {
                let link = Arc::new(link);
                if let Some(watcher) = self.dialer.watcher.get() {
                    watcher.opened(&link).await;
                }
                *self.lock_down() = None;
                self.add(Arc::clone(&link));
                Ok(link)
            }
            Err(failure) => {
                let mut down = self.lock_down();
                let failures = down.as_ref().map_or(0, |down| down.failures) + 1;
                let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(8)).min(LONGEST_PAUSE);
                // Clients that failed together come back one by one.
                let pause = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
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

    fn find(&self, home: Home) -> Option<Arc<Link>> {
        let links = self.links.load();
        let usable = |link: &&Arc<Link>| !link.is_closed() && home.can_use(link.home());
        links.iter().find(usable).cloned()
    }

    /// Puts a connection into use, and closed ones out of it.
    fn add(&self, link: Arc<Link>) {
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut links: Vec<_> =
            self.links.load().iter().filter(|link| !link.is_closed()).cloned().collect();
        links.push(link);
        self.links.store(Arc::new(links));
    }

    /// A connection that listens at channels.
    pub(super) async fn listen(&self) -> Result<PubSub, Failure> {
        self.dialer.listen(&self.address).await
    }

    /// Closes all connections: the server is not what it was.
    pub(super) fn close(&self) {
        for link in self.links.load().iter() {
            link.close();
        }
        if let Some(copies) = self.copies.get() {
            copies.close();
        }
    }
}
