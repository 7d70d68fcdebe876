//! The locks of one shard.

use std::collections::HashMap;
use std::time::Duration;

/// Fewer leases than this are never searched for expired ones.
const FIRST_SWEEP: usize = 64;

/// The holders of locks, and their expiries.
#[derive(Default)]
pub(super) struct Leases {
    by_key: HashMap<Box<str>, Lease>,
    sweep_at: usize,
}

struct Lease {
    holder: u64,
    /// `None` means no expiry.
    until: Option<Duration>,
    /// Whether a write without this lock, or a delete, happened since the lock was acquired.
    overtaken: bool,
}

impl Lease {
    fn is_held(&self, now: Duration) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Leases {
    /// Gives the lock to `holder` unless it is held.
    pub(super) fn try_acquire(
        &mut self,
        key: &str,
        lease: Duration,
        now: Duration,
        holder: u64,
    ) -> bool {
        if self.by_key.get(key).is_some_and(|held| held.is_held(now)) {
            return false;
        }
        self.sweep(now);
        self.by_key
            .insert(key.into(), Lease { holder, until: now.checked_add(lease), overtaken: false });
        true
    }

    /// Releases the lock of `holder`; `false` if it does not hold it.
    pub(super) fn release(&mut self, key: &str, now: Duration, holder: u64) -> bool {
        let holds =
            self.by_key.get(key).is_some_and(|lease| lease.holder == holder && lease.is_held(now));
        if holds {
            self.by_key.remove(key);
        }
        holds
    }

    /// Whether `holder` may still store what it computed under the lock.
    pub(super) fn may_write(&self, key: &str, now: Duration, holder: u64) -> bool {
        self.by_key
            .get(key)
            .is_some_and(|lease| lease.holder == holder && lease.is_held(now) && !lease.overtaken)
    }

    /// Records a write or delete of a key by a caller that does not hold its lock.
    pub(super) fn overtake(&mut self, key: &str) {
        if let Some(lease) = self.by_key.get_mut(key) {
            lease.overtaken = true;
        }
    }

    /// Records that all keys were deleted.
    pub(super) fn overtake_all(&mut self) {
        for lease in self.by_key.values_mut() {
            lease.overtaken = true;
        }
    }

    /// Drops expired leases, each time the number of leases has doubled since the last time.
    fn sweep(&mut self, now: Duration) {
        if self.by_key.len() >= self.sweep_at.max(FIRST_SWEEP) {
            self.by_key.retain(|_, lease| lease.is_held(now));
            self.sweep_at = self.by_key.len() * 2;
        }
    }

    /// How many are remembered, including expired ones.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }
}
