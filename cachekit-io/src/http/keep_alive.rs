//! When quiet connections are looked after.

use std::time::Duration;

/// How long connections may be quiet.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive {
    /// A connection in use is asked this often whether it is alive.
    pub(super) ping_interval: Duration,
    /// How long it has for the answer.
    pub(super) ping_timeout: Duration,
    /// How long it has after an idle time of more than an interval. Routers forget idle connections
    /// without a word, and the request that wakes one up shall still have time for another.
    pub(super) wake_timeout: Duration,
    /// A connection that no request uses for so long is closed.
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
