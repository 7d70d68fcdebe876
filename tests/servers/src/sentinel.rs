//! A primary, its replicas, and the sentinels that watch them.

use crate::certificates::Certificates;
use crate::node::{ADMIN, ADMIN_PASSWORD, Node};
use crate::options::NodeOptions;
use crate::resp::Reply;
use crate::wait::{eventually, that};
use std::path::PathBuf;

/// The name that the sentinels know the group by.
const NAME: &str = "main";

/// A primary with two replicas, watched by three sentinels, which notice soon when it is gone.
#[derive(Debug)]
pub struct SentinelGroup {
    // First, so that they do not see the nodes end.
    sentinels: Vec<Node>,
    nodes: Vec<Node>,
}

impl SentinelGroup {
    /// A group without passwords.
    pub fn start() -> Self {
        Self::start_with(NodeOptions::new(), NodeOptions::new())
    }

    /// A group of nodes that are set up like this, and sentinels like that. With TLS, which is for both or for none,
    /// they have their authority in common.
    pub fn start_with(node: NodeOptions, sentinel: NodeOptions) -> Self {
        assert_eq!(node.tls, sentinel.tls, "sentinels speak TLS if the nodes do");
        let certificates = node.tls.then(Certificates::of_group);
        let node = node.in_group(certificates.as_ref());
        let sentinel = sentinel.in_group(certificates.as_ref());
        let primary = node.start();
        let replica = node.config(&format!("replicaof 127.0.0.1 {}", primary.port()));
        let port = primary.port();
        let replicas = [(); 2].map(|()| Node::spawn(&replica, false));
        let nodes: Vec<_> = [primary].into_iter().chain(replicas).collect();
        for replica in &nodes[1..] {
            replica.wait_until_ready();
            eventually("the replica follows", || replica.follows(port));
        }
        let options = sentinel
            .config(&format!("sentinel monitor {NAME} 127.0.0.1 {port} 2"))
            .config(&format!("sentinel auth-user {NAME} {ADMIN}"))
            .config(&format!("sentinel auth-pass {NAME} {ADMIN_PASSWORD}"))
            .config(&format!("sentinel sentinel-user {ADMIN}"))
            .config(&format!("sentinel sentinel-pass {ADMIN_PASSWORD}"))
            .config(&format!("sentinel down-after-milliseconds {NAME} 1000"))
            .config(&format!("sentinel failover-timeout {NAME} 5000"))
            .config(&format!("sentinel parallel-syncs {NAME} 2"));
        let sentinels = [(); 3].map(|()| Node::spawn(&options, true)).into();
        let group = Self { sentinels, nodes };
        for sentinel in &group.sentinels {
            sentinel.wait_until_ready();
        }
        group.wait_until_agreed();
        group
    }

    /// The name that the sentinels know the group by.
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// The primary and the replicas, in no order that stays.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The sentinels.
    pub fn sentinels(&self) -> &[Node] {
        &self.sentinels
    }

    /// The sentinels' `host:port`, separated by commas.
    pub fn addresses(&self) -> String {
        let addresses: Vec<_> = self.sentinels.iter().map(Node::address).collect();
        addresses.join(",")
    }

    /// The authority to trust, in a file, with TLS.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.nodes.first().and_then(Node::ca_file)
    }

    /// The primary, as the first sentinel that answers knows it.
    pub fn primary(&self) -> &Node {
        eventually("a sentinel knows the primary", || {
            let port = self
                .sentinels
                .iter()
                .find_map(|sentinel| primary_known_to(sentinel).ok())
                .ok_or("no sentinel answers")?;
            self.nodes
                .iter()
                .find(|node| node.port() == port)
                .ok_or_else(|| format!("no node has the port {port}"))
        })
    }

    /// Makes a replica the primary, in good order, and waits until all know and follow it.
    pub fn failover(&self) {
        let before = self.primary().port();
        eventually("a sentinel starts the failover", || {
            self.sentinels[0].try_admin(&["SENTINEL", "FAILOVER", NAME])
        });
        self.wait_for_other_primary(before);
        self.wait_until_agreed();
    }

    /// Waits until the sentinels know a primary that is not at this port, and it takes writes.
    pub fn wait_for_other_primary(&self, before: u16) -> &Node {
        eventually("another primary", || {
            for sentinel in self.sentinels.iter().filter(|sentinel| sentinel.is_running()) {
                let now = primary_known_to(sentinel)?;
                that(now != before, || format!("{} knows the old one", sentinel.address()))?;
            }
            let role = self.primary().try_admin(&["ROLE"])?;
            let role = role.array().first().map(Reply::text).unwrap_or_default();
            that(role == "master", || format!("the new one is still a {role}"))
        });
        self.primary()
    }

    /// Waits until every running node follows the primary and every sentinel knows all of them.
    pub fn wait_until_agreed(&self) {
        eventually("the sentinels and nodes agree", || {
            let primary = self.primary().port();
            let running = |node: &&Node| node.is_running();
            let others = self.nodes.iter().filter(running).filter(|node| node.port() != primary);
            for node in others {
                node.follows(primary)?;
            }
            let watching = self.sentinels.iter().filter(running).count();
            for sentinel in self.sentinels.iter().filter(running) {
                let state = sentinel.try_admin(&["SENTINEL", "MASTER", NAME])?;
                let value = |name: &str| {
                    let pairs = state.array().chunks(2);
                    let found = pairs.into_iter().find(|pair| pair[0].text() == name);
                    found.and_then(|pair| pair.get(1)).map(Reply::text).unwrap_or_default()
                };
                let knows = ["port", "num-slaves", "flags"].map(value);
                let wanted = [primary.to_string(), "2".to_owned(), "master".to_owned()];
                let others: usize = value("num-other-sentinels").parse().unwrap_or_default();
                that(knows == wanted && others + 1 >= watching, || {
                    format!("{} knows {knows:?} and {others} sentinels", sentinel.address())
                })?;
            }
            Ok(())
        });
    }
}

fn primary_known_to(sentinel: &Node) -> Result<u16, String> {
    let address = sentinel.try_admin(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME])?;
    let port = address.array().get(1).map(Reply::text).unwrap_or_default();
    port.parse().map_err(|_| "no port".to_owned())
}
