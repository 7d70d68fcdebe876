//! When quiet connections are checked and closed.

use std::time::Duration;

/// How long connections may be quiet.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive {
    /// How often a connection in use is pinged.
    pub(super) ping_interval: Duration,
    /// How long the peer may take to answer a ping.
    pub(super) ping_timeout: Duration,
    /// How long it may take after the connection was idle for more than an interval. Routers forget
    /// idle connections silently, and the first request on one must still have time for another
    /// connection.
    pub(super) wake_timeout: Duration,
    /// A connection that no request has used for this long is closed.
    pub(super) idle_timeout: Duration,
}

impl KeepAlive {
    pub(super) const DEFAULT: Self = Self {
        ping_interval: Duration::from_secs(30),
        ping_timeout: Duration::from_secs(10),
        wake_timeout: Duration::from_secs(2),
        // The service's edge closes idle connections after 400 seconds.
        idle_timeout: Duration::from_secs(390),
    };
}
