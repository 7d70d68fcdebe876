//! Leases on keys, and the order of writes to one key.
//!
//! Leases live in memory: after a restart all are free, and a write under an older lease is refused. Over Redis they
//! live there, and this only counts those that the node gave.

use crate::clock::Timestamp;
use crate::store::EntryKey;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use subtle::ConstantTimeEq;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};

/// The shortest and the longest lease, in milliseconds. A lease of zero is refused earlier.
pub(crate) const LEASE_MILLIS: std::ops::RangeInclusive<u64> = 1..=3_600_000;

const LEASE_SHARDS: usize = 32;
const WRITE_STRIPES: usize = 1024;

/// All leases.
pub(crate) struct Locks {
    leases: Box<[Mutex<HashMap<EntryKey, Lease>>]>,
    /// Held while a key is changed, so that the check of a lease and the write under it are atomic.
    writes: Box<[AsyncMutex<()>]>,
    hasher: RandomState,
    /// How many leases each tenant has in the table, including expired ones that were not swept yet: the table itself
    /// is never counted.
    held: Mutex<HashMap<Box<str>, usize>>,
    per_tenant: usize,
}

struct Lease {
    id: Box<str>,
    until: Timestamp,
    /// The key was written without this lease, or deleted, since it began.
    overtaken: bool,
}

/// The result of a request for a lease.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Acquired {
    /// The lease, by its id.
    Granted(String),
    /// It is held already.
    Contested,
    /// The tenant holds as many as it may.
    TooMany,
}

impl Locks {
    pub(crate) fn new(per_tenant: usize) -> Self {
        Self {
            leases: (0..LEASE_SHARDS).map(|_| Mutex::default()).collect(),
            writes: (0..WRITE_STRIPES).map(|_| AsyncMutex::new(())).collect(),
            hasher: RandomState::new(),
            held: Mutex::default(),
            per_tenant,
        }
    }

    fn hash(&self, key: &EntryKey) -> usize {
        // There are far fewer shards than hashes, so truncation does not matter.
        #[allow(clippy::cast_possible_truncation)]
        let hash = self.hasher.hash_one(key.as_bytes()) as usize;
        hash
    }

    fn shard(&self, key: &EntryKey) -> MutexGuard<'_, HashMap<EntryKey, Lease>> {
        lock(&self.leases[self.hash(key) % LEASE_SHARDS])
    }

    /// Waits for the turn to change this key.
    pub(crate) async fn turn(&self, key: &EntryKey) -> AsyncMutexGuard<'_, ()> {
        self.writes[self.hash(key) % WRITE_STRIPES].lock().await
    }

    /// Acquires the lease of a key unless it is held. Call it in the key's [`turn`](Self::turn).
    pub(crate) fn acquire(
        &self,
        key: &EntryKey,
        id: String,
        millis: u64,
        now: Timestamp,
    ) -> Acquired {
        let mut shard = self.shard(key);
        match shard.get(key.as_bytes()) {
            Some(lease) if now < lease.until => return Acquired::Contested,
            None if !self.count_in(key.tenant()) => return Acquired::TooMany,
            // Free, or an expired lease that was counted when it began.
            _ => {}
        }
        let millis = millis.clamp(*LEASE_MILLIS.start(), *LEASE_MILLIS.end());
        let lease =
            Lease { id: id.as_str().into(), until: now.plus_millis(millis), overtaken: false };
        shard.insert(key.clone(), lease);
        Acquired::Granted(id)
    }

    /// Reserves one more lease for the key's tenant, which Redis gives; `None` if the tenant
    /// holds as many as it may.
    pub(crate) fn reserve<'a>(&'a self, key: &'a EntryKey) -> Option<Reservation<'a>> {
        self.count_in(key.tenant()).then_some(Reservation { locks: self, key, filled: false })
    }

    /// Ends the lease if this id holds it.
    pub(crate) fn release(&self, key: &EntryKey, id: &[u8], now: Timestamp) -> bool {
        let mut shard = self.shard(key);
        let held = shard.get(key.as_bytes()).is_some_and(|lease| lease.is_held_by(id, now));
        if held {
            shard.remove(key.as_bytes());
            self.count_out(key.tenant());
        }
        held
    }

    /// Whether a value computed under this lease may be stored: the lease is held, and there was no other write.
    /// Call it in the key's [`turn`](Self::turn).
    pub(crate) fn allows_write(&self, key: &EntryKey, id: &[u8], now: Timestamp) -> bool {
        let shard = self.shard(key);
        shard.get(key.as_bytes()).is_some_and(|lease| lease.is_held_by(id, now) && !lease.overtaken)
    }

    /// Records that the key changes without the lease. Call it in the key's [`turn`](Self::turn), before
    /// the change.
    pub(crate) fn overtake(&self, key: &EntryKey) {
        if let Some(lease) = self.shard(key).get_mut(key.as_bytes()) {
            lease.overtaken = true;
        }
    }

    /// How many leases a tenant holds; an expired lease counts until it is swept.
    pub(crate) fn held(&self, tenant: &str) -> usize {
        lock(&self.held).get(tenant).copied().unwrap_or(0)
    }

    /// The same for all tenants.
    pub(crate) fn held_by_all(&self) -> usize {
        lock(&self.held).values().sum()
    }

    /// Frees the space of expired leases.
    pub(crate) fn sweep(&self, now: Timestamp) {
        for shard in &self.leases {
            lock(shard).retain(|key, lease| {
                let held = now < lease.until;
                if !held {
                    self.count_out(key.tenant());
                }
                held
            });
        }
    }

    fn count_in(&self, tenant: &str) -> bool {
        let mut held = lock(&self.held);
        let count = held.entry(tenant.into()).or_default();
        let room = *count < self.per_tenant;
        *count += usize::from(room);
        room
    }

    fn count_out(&self, tenant: &str) {
        if let Some(count) = lock(&self.held).get_mut(tenant) {
            *count = count.saturating_sub(1);
        }
    }
}

/// A reservation for a lease; released if it is dropped without one.
pub(crate) struct Reservation<'a> {
    locks: &'a Locks,
    key: &'a EntryKey,
    filled: bool,
}

impl Reservation<'_> {
    /// The lease was given. An earlier recorded lease of the same key is over.
    pub(crate) fn fill(mut self, id: &str, millis: u64, now: Timestamp) {
        self.filled = true;
        let lease = Lease { id: id.into(), until: now.plus_millis(millis), overtaken: false };
        let old = self.locks.shard(self.key).insert(self.key.clone(), lease);
        if old.is_some() {
            self.locks.count_out(self.key.tenant());
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.filled {
            self.locks.count_out(self.key.tenant());
        }
    }
}

impl Lease {
    fn is_held_by(&self, id: &[u8], now: Timestamp) -> bool {
        now < self.until && bool::from(self.id.as_bytes().ct_eq(id))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in these critical sections panics half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
