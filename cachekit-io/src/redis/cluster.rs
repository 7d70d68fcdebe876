//! The slots of a Cluster and their owners.
//!
//! They are fetched at the first use, whenever a node cannot be reached or answers that it does not have a slot, and every
//! few seconds, because a primary that was cut off from the others still answers.

use super::address::Address;
use super::dial::Dialer;
use super::failure::{Failure, Then};
use super::flights::{Flight, Flights};
use super::keys::SLOTS;
use super::node::Node;
use crate::BackendErrorKind;
use crate::runtime::Background;
use ::redis::Value;
use arc_swap::{ArcSwap, ArcSwapOption};
use futures_util::{StreamExt, stream};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long one node has to answer before the next is tried.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the owners are fetched, at the latest.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// How many nodes are asked at once where the first one does not answer.
const AT_ONCE: usize = 3;

type Nodes = HashMap<Address, Arc<Node>>;

/// A Cluster.
pub(super) struct Cluster {
    seeds: Vec<Address>,
    dialer: Arc<Dialer>,
    map: ArcSwap<Map>,
    /// All nodes seen recently. Also held while `map` is replaced.
    nodes: Mutex<Nodes>,
    refreshes: Flights<(), ()>,
    is_watched: AtomicBool,
    /// The node that answered last.
    asked: ArcSwapOption<Address>,
    /// Most primaries said that they [are cut off](is_cut_off), and no node that it is not.
    has_failed: AtomicBool,
}

/// The owner of each slot.
struct Map {
    /// For each slot, its owner's index plus one; 0 without an owner.
    slots: Vec<u16>,
    owners: Vec<Arc<Node>>,
}

impl Map {
    fn empty() -> Self {
        Self { slots: vec![0; usize::from(SLOTS)], owners: Vec::new() }
    }

    fn owner(&self, slot: u16) -> Option<&Arc<Node>> {
        let executor = usize::from(*self.slots.get(usize::from(slot))?).checked_sub(1)?;
        self.owners.get(executor)
    }

    /// Whether this node owns slots.
    fn has(&self, address: &Address) -> bool {
        self.owners.iter().any(|owner| owner.address() == address)
    }

    /// The number of an owner in `slots`.
    fn number(&mut self, node: &Arc<Node>) -> u16 {
        let known = self.owners.iter().position(|owner| Arc::ptr_eq(owner, node));
        let executor = known.unwrap_or_else(|| {
            self.owners.push(Arc::clone(node));
            self.owners.len() - 1
        });
        u16::try_from(executor + 1).unwrap_or(0)
    }
}

impl Cluster {
    pub(super) fn new(seeds: Vec<Address>, dialer: Arc<Dialer>) -> Arc<Self> {
        Arc::new(Self {
            seeds,
            dialer,
            map: ArcSwap::from_pointee(Map::empty()),
            nodes: Mutex::default(),
            refreshes: Flights::default(),
            is_watched: AtomicBool::new(false),
            asked: ArcSwapOption::default(),
            has_failed: AtomicBool::new(false),
        })
    }

    /// The primary that has a slot.
    pub(super) async fn owner(self: &Arc<Self>, slot: u16) -> Result<Arc<Node>, Failure> {
        if let Some(node) = self.known_owner(slot) {
            return Ok(node);
        }
        Box::pin(self.try_refresh()).await?;
        let map = self.map.load();
        map.owner(slot).cloned().ok_or_else(|| {
            Failure::new(BackendErrorKind::Transient, Then::Wait, "a slot has no node right now")
        })
    }

    /// The same if it is known.
    pub(super) fn known_owner(&self, slot: u16) -> Option<Arc<Node>> {
        self.map.load().owner(slot).cloned()
    }

    /// All primaries with slots.
    pub(super) async fn primaries(self: &Arc<Self>) -> Result<Vec<Arc<Node>>, Failure> {
        if self.map.load().owners.is_empty() {
            self.try_refresh().await?;
        }
        Ok(self.map.load().owners.clone())
    }

    /// The node at an address.
    pub(super) fn at(&self, address: &Address) -> Arc<Node> {
        let mut nodes = self.lock();
        self.node_in(&mut nodes, address)
    }

    /// A slot has another owner; the other owners are fetched in the background.
    pub(super) fn moved(self: &Arc<Self>, slot: u16, to: &Address) {
        {
            let mut nodes = self.lock();
            let node = self.node_in(&mut nodes, to);
            let map = self.map.load();
            let mut map = Map { slots: map.slots.clone(), owners: map.owners.clone() };
            let number = map.number(&node);
            if let Some(owner) = map.slots.get_mut(usize::from(slot)) {
                *owner = number;
            }
            self.map.store(Arc::new(map));
        }
        self.begin_refresh();
    }

    /// Fetches the owners of slots from the nodes, and waits for the answer.
    pub(super) async fn refresh(self: &Arc<Self>) {
        // The next attempt shows whether they are known now.
        let _ = self.try_refresh().await;
    }

    async fn try_refresh(self: &Arc<Self>) -> Result<(), Failure> {
        self.join_refresh().outcome().await.unwrap_or_else(|| Err(unanswered()))
    }

    /// Fetches the owners of slots from the nodes, in the background.
    pub(super) fn begin_refresh(self: &Arc<Self>) {
        self.join_refresh();
    }

    fn join_refresh(self: &Arc<Self>) -> Flight<()> {
        let background = self.dialer.background;
        if !self.is_watched.swap(true, Ordering::Relaxed) {
            background.spawn(watch(Arc::downgrade(self), background));
        }
        let executor = background.own_executor();
        self.refreshes.join((), &executor.handle, || {
            let cluster = Arc::clone(self);
            async move { cluster.ask_around().await }
        })
    }

    /// Whether the Cluster as a whole has failed, as far as is known. Without most of the primaries, the others cannot
    /// replace any.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    async fn ask_around(&self) -> Result<(), Failure> {
        let before = self.map.load_full();
        let (mut last, mut cut_off, mut failed) = (None, None, 0);
        for group in self.order(&before) {
            let asked = group.into_iter().map(|address| self.ask_in_time(address));
            let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
            while let Some((address, answer)) = answers.next().await {
                match answer {
                    Some(Ok((ranges, false))) => {
                        self.has_failed.store(false, Ordering::Relaxed);
                        self.replace(&address, ranges, None);
                        self.asked.store(Some(Arc::new(address)));
                        return Ok(());
                    }
                    Some(Ok((ranges, true))) => {
                        failed += usize::from(before.has(&address));
                        cut_off = cut_off.or(Some((address, ranges)));
                    }
                    Some(Err(failure)) => last = Some(failure),
                    None => {}
                }
            }
        }
        self.has_failed.store(2 * failed > before.owners.len(), Ordering::Relaxed);
        // All nodes that answer say so: none knows better.
        if let Some((address, ranges)) = cut_off {
            self.replace(&address, ranges, Some(&before));
            return Ok(());
        }
        Err(last.map_or_else(unanswered, |failure| match failure.then {
            Then::Stop => failure,
            _ => failure.and_then(Then::Elsewhere),
        }))
    }

    /// The nodes in the order in which they are asked: one group after the other.
    fn order(&self, map: &Map) -> [Vec<Address>; 3] {
        // Primaries first: there may be a connection already.
        let (mut owners, mut others): (Vec<_>, Vec<_>) =
            self.lock().keys().cloned().partition(|address| map.has(address));
        let unasked = |seed: &&Address| !owners.contains(seed) && !others.contains(seed);
        let unasked: Vec<_> = self.seeds.iter().filter(unasked).cloned().collect();
        others.extend(unasked);
        fastrand::shuffle(&mut owners);
        fastrand::shuffle(&mut others);
        // The background thread needs a connection of its own. So as long as one node answers, it is the only one asked.
        let asked = self.asked.load();
        let asked =
            asked.as_ref().and_then(|asked| owners.iter().position(|other| *other == **asked));
        if let Some(asked) = asked {
            owners.swap(0, asked);
        }
        let rest = if owners.is_empty() { &mut others } else { &mut owners };
        let first = rest.drain(..rest.len().min(1)).collect();
        [first, owners, others]
    }

    /// Asks a node; `None` if it takes too long.
    async fn ask_in_time(&self, address: Address) -> (Address, Option<Result<Known, Failure>>) {
        // What is read is read from primaries: the end of a connection to another node is no reason to drop copies.
        let is_used = {
            let map = self.map.load();
            map.owners.is_empty() || map.has(&address)
        };
        let node = if is_used {
            self.at(&address)
        } else {
            Node::new(address.clone(), Arc::new(self.dialer.unwatched()))
        };
        let deadline = Instant::now() + PATIENCE;
        let answer = self.dialer.background.before(deadline, ask_one(&node)).await;
        (address, answer)
    }

    /// Applies a node's answer; if a map is given, only over that one.
    fn replace(&self, answering: &Address, ranges: Vec<Range>, over: Option<&Arc<Map>>) {
        let mut nodes = self.lock();
        if over.is_some_and(|over| !Arc::ptr_eq(over, &self.map.load())) {
            return;
        }
        let mut map = Map::empty();
        let mut heard: Vec<Address> = vec![answering.clone()];
        for range in ranges {
            for address in range.primary.iter().chain(&range.replicas) {
                self.node_in(&mut nodes, address);
                heard.push(address.clone());
            }
            let Some(primary) = range.primary else { continue };
            let node = self.node_in(&mut nodes, &primary);
            let number = map.number(&node);
            let slots = usize::from(range.first)..=usize::from(range.last);
            if let Some(slots) = map.slots.get_mut(slots) {
                slots.fill(number);
            }
        }
        // Operations in flight keep the nodes that they use.
        nodes.retain(|address, _| heard.contains(address));
        self.map.store(Arc::new(map));
    }

    fn node_in(&self, nodes: &mut Nodes, address: &Address) -> Arc<Node> {
        if let Some(node) = nodes.get(address) {
            return Arc::clone(node);
        }
        let node = Node::new(address.clone(), Arc::clone(&self.dialer));
        nodes.insert(address.clone(), Arc::clone(&node));
        node
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A range of slots.
struct Range {
    first: u16,
    last: u16,
    primary: Option<Address>,
    replicas: Vec<Address>,
}

/// Whether what `CLUSTER INFO` answered says that the node does not reach most of the others, or that slots have no node.
/// A node that does not let this user ask counts as healthy.
pub(super) fn is_cut_off(info: &Value) -> bool {
    let text: &[u8] = match info {
        Value::BulkString(text) => text,
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => text.as_bytes(),
        _ => return false,
    };
    text.split(|byte| *byte == b'\n').any(|line| line.trim_ascii_end() == b"cluster_state:fail")
}

/// Asks whether the node [is cut off](is_cut_off).
pub(super) fn state_command() -> ::redis::Cmd {
    let mut command = ::redis::cmd("CLUSTER");
    command.arg("INFO");
    command
}

/// Fetches the owners of slots as long as the client exists.
async fn watch(cluster: Weak<Cluster>, background: Background) {
    loop {
        // Clients do not all query at once.
        let pause = ASK_EVERY.mul_f64(0.5 + fastrand::f64() / 2.0);
        background.sleep(Instant::now() + pause).await;
        let Some(cluster) = cluster.upgrade() else { return };
        cluster.refresh().await;
    }
}

/// The owners of slots as a node knows them, and whether the node [is cut off](is_cut_off).
type Known = (Vec<Range>, bool);

/// Asks a node what it knows.
async fn ask_one(node: &Arc<Node>) -> Result<Known, Failure> {
    let mut both = ::redis::pipe();
    both.add_command(state_command()).cmd("CLUSTER").arg("SLOTS");
    let answers = node.connection().await?.many(&both).await;
    let answers = answers.map_err(|error| Failure::of(&error))?;
    let [info, slots] = answers.as_slice() else { return Err(Failure::malformed()) };
    let ranges = match slots {
        Value::Array(ranges) => ranges,
        Value::ServerError(error) => {
            let failure = Failure::server(error);
            if failure.kind == BackendErrorKind::Permanent {
                let context = "the server is not part of a Cluster: write the URL as redis://";
                return Err(Failure::new(BackendErrorKind::Configuration, Then::Stop, context));
            }
            return Err(failure);
        }
        _ => return Err(Failure::malformed()),
    };
    let ranges: Vec<_> = ranges.iter().filter_map(|value| range(value, node.address())).collect();
    if ranges.is_empty() {
        // A node that was reset, or does not know the other nodes yet.
        return Err(Failure::new(
            BackendErrorKind::Transient,
            Then::Elsewhere,
            "a node knows no slots",
        ));
    }
    Ok((ranges, is_cut_off(info)))
}

/// `[first, last, [host, port, ...], ...]`.
fn range(value: &Value, asked: &Address) -> Option<Range> {
    let Value::Array(parts) = value else { return None };
    let (bounds, nodes) = parts.split_at_checked(2)?;
    let [Value::Int(first), Value::Int(last)] = bounds else { return None };
    let mut nodes = nodes.iter().map(|node| host_and_port(node, asked));
    Some(Range {
        first: u16::try_from(*first).ok()?,
        last: u16::try_from(*last).ok().filter(|last| *last < SLOTS)?,
        primary: nodes.next().flatten(),
        replicas: nodes.flatten().collect(),
    })
}

/// A node; without a host, it is the node that answered.
fn host_and_port(value: &Value, asked: &Address) -> Option<Address> {
    let Value::Array(parts) = value else { return None };
    let port = match parts.get(1)? {
        Value::Int(port) => u16::try_from(*port).ok()?,
        _ => return None,
    };
    let host = match parts.first()? {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::Nil => "",
        _ => return None,
    };
    match (host, asked) {
        // A node that does not know the name of another one says so.
        ("?", _) => None,
        ("", Address::Tcp { host, .. }) => Some(Address::Tcp { host: Arc::clone(host), port }),
        ("", Address::Unix(_)) => Some(asked.clone()),
        (host, _) => Some(Address::tcp(host, port)),
    }
}

fn unanswered() -> Failure {
    Failure::new(BackendErrorKind::Transient, Then::Elsewhere, "no node of the Cluster answers")
}
