//! Three primaries with a replica each.

use crate::certificates::Certificates;
use crate::node::{ADMIN, ADMIN_PASSWORD, Node};
use crate::options::NodeOptions;
use crate::ports::Port;
use crate::resp::Reply;
use crate::wait::{eventually, that};
use std::path::PathBuf;

const SLOTS: u16 = 16_384;
const PRIMARIES: usize = 3;

/// Six nodes: three primaries with a replica each.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    // The ports on which the nodes talk to each other.
    bus: Vec<Port>,
}

impl Cluster {
    /// A cluster without passwords.
    pub fn start() -> Self {
        Self::start_with(&NodeOptions::new())
    }

    /// A cluster of nodes that are set up like this. With TLS they have their authority in common.
    pub fn start_with(options: &NodeOptions) -> Self {
        let certificates = options.tls.then(Certificates::of_group);
        let mut options = options.clone().in_group(certificates.as_ref());
        if options.tls {
            options = options.config("tls-cluster yes");
        }
        let bus: Vec<_> = (0..2 * PRIMARIES).map(|_| Port::free()).collect();
        let start = |bus: &Port| {
            let options = options
                .clone()
                .config("cluster-enabled yes")
                .config("cluster-config-file nodes.conf")
                .config(&format!("cluster-port {}", bus.number()))
                .config("cluster-node-timeout 2000")
                // A replica that lags is a replica still: tests kill primaries at any moment.
                .config("cluster-replica-validity-factor 0")
                .config("cluster-allow-replica-migration no");
            Node::spawn(&options, false)
        };
        let nodes: Vec<_> = bus.iter().map(start).collect();
        for node in &nodes {
            node.wait_until_ready();
        }
        let cluster = Self { nodes, bus };
        cluster.join();
        cluster
    }

    fn join(&self) {
        let bounds = [0, SLOTS / 3, 2 * (SLOTS / 3), SLOTS];
        for (at, node) in self.nodes.iter().enumerate() {
            node.admin(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
            if let [from, to] = bounds.get(at..at + 2).unwrap_or_default() {
                let (from, to) = (from.to_string(), (to - 1).to_string());
                node.admin(&["CLUSTER", "ADDSLOTSRANGE", &from, &to]);
            }
        }
        for (at, node) in self.nodes.iter().enumerate() {
            // Each with each: gossip would tell them too, some seconds later.
            for (other, bus) in self.nodes.iter().zip(&self.bus).skip(at + 1) {
                let (port, bus) = (other.port().to_string(), bus.number().to_string());
                node.admin(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
            }
        }
        let (primaries, replicas) = self.nodes.split_at(PRIMARIES);
        for (primary, replica) in primaries.iter().zip(replicas) {
            eventually("a replica joins", || {
                replica.try_admin(&["CLUSTER", "REPLICATE", &id(primary)?])
            });
        }
        self.wait_until_agreed();
    }

    /// Waits until all running nodes know of all slots, of each other, and which primary each replica follows.
    pub fn wait_until_agreed(&self) {
        eventually("the nodes of the cluster agree", || {
            let owners = self.owners()?;
            for node in self.running() {
                let info = node.try_admin(&["CLUSTER", "INFO"])?.text();
                for line in ["cluster_state:ok", "cluster_slots_ok:16384"] {
                    that(info.contains(line), || format!("{} is not {line}", node.address()))?;
                }
                let seen = lines(node)?;
                for known in &seen {
                    that(!known.flags.contains("handshake"), || "a handshake goes on".to_owned())?;
                }
                that(seen.len() == self.nodes.len(), || format!("knows {} nodes", seen.len()))?;
                for owner in &owners {
                    let same = |line: &Line| line.id == owner.id && line.slots == owner.slots;
                    let same = seen.iter().any(same);
                    that(same, || format!("{} does not know all owners", node.address()))?;
                }
                if let Some(primary) = myself(node)?.primary {
                    let of = |node: &&Node| id(node).is_ok_and(|id| id == primary);
                    let primary = self.running().find(of).ok_or("the primary is gone")?;
                    node.follows(primary.port())?;
                    let knows = seen.iter().filter(|line| line.primary.is_some()).count();
                    that(knows > 0, || "no replica is known".to_owned())?;
                }
            }
            Ok(())
        });
    }

    /// What each running primary says of itself.
    fn owners(&self) -> Result<Vec<Line>, String> {
        let mut owners = Vec::new();
        for node in self.running() {
            let line = myself(node)?;
            if line.primary.is_none() {
                owners.push(line);
            }
        }
        Ok(owners)
    }

    /// All nodes: those that began as primaries first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    fn running(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_running())
    }

    /// The running nodes that are primaries.
    pub fn primaries(&self) -> impl Iterator<Item = &Node> {
        self.running().filter(|node| myself(node).is_ok_and(|line| line.primary.is_none()))
    }

    /// The nodes' `host:port`, separated by commas.
    pub fn addresses(&self) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(Node::address).collect();
        addresses.join(",")
    }

    /// The authority to trust, in a file, with TLS.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.nodes.first().and_then(Node::ca_file)
    }

    /// The slot of a key.
    pub fn slot_of(&self, key: &str) -> u16 {
        let node = self.running().next().expect("a node runs");
        let slot = node.admin(&["CLUSTER", "KEYSLOT", key]).integer();
        slot.and_then(|slot| u16::try_from(slot).ok()).expect("a slot")
    }

    /// The primary that has this slot.
    pub fn owner_of(&self, slot: u16) -> &Node {
        eventually("the slot has an owner", || {
            let owns = |node: &&Node| {
                let line = myself(node);
                line.is_ok_and(|line| line.primary.is_none() && line.has(slot))
            };
            self.running().find(owns).ok_or_else(|| format!("none of the nodes has {slot}"))
        })
    }

    /// A running replica of this primary.
    pub fn replica_of(&self, primary: &Node) -> &Node {
        eventually("the primary has a replica", || {
            let id = id(primary)?;
            let follows = |node: &&Node| {
                myself(node).is_ok_and(|line| line.primary.as_deref() == Some(id.as_str()))
            };
            self.running().find(follows).ok_or_else(|| "none follows".to_owned())
        })
    }

    /// Makes the replica of the slot's owner its owner, in good order, and waits until all know it.
    pub fn failover(&self, slot: u16) {
        let replica = self.replica_of(self.owner_of(slot));
        replica.admin(&["CLUSTER", "FAILOVER"]);
        self.wait_for_owner(slot, replica);
        self.wait_until_agreed();
    }

    /// Waits until the slot is owned by this node.
    pub fn wait_for_owner(&self, slot: u16, owner: &Node) {
        eventually("the slot changes its owner", || {
            let is = self.owner_of(slot).port();
            that(is == owner.port(), || format!("it is still {is}"))
        });
    }

    /// Begins to move a slot: its owner says `ASK` for what it has not any more.
    pub fn begin_move(&self, slot: u16, to: &Node) {
        let from = self.owner_of(slot);
        let (from_id, to_id) = (must(id(from)), must(id(to)));
        let slot = slot.to_string();
        to.admin(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
        from.admin(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    }

    /// Moves the entries of a slot that began to move.
    pub fn move_entries(&self, slot: u16, to: &Node) {
        let from = self.owner_of(slot);
        loop {
            let keys = from.admin(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "100"]);
            if keys.array().is_empty() {
                return;
            }
            let port = to.port().to_string();
            let mut command: Vec<Vec<u8>> =
                ["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "AUTH2", ADMIN, ADMIN_PASSWORD]
                    .map(Into::into)
                    .into();
            command.push("KEYS".into());
            command.extend(keys.array().iter().map(|key| match key {
                Reply::Text(key) => key.clone(),
                other => other.text().into_bytes(),
            }));
            from.admin(&command);
        }
    }

    /// Ends the move of a slot: the old owner says `MOVED` from now on.
    pub fn finish_move(&self, slot: u16, to: &Node) {
        let to_id = must(id(to));
        let from = self.owner_of(slot);
        let primaries = self.running().filter(|node| {
            node.port() != to.port() && myself(node).is_ok_and(|line| line.primary.is_none())
        });
        // The new owner first: else there is a moment when no node has the slot.
        for node in [to, from].into_iter().chain(primaries) {
            node.admin(&["CLUSTER", "SETSLOT", &slot.to_string(), "NODE", &to_id]);
        }
        self.wait_for_owner(slot, to);
        self.wait_until_agreed();
    }

    /// Moves a slot with its entries.
    pub fn move_slot(&self, slot: u16, to: &Node) {
        self.begin_move(slot, to);
        self.move_entries(slot, to);
        self.finish_move(slot, to);
    }
}

fn must<T>(result: Result<T, String>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn id(node: &Node) -> Result<String, String> {
    Ok(node.try_admin(&["CLUSTER", "MYID"])?.text())
}

/// A line of `CLUSTER NODES`.
struct Line {
    id: String,
    flags: String,
    /// The primary that it follows.
    primary: Option<String>,
    slots: Vec<(u16, u16)>,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let parts: Vec<_> = line.split_whitespace().collect();
        let [id, _, flags, primary, _, _, _, _, slots @ ..] = parts.as_slice() else {
            return None;
        };
        let range = |text: &&str| {
            // Slots on the move stand in brackets.
            let (from, to) = text.split_once('-').unwrap_or((text, text));
            Some((from.parse().ok()?, to.parse().ok()?))
        };
        Some(Self {
            id: (*id).to_owned(),
            flags: (*flags).to_owned(),
            primary: (*primary != "-").then(|| (*primary).to_owned()),
            slots: slots.iter().filter_map(range).collect(),
        })
    }

    fn has(&self, slot: u16) -> bool {
        self.slots.iter().any(|(from, to)| (*from..=*to).contains(&slot))
    }
}

fn lines(node: &Node) -> Result<Vec<Line>, String> {
    let text = node.try_admin(&["CLUSTER", "NODES"])?.text();
    Ok(text.lines().filter_map(Line::parse).collect())
}

fn myself(node: &Node) -> Result<Line, String> {
    let own = lines(node)?.into_iter().find(|line| line.flags.contains("myself"));
    own.ok_or_else(|| "it does not know itself".to_owned())
}
