//! What the server allows, and how long it waits.

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
    /// Connections open at the same time; further ones wait in the listener's backlog.
    pub max_connections: usize,
    /// Requests running at the same time on one HTTP/2 connection.
    pub max_streams: u32,
    /// All header lines of one request, in bytes.
    pub max_header_bytes: u32,
    /// The largest value, in bytes; larger ones are answered `413`.
    pub max_value_bytes: usize,
    /// What all bodies that are being received may take together, in bytes; beyond it, `503`.
    pub max_receiving_bytes: usize,
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
    /// After this long without any progress of its requests, a connection is cut.
    pub stall_timeout: Duration,
    /// How often a quiet HTTP/2 connection is pinged.
    pub keep_alive_interval: Duration,
    /// How long the answer to a ping may take before the connection is cut.
    pub keep_alive_timeout: Duration,
    /// How many streams a peer may have reset before they were accepted; one more is an attack, and
    /// the connection is closed.
    pub max_pending_reset_streams: usize,
    /// How many streams the server may have reset for errors of the peer before it closes the connection.
    pub max_local_reset_streams: usize,
    /// After a shutdown began: how long running requests may take until they are cut.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_streams: 1000,
            max_header_bytes: 16 * 1024,
            max_value_bytes: MAX_VALUE_BYTES,
            max_receiving_bytes: 512 * 1024 * 1024,
            max_locks_per_tenant: 100_000,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(20),
            min_body_rate: 64 * 1024,
            // Published clients give an idle connection up after 390 s: theirs has to be the first move.
            idle_timeout: Duration::from_secs(400),
            stall_timeout: Duration::from_secs(60),
            keep_alive_interval: Duration::from_secs(60),
            keep_alive_timeout: Duration::from_secs(20),
            // A client that gives up on a burst of requests resets them all at once.
            max_pending_reset_streams: 200,
            max_local_reset_streams: 1024,
            drain_timeout: Duration::from_secs(30),
        }
    }
}
