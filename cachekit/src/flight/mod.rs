//! Single-flight: one running fill per key in the process; other callers that ask for the key wait for it.
//!
//! A *flight* is a running fill. Which there are stands in the store ([`crate::store`]), beside the entries that they
//! replace; here is what its waiters need: their places, their patience, and the graph of which run waits for which.

pub(crate) mod pulse;
mod wait;
pub(crate) mod wait_graph;

pub(crate) use wait::{Failure, Landing, Wait, Waited, Wakers};

/// Identifies a flight, by a number that no other of the process has, before or after: its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlightId(pub(crate) u64);

impl FlightId {
    /// None: tickets begin at 1.
    const NONE: Self = Self(0);
}

/// Why a leader asks the shared tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A call found nothing here.
    Fill,
    /// So did this one, and beside another of its key: it must not wait for what that one holds.
    Alone,
    /// The function is to run whatever is cached.
    Forced,
    /// A stale value is being replaced, and no caller waits for it.
    Refresh,
}
