//! How alive a connection is: what runs on it, and when something last moved.

use crate::limits::Limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

/// One connection's progress, shared by its requests.
pub(crate) struct Pulse {
    opened: Instant,
    running: AtomicUsize,
    served: AtomicU64,
    /// Milliseconds after `opened`.
    moved: AtomicU64,
}

/// What is to happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Look again after this long.
    Fine(Duration),
    /// Nothing runs and nothing came for too long: close it in an orderly way.
    Idle,
    /// Something runs, and nothing moved for too long: cut it.
    Stalled,
}

impl Pulse {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            running: AtomicUsize::new(0),
            served: AtomicU64::new(0),
            moved: AtomicU64::new(0),
        })
    }

    /// Something was received or sent.
    pub(crate) fn beat(&self) {
        let millis = self.opened.elapsed().as_millis();
        self.moved.fetch_max(u64::try_from(millis).unwrap_or(u64::MAX), Relaxed);
    }

    /// A request begins; it runs until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.beat();
        self.running.fetch_add(1, Relaxed);
        self.served.fetch_add(1, Relaxed);
        InFlight(Arc::clone(self))
    }

    pub(crate) fn verdict(&self, limits: &Limits) -> Verdict {
        let (allowed, late) = if self.running.load(Relaxed) > 0 {
            (limits.stall_timeout, Verdict::Stalled)
        } else if self.served.load(Relaxed) == 0 {
            (limits.header_timeout, Verdict::Stalled)
        } else {
            (limits.idle_timeout, Verdict::Idle)
        };
        let quiet =
            self.opened.elapsed().saturating_sub(Duration::from_millis(self.moved.load(Relaxed)));
        match allowed.checked_sub(quiet) {
            // What is allowed changes with every request: look again before a stall could last too long.
            Some(left) if !left.is_zero() => Verdict::Fine(left.min(limits.stall_timeout)),
            _ => late,
        }
    }
}

/// A request that runs.
pub(crate) struct InFlight(Arc<Pulse>);

impl InFlight {
    pub(crate) fn beat(&self) {
        self.0.beat();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
        self.0.beat();
    }
}
