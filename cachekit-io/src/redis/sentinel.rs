//! A primary that Sentinels name.
//!
//! They are queried at the first use, whenever the primary cannot be reached or is no longer the primary, and
//! every few seconds, because a primary that was cut off from them still answers.

use super::address::Address;
use super::dial::Dialer;
use super::failure::{Failure, Then};
use super::flights::Flights;
use super::node::Node;
use crate::BackendErrorKind;
use crate::runtime::Background;
use ::redis::Value;
use arc_swap::ArcSwapOption;
use futures_util::future::join_all;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long one Sentinel has to answer before the next is tried.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often they are queried, at the latest.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// A group of servers with Sentinels.
pub(super) struct Sentinel {
    sentinels: Vec<Arc<Node>>,
    group: String,
    servers: Arc<Dialer>,
    /// Which Sentinel is queried first: one that agreed with most of the others, or the last that answered.
    first: AtomicUsize,
    current: ArcSwapOption<Node>,
    /// The last primary, in use or not: what is known about an unreachable server is kept. Also held while `current` is
    /// replaced.
    latest: Mutex<Option<Arc<Node>>>,
    searches: Flights<(), Arc<Node>>,
    is_watched: AtomicBool,
}

impl Sentinel {
    pub(super) fn new(
        addresses: Vec<Address>,
        group: String,
        servers: Arc<Dialer>,
        sentinels: &Arc<Dialer>,
    ) -> Arc<Self> {
        let node = |address| Node::new(address, Arc::clone(sentinels));
        Arc::new(Self {
            sentinels: addresses.into_iter().map(node).collect(),
            group,
            servers,
            first: AtomicUsize::new(0),
            current: ArcSwapOption::default(),
            latest: Mutex::default(),
            searches: Flights::default(),
            is_watched: AtomicBool::new(false),
        })
    }

    /// The primary.
    pub(super) async fn primary(self: &Arc<Self>) -> Result<Arc<Node>, Failure> {
        match self.known_primary() {
            Some(node) => Ok(node),
            None => Box::pin(self.found()).await,
        }
    }

    /// The same if it is known.
    pub(super) fn known_primary(&self) -> Option<Arc<Node>> {
        self.current.load().as_ref().map(Arc::clone)
    }

    /// The primary, as the Sentinels know it.
    async fn found(self: &Arc<Self>) -> Result<Arc<Node>, Failure> {
        let background = self.background();
        if !self.is_watched.swap(true, Ordering::Relaxed) {
            background.spawn(watch(Arc::downgrade(self), background));
        }
        let executor = background.own_executor();
        let search = self.searches.join((), &executor.handle, || {
            let sentinel = Arc::clone(self);
            async move {
                let address = sentinel.ask().await?;
                Ok(sentinel.settle(address))
            }
        });
        search.outcome().await.unwrap_or_else(|| Err(unanswered()))
    }

    /// The primary must be looked up again.
    pub(super) fn forget(&self, node: &Arc<Node>) {
        {
            let _latest = self.lock();
            if !self.known_primary().is_some_and(|current| Arc::ptr_eq(&current, node)) {
                return;
            }
            self.current.store(None);
        }
        node.close();
    }

    fn background(&self) -> Background {
        self.servers.background
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Node>>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes this server the primary.
    fn settle(&self, address: Address) -> Arc<Node> {
        let (node, former) = self.settle_in(&mut self.lock(), address);
        close(former);
        node
    }

    /// The same; also returns the former one, which has to be closed.
    fn settle_in(
        &self,
        latest: &mut Option<Arc<Node>>,
        address: Address,
    ) -> (Arc<Node>, Option<Arc<Node>>) {
        let (node, former) = match latest {
            Some(node) if *node.address() == address => (Arc::clone(node), None),
            _ => {
                let node = Node::new(address, Arc::clone(&self.servers));
                let former = latest.replace(Arc::clone(&node));
                (node, former)
            }
        };
        self.current.store(Some(Arc::clone(&node)));
        (node, former)
    }

    /// Queries all Sentinels, and follows most of them: one that was cut off with the former primary still names that.
    pub(super) async fn follow(&self) {
        let before = self.known_primary();
        let Some((index, address)) = self.named_by_most(before.as_ref()).await else { return };
        let former = {
            let mut latest = self.lock();
            let current = self.known_primary();
            // One Sentinel may have taken a second. An operation that failed meanwhile knows better.
            if current.as_ref().map(Arc::as_ptr) != before.as_ref().map(Arc::as_ptr) {
                return;
            }
            self.settle_in(&mut latest, address).1
        };
        self.first.store(index, Ordering::Relaxed);
        close(former);
    }

    /// The server that most Sentinels name, and the number of one that does. If as many name another, the newer
    /// configuration decides; if that is not known, the current primary stays.
    async fn named_by_most(&self, current: Option<&Arc<Node>>) -> Option<(usize, Address)> {
        let answers = join_all(self.sentinels.iter().map(|sentinel| self.ask_in_time(sentinel)));
        let answers = answers.await.into_iter().enumerate();
        let named: Vec<_> =
            answers.filter_map(|(index, named)| Some((index, named?.ok()?))).collect();
        let votes = |address: &Address| named.iter().filter(|(_, other)| other == address).count();
        let most = named.iter().map(|(_, address)| votes(address)).max()?;
        let best = named.iter().filter(|(_, address)| votes(address) == most);
        let best: Vec<_> = best.cloned().collect();
        if best.iter().all(|(_, address)| *address == best[0].1) {
            return best.into_iter().next();
        }
        let epochs = join_all(best.iter().map(|(index, _)| self.epoch(*index))).await;
        let is_current =
            |named: &Address| current.is_some_and(|current| current.address() == named);
        let best = best.into_iter().zip(epochs);
        let best = best.max_by_key(|((_, named), epoch)| (*epoch, is_current(named)));
        best.map(|(named, _)| named)
    }

    /// Queries one Sentinel after the other.
    async fn ask(&self) -> Result<Address, Failure> {
        let count = self.sentinels.len();
        let first = self.first.load(Ordering::Relaxed);
        let mut last = None;
        for offset in 0..count {
            let index = (first + offset) % count;
            match self.ask_in_time(&self.sentinels[index]).await {
                Some(Ok(address)) => {
                    self.first.store(index, Ordering::Relaxed);
                    return Ok(address);
                }
                Some(Err(failure)) => last = Some(failure),
                None => {}
            }
        }
        Err(last.map_or_else(unanswered, |failure| failure.and_then(Then::Elsewhere)))
    }

    /// Queries one Sentinel; `None` if it takes too long.
    async fn ask_in_time(&self, sentinel: &Arc<Node>) -> Option<Result<Address, Failure>> {
        self.background().before(Instant::now() + PATIENCE, self.ask_one(sentinel)).await
    }

    async fn ask_one(&self, sentinel: &Arc<Node>) -> Result<Address, Failure> {
        let mut command = ::redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.group);
        let answer = sentinel.connection().await?.ask(&command).await?;
        match answer {
            Value::Nil => Err(Failure::new(
                BackendErrorKind::Configuration,
                Then::Elsewhere,
                "the Sentinels do not watch a group of that name",
            )),
            Value::Array(parts) => match parts.as_slice() {
                [Value::BulkString(host), Value::BulkString(port)] => {
                    let host = std::str::from_utf8(host).ok();
                    let port = std::str::from_utf8(port).ok().and_then(|port| port.parse().ok());
                    host.zip(port)
                        .map(|(host, port)| Address::tcp(host, port))
                        .ok_or_else(Failure::malformed)
                }
                _ => Err(Failure::malformed()),
            },
            _ => Err(Failure::malformed()),
        }
    }

    /// Which configuration of the group this Sentinel knows: each failover has a higher number. `None` if it does not say.
    pub(super) async fn epoch(&self, index: usize) -> Option<u64> {
        let asked = async {
            let mut command = ::redis::cmd("SENTINEL");
            command.arg("MASTER").arg(&self.group);
            self.sentinels.get(index)?.connection().await.ok()?.ask(&command).await.ok()
        };
        let fields = match self.background().before(Instant::now() + PATIENCE, asked).await?? {
            Value::Array(fields) => fields,
            Value::Map(fields) => {
                fields.into_iter().flat_map(|(name, value)| [name, value]).collect()
            }
            _ => return None,
        };
        fields.chunks_exact(2).find_map(|field| match field {
            [Value::BulkString(name), Value::BulkString(epoch)] if name == b"config-epoch" => {
                std::str::from_utf8(epoch).ok()?.parse().ok()
            }
            _ => None,
        })
    }
}

fn close(former: Option<Arc<Node>>) {
    if let Some(former) = former {
        former.close();
    }
}

/// Follows the Sentinels as long as the client exists.
async fn watch(sentinel: Weak<Sentinel>, background: Background) {
    loop {
        // Clients do not all query at once.
        let pause = ASK_EVERY.mul_f64(0.5 + fastrand::f64() / 2.0);
        background.sleep(Instant::now() + pause).await;
        let Some(sentinel) = sentinel.upgrade() else { return };
        if sentinel.current.load().is_none() {
            continue;
        }
        sentinel.follow().await;
    }
}

fn unanswered() -> Failure {
    Failure::new(BackendErrorKind::Transient, Then::Elsewhere, "no Sentinel answers")
}
