//! The properties of a new entry, and those that few entries have: a weight, an expiry that moves, a fate in the
//! shared tier.

use std::sync::Arc;

use super::Fate;
use crate::clock::{NEVER, Ticks};
use crate::sync::atomic::{AtomicU64, Ordering};

/// `expires` of an entry whose expiry can change: the expiry is in [`Extra`].
pub(super) const MOVES: Ticks = 0;

/// The properties of a new entry, beyond its key and its value.
pub(crate) struct Plan {
    pub(crate) expires: Ticks,
    /// How long after that it may be served while it is refreshed.
    pub(crate) window: Ticks,
    pub(crate) weight: u64,
    /// How long it stays fresh after a use, up to `expires`; `NEVER`: uses change nothing.
    pub(crate) idle: Ticks,
    /// The current time, if it has an idle limit.
    pub(crate) now: Ticks,
    /// When the cache's rules end it, which may change; `None`: there are no rules.
    pub(crate) ruled: Option<Ticks>,
    /// It is a `None` or an error. Only counters distinguish it from a value.
    pub(crate) negative: bool,
    pub(crate) fate: Option<Arc<Fate>>,
}

impl Plan {
    /// An entry with this expiry, and nothing else.
    #[inline]
    pub(crate) fn until(expires: Ticks) -> Self {
        Self {
            expires,
            window: 0,
            weight: 1,
            idle: NEVER,
            now: 0,
            ruled: None,
            negative: false,
            fate: None,
        }
    }

    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        let Self { window, weight, idle, ruled, fate, expires: _, now: _, negative: _ } = self;
        *window == 0 && *weight <= 1 && *idle == NEVER && ruled.is_none() && fate.is_none()
    }
}

/// What an entry may have beyond a value and an expiry.
pub(super) struct Extra {
    pub(super) weight: u64,
    /// Until when it may be served while it is refreshed; 0: no longer than it is fresh.
    pub(super) stale_until: Ticks,
    /// From when on a stale hit may start a refresh; `NEVER` while one is running.
    pub(super) refresh_from: AtomicU64,
    /// If the expiry can change, the entry stops being fresh at the earliest of three moments: it was unused for this
    /// long (`NEVER`: uses change nothing),
    pub(super) idle: Ticks,
    pub(super) unused: AtomicU64,
    /// the cache's rules end it (`NEVER`: it has none, or they do not),
    pub(super) ruled: AtomicU64,
    pub(super) is_ruled: bool,
    /// or its TTL is over in any case.
    pub(super) most: Ticks,
    /// What may kill it besides this process.
    pub(super) fate: Option<Arc<Fate>>,
}

impl Extra {
    #[cold]
    pub(super) fn new(expires: &mut Ticks, plan: Plan) -> Self {
        let idles = plan.idle != NEVER;
        let most = *expires;
        let stale_until = match (plan.window, *expires) {
            (0, _) | (_, NEVER) => 0,
            (window, expires) => expires.saturating_add(window),
        };
        if idles || plan.ruled.is_some() {
            *expires = MOVES;
        }
        Self {
            // Zero would exempt the entry from eviction.
            weight: plan.weight.max(1),
            stale_until,
            refresh_from: AtomicU64::new(0),
            idle: plan.idle,
            unused: AtomicU64::new(plan.now.saturating_add(plan.idle)),
            is_ruled: plan.ruled.is_some(),
            ruled: AtomicU64::new(plan.ruled.unwrap_or(NEVER)),
            most,
            fate: plan.fate,
        }
    }

    pub(super) fn expires(&self) -> Ticks {
        let (unused, ruled) = (&self.unused, &self.ruled);
        self.most.min(unused.load(Ordering::Relaxed)).min(ruled.load(Ordering::Relaxed))
    }

    pub(super) fn used(&self, now: Ticks) -> bool {
        if self.expires() <= now {
            return false;
        }
        // The clock is coarse: of many uses at one tick, only the first writes.
        let later = now.saturating_add(self.idle);
        if later > self.unused.load(Ordering::Relaxed) {
            self.unused.fetch_max(later, Ordering::Relaxed);
        }
        true
    }
}
