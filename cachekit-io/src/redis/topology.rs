//! Which server handles a request.

use super::address::{Address, Shape};
use super::cluster::Cluster;
use super::connection::Connection;
use super::dial::Dialer;
use super::failure::Failure;
use super::node::Node;
use super::sentinel::Sentinel;
use std::sync::Arc;

/// The servers, and how they are organized.
pub(super) enum Topology {
    Single(Arc<Node>),
    Sentinel(Arc<Sentinel>),
    Cluster(Arc<Cluster>),
}

impl Topology {
    pub(super) fn new(shape: Shape, servers: Arc<Dialer>, sentinels: &Arc<Dialer>) -> Self {
        match shape {
            Shape::Single(address) => Self::Single(Node::new(address, servers)),
            Shape::Sentinel { sentinels: addresses, group } => {
                Self::Sentinel(Sentinel::new(addresses, group, servers, sentinels))
            }
            Shape::Cluster(seeds) => Self::Cluster(Cluster::new(seeds, servers)),
        }
    }

    /// For logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Single(_) => "single",
            Self::Sentinel(_) => "sentinel",
            Self::Cluster(_) => "cluster",
        }
    }

    /// Whether another server takes over when one fails, so that waiting helps.
    pub(super) fn is_group(&self) -> bool {
        !matches!(self, Self::Single(_))
    }

    /// The primary of a slot.
    pub(super) async fn node(&self, slot: u16) -> Result<Arc<Node>, Failure> {
        match self {
            Self::Single(node) => Ok(Arc::clone(node)),
            Self::Sentinel(sentinel) => sentinel.primary().await,
            Self::Cluster(cluster) => cluster.owner(slot).await,
        }
    }

    /// The same if it is known.
    pub(super) fn known_node(&self, slot: u16) -> Option<Arc<Node>> {
        match self {
            Self::Single(node) => Some(Arc::clone(node)),
            Self::Sentinel(sentinel) => sentinel.known_primary(),
            Self::Cluster(cluster) => cluster.known_owner(slot),
        }
    }

    /// A connection to the primary of a slot, if one is open and no server must be queried for it; and the server, if
    /// it [may be doubted](Self::doubt).
    pub(super) fn link_at_once(&self, slot: u16) -> Option<(Option<Arc<Node>>, Arc<Connection>)> {
        let node = match self {
            Self::Single(node) => return Some((None, node.link_at_once()?)),
            Self::Sentinel(sentinel) => sentinel.known_primary()?,
            Self::Cluster(cluster) => cluster.known_owner(slot)?,
        };
        let connection = node.link_at_once()?;
        Some((Some(node), connection))
    }

    /// All primaries that are known.
    pub(super) async fn primaries(&self) -> Result<Vec<Arc<Node>>, Failure> {
        match self {
            Self::Single(node) => Ok(vec![Arc::clone(node)]),
            Self::Sentinel(sentinel) => Ok(vec![sentinel.primary().await?]),
            Self::Cluster(cluster) => cluster.primaries().await,
        }
    }

    /// The Cluster, if it is one.
    pub(super) fn cluster(&self) -> Option<&Arc<Cluster>> {
        match self {
            Self::Cluster(cluster) => Some(cluster),
            _ => None,
        }
    }

    /// The node of a redirect.
    pub(super) fn at(&self, address: &Address) -> Option<Arc<Node>> {
        match self {
            Self::Cluster(cluster) => Some(cluster.at(address)),
            _ => None,
        }
    }

    /// A slot has moved to another node.
    pub(super) fn moved(&self, slot: u16, to: &Address) {
        if let Self::Cluster(cluster) = self {
            cluster.moved(slot, to);
        }
    }

    /// This server does not have, or may not have, its assumed role. With `waits`, the others have been queried
    /// when this returns.
    pub(super) async fn doubt(&self, node: Option<&Arc<Node>>, waits: bool) {
        match self {
            Self::Single(_) => {}
            Self::Sentinel(sentinel) => {
                if let Some(node) = node {
                    sentinel.forget(node);
                }
            }
            Self::Cluster(cluster) if waits => cluster.refresh().await,
            Self::Cluster(cluster) => cluster.begin_refresh(),
        }
    }
}
