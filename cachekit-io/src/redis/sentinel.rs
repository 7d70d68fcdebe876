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
use std::sync::{Arc, Weak};
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
    /// The last primary, in use or not: what is known about an unreachable server is kept.
    latest: ArcSwapOption<Node>,
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
            latest: ArcSwapOption::default(),
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
        let current = self.current.load();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, node)) {
            self.current.compare_and_swap(&current, None);
            node.close();
        }
    }

    fn background(&self) -> Background {
        self.servers.background
    }

    /// Makes this server the primary.
    fn settle(&self, address: Address) -> Arc<Node> {
        let latest = self.latest.load_full();
        let node = match latest {
            Some(node) if *node.address() == address => node,
            former => {
                let node = Node::new(address, Arc::clone(&self.servers));
                self.latest.store(Some(Arc::clone(&node)));
                if let Some(former) = former {
                    former.close();
                }
                node
            }
        };
        self.current.store(Some(Arc::clone(&node)));
        node
    }

    /// Queries all Sentinels, and follows most of them: one that was cut off with the former primary still names that.
    /// If there are as many for the current one as for another, it stays.
    pub(super) async fn follow(&self) {
        let answers = self.sentinels.iter().map(async |sentinel| {
            let asked = self.ask_one(sentinel);
            self.background().before(Instant::now() + PATIENCE, asked).await.and_then(Result::ok)
        });
        let answers = join_all(answers).await;
        let current = self.known_primary();
        let is_current =
            |named: &Address| current.as_ref().is_some_and(|current| current.address() == named);
        let votes =
            |named: &Address| answers.iter().flatten().filter(|other| *other == named).count();
        let named =
            answers.iter().enumerate().filter_map(|(index, named)| Some((index, named.as_ref()?)));
        let best = named.max_by_key(|(_, named)| (votes(named), is_current(named)));
        if let Some((index, address)) = best {
            self.first.store(index, Ordering::Relaxed);
            self.settle(address.clone());
        }
    }

    /// Queries one Sentinel after the other.
    async fn ask(&self) -> Result<Address, Failure> {
        let count = self.sentinels.len();
        let first = self.first.load(Ordering::Relaxed);
        let mut last = None;
        for offset in 0..count {
            let index = (first + offset) % count;
            let asked = self.ask_one(&self.sentinels[index]);
            let answer = self.background().before(Instant::now() + PATIENCE, asked).await;
            match answer {
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
