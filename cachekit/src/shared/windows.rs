//! How long an entry of the shared tier may be served, and as what.
//!
//! Three sources decide: the writer, by the header of the value; the backend, by what it calls stale and how long it
//! vouches for a value; and the reader, by the attribute of its function. The shortest duration counts.

use std::time::Duration;

use super::encoding::millis;
use crate::clock::{self, NEVER, Ticks};
use crate::format::frame::Frame;
use crate::read_through::behind::Use;

/// What the three say about one entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The writer's: fresh for this many milliseconds; 0 means no expiry.
    pub(crate) fresh_ms: u64,
    /// The writer's: then stale for this many; 0 means not at all.
    pub(crate) stale_ms: u64,
    pub(crate) age_ms: u64,
    pub(crate) weight: u64,
    /// The backend's: whether it is stale by its clock.
    pub(crate) is_fresh: bool,
    /// The backend's: it vouches for no more than this.
    pub(crate) fresh_for: Option<Duration>,
    /// The reader's stale window.
    pub(crate) window: Ticks,
}

impl Times {
    pub(crate) fn of(
        frame: &Frame<'_>,
        found: &cachekit_io::Fetched,
        window: Ticks,
        now_ms: u64,
    ) -> Self {
        Self {
            fresh_ms: frame.fresh_ms,
            stale_ms: frame.stale_ms,
            age_ms: frame.age(now_ms),
            weight: frame.weight,
            is_fresh: found.is_fresh(),
            fresh_for: found.fresh_for(),
            window,
        }
    }

    /// `None`: it has expired.
    pub(crate) fn judge(&self) -> Option<Use> {
        let remaining = self.left().min(self.vouched());
        let window = self.window();
        if remaining > 0 {
            // A copy whose freshness the backend bounds is not kept beyond that bound.
            let window = if self.fresh_for.is_none() { window } else { 0 };
            return Some(Use::Fresh { remaining, window, weight: self.weight });
        }
        let window_ms = self.stale_ms.min(millis(self.window));
        let end = self.fresh_ms.saturating_add(window_ms);
        (window_ms > 0 && self.age_ms < end).then_some(Use::Stale)
    }

    /// How long it is fresh according to the writer.
    fn left(&self) -> Ticks {
        match self.fresh_ms {
            0 => NEVER,
            fresh_ms => clock::ticks(Duration::from_millis(fresh_ms.saturating_sub(self.age_ms))),
        }
    }

    /// How long the backend vouches for it.
    fn vouched(&self) -> Ticks {
        if self.is_fresh { clock::span(self.fresh_for) } else { 0 }
    }

    /// The writer's window and the reader's: the shorter one.
    fn window(&self) -> Ticks {
        self.window.min(clock::ticks(Duration::from_millis(self.stale_ms)))
    }
}
