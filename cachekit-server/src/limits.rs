//! What the server allows, and how long it waits.

use crate::unread::{TooFew, Windows};
use cachekit_io::wire::limits::MAX_VALUE_BYTES;
use std::time::Duration;

/// Limits of connections, requests and times. Every field has a default that suits production.
///
/// # Example
///
/// ```
/// let mut limits = cachekit_server::Limits::default();
/// limits.max_connections = 64;
/// assert_eq!(limits.max_value_bytes, 25 * 1024 * 1024);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Connections open at the same time; 0 counts as 1. For one more, the connection that has been idle for longest is
    /// closed; without an idle one it waits.
    pub max_connections: usize,
    /// Connections on which requests of one tenant run at the same time; a request on one more is answered
    /// `429`. Without it: three quarters of [`max_connections`](Self::max_connections).
    pub max_connections_per_tenant: Option<usize>,
    /// Connections of one peer address (of IPv6, of its /64 network). For one more, that address's
    /// connection that has been idle for longest is closed; without an idle one it is refused. Without it:
    /// half of [`max_connections`](Self::max_connections), and loopback addresses have no limit, since a
    /// proxy may stand there.
    pub max_connections_per_address: Option<usize>,
    /// Requests running at the same time on one HTTP/2 connection.
    pub max_streams: u32,
    /// All header lines of one request, in bytes.
    pub max_header_bytes: u32,
    /// The largest value, in bytes; larger ones are answered `413`.
    pub max_value_bytes: usize,
    /// What all bodies that are being received may take together, in bytes; beyond it, `503`.
    pub max_receiving_bytes: usize,
    /// What the bodies of one tenant may take of that; beyond it, `429`. A body that is the tenant's only
    /// one is bounded by the whole alone. Without it: a quarter of the whole.
    pub max_receiving_bytes_per_tenant: Option<usize>,
    /// What peers may have sent over all HTTP/2 connections together that no request has read yet, in bytes: the sum of the
    /// windows of the connections. The 64 KiB that each has by RFC 9113 §6.9.2 are set aside for twice
    /// [`max_connections`](Self::max_connections), since as many may be closing. A connection gets a part of what is left,
    /// up to 4 MiB. Without it: 256 MiB, or twice what is set aside if that is more. With less than what is set aside the
    /// server does not start.
    pub max_unread_bytes: Option<usize>,
    /// How many bytes all answers together may hold that their peers have not received yet. Further answers wait, and
    /// their values are loaded once there is space. A single value always fits.
    pub max_sending_bytes: usize,
    /// What the answers to one tenant may hold of that. Without it: a quarter of the whole.
    pub max_sending_bytes_per_tenant: Option<usize>,
    /// What the answers on one connection may hold of that.
    pub max_sending_bytes_per_connection: usize,
    /// Leases of one tenant; beyond it, `429`.
    pub max_locks_per_tenant: usize,
    /// From the accepted connection to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// For the head of a request on HTTP/1.1, for the first request on any connection, and between the
    /// requests of a connection that has shown no valid API key yet.
    pub header_timeout: Duration,
    /// For a request's body; each [`min_body_rate`](Self::min_body_rate) bytes received add a second.
    pub body_timeout: Duration,
    /// Bytes per second; see [`body_timeout`](Self::body_timeout).
    pub min_body_rate: usize,
    /// After this long without a request, a connection that has shown a valid API key is closed.
    pub idle_timeout: Duration,
    /// After this long without any progress of its requests, a connection is cut. While answers wait for
    /// the peer, progress is what the peer takes of them; new requests do not count.
    pub stall_timeout: Duration,
    /// Bytes per second: while answers wait for the peer, this much taken of them makes up for a second of
    /// [`stall_timeout`](Self::stall_timeout). A peer that takes less is cut.
    pub min_answer_rate: usize,
    /// How often a quiet HTTP/2 connection is pinged.
    pub keep_alive_interval: Duration,
    /// How long the answer to a ping may take before the connection is cut.
    pub keep_alive_timeout: Duration,
    /// How many streams a peer may have reset before they were accepted; one more is an attack, and
    /// the connection is closed.
    pub max_pending_reset_streams: usize,
    /// How many streams the server may have reset for errors of the peer before it closes the connection.
    pub max_local_reset_streams: usize,
    /// How long a server that shuts down is not ready and still accepts connections: the load balancer has to
    /// notice. Zero by default.
    pub drain_delay: Duration,
    /// After that: how long running requests may take until they are cut.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_connections_per_tenant: None,
            max_connections_per_address: None,
            max_streams: 1000,
            max_header_bytes: 16 * 1024,
            max_value_bytes: MAX_VALUE_BYTES,
            max_receiving_bytes: 512 * 1024 * 1024,
            max_receiving_bytes_per_tenant: None,
            max_unread_bytes: None,
            max_sending_bytes: 512 * 1024 * 1024,
            max_sending_bytes_per_tenant: None,
            max_sending_bytes_per_connection: 64 * 1024 * 1024,
            max_locks_per_tenant: 100_000,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(20),
            min_body_rate: 64 * 1024,
            // Published clients give an idle connection up after 390 s: theirs has to be the first move.
            idle_timeout: Duration::from_secs(400),
            stall_timeout: Duration::from_secs(60),
            min_answer_rate: 16 * 1024,
            keep_alive_interval: Duration::from_secs(60),
            keep_alive_timeout: Duration::from_secs(20),
            // A client that gives up on a burst of requests resets them all at once.
            max_pending_reset_streams: 200,
            max_local_reset_streams: 1024,
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// How many connections there may be: one at least, as a server without any serves nothing.
    pub(crate) fn connections(&self) -> usize {
        self.max_connections.max(1)
    }

    /// The windows of connections, if the bound leaves each connection what the protocol gives it.
    pub(crate) fn windows(&self) -> Result<Windows, TooFew> {
        // As many may be closing.
        let connections = self.connections().saturating_mul(2);
        Windows::new(self.max_unread_bytes, connections)
    }

    /// What one tenant may do of what all may do.
    pub(crate) fn shares(&self) -> Shares {
        let (connections, receiving, sending) =
            (self.connections(), self.max_receiving_bytes, self.max_sending_bytes);
        let share = |stated: Option<usize>, usual: usize| stated.unwrap_or(usual).max(1);
        Shares {
            connections: share(self.max_connections_per_tenant, connections - connections / 4),
            receiving: share(self.max_receiving_bytes_per_tenant, receiving / 4),
            sending: share(self.max_sending_bytes_per_tenant, sending / 4),
        }
    }
}

/// The part of the limits that one tenant may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    pub(crate) connections: usize,
    pub(crate) receiving: usize,
    pub(crate) sending: usize,
}
