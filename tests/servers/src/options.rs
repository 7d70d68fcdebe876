//! How a node is set up.

use crate::{Certificates, Node};
use std::fmt::Write;
use std::sync::Arc;

/// How a [`Node`] is set up; start it with [`start`](Self::start).
///
/// By default it listens on a port of 127.0.0.1 without TLS and without a password, keeps nothing on
/// disk, and takes as much memory as it wants.
#[derive(Clone, Debug, Default)]
pub struct NodeOptions {
    pub(crate) tls: bool,
    /// Those of a group, whose members have to trust each other.
    pub(crate) certificates: Option<Arc<Certificates>>,
    lines: Vec<String>,
}

impl NodeOptions {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// TLS, with a certificate by an authority made for this node or its group, instead of a plain port. Servers of a
    /// group talk TLS to each other as well.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// The same certificates for all nodes that are started with these options, if they speak TLS.
    pub(crate) fn in_group(mut self, certificates: Option<&Arc<Certificates>>) -> Self {
        let Some(certificates) = certificates else { return self };
        self.certificates = Some(Arc::clone(certificates));
        self.tls().config("tls-replication yes")
    }

    /// The password of the user `default`.
    pub fn password(self, password: &str) -> Self {
        self.config(&format!("requirepass {password}"))
    }

    /// A user with a password, and what it may do, as in `ACL SETUSER`: `~* +@all -client|tracking`.
    pub fn user(self, name: &str, password: &str, rules: &str) -> Self {
        self.config(&format!("user {name} on >{password} {rules}"))
    }

    /// At most so much memory: `2mb`. Without a policy for eviction, writes are refused beyond it.
    pub fn maxmemory(self, limit: &str) -> Self {
        self.config(&format!("maxmemory {limit}"))
    }

    /// Writes are kept on disk, so that they are there after a restart.
    pub fn persistent(self) -> Self {
        self.config("appendonly yes").config("appendfsync always")
    }

    /// A line for the server's configuration file; later ones win.
    pub fn config(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Starts the node and waits until it is ready.
    pub fn start(&self) -> Node {
        let node = Node::spawn(self, false);
        node.wait_until_ready();
        node
    }

    pub(crate) fn write_to(&self, text: &mut String) {
        for line in &self.lines {
            writeln!(text, "{line}").expect("text grows");
        }
    }
}
