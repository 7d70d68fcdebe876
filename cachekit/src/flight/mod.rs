//! Single-flight: one running fill per key in the process; other callers of the key wait for it.
//!
//! A *flight* is a running fill. The store ([`crate::store`]) lists them, together with the entries that they
//! replace. This module has what their waiters need: their wakers, their patience, and the graph of which run
//! waits for which.

pub(crate) mod pulse;
mod wait;
pub(crate) mod wait_graph;

pub(crate) use wait::{Landing, Until, Wait};

/// Identifies a flight by a number that is unique in the process: its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlightId(pub(crate) u64);

impl FlightId {
    /// None: tickets begin at 1.
    const NONE: Self = Self(0);
}

/// Why a leader consults the shared tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A call found nothing here.
    Fill,
    /// So did this one, while another leads the same key: it must not wait for what that one holds.
    Alone,
    /// The function runs whatever is cached.
    Forced,
    /// A stale value is being replaced, and no caller waits for it.
    Refresh,
}
