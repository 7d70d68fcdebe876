//! The shards, and the bound that they share.

use super::clock::{Clock, Sequence};
use super::entries::{Entries, Entry, cost_of};
use super::fences::Fences;
use super::leases::Leases;
use crate::listeners::Listeners;
use crate::{Expiry, Fetched, InvalidationEvent, SetOptions};
use bytes::Bytes;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const SHARDS: usize = 16;

/// The state that the handles of one memory backend share.
///
/// Values leave the tables before they are dropped, and listeners are called while no shard is
/// locked: neither a value's destructor nor a listener can deadlock the store.
pub(super) struct Store {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    clock: Clock,
    max_bytes: usize,
    used_bytes: AtomicUsize,
    numbers: Sequence,
    listeners: Listeners,
    /// Held by the one thread that evicts.
    evicting: Mutex<()>,
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Done,
    FenceMoved,
    LockLost,
}

#[derive(Default)]
struct Shard {
    entries: Entries,
    fences: Fences,
    leases: Leases,
}

impl Store {
    pub(super) fn new(max_bytes: usize, clock: Clock) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            clock,
            max_bytes,
            used_bytes: AtomicUsize::new(0),
            numbers: Sequence::default(),
            listeners: Listeners::default(),
            evicting: Mutex::default(),
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    pub(super) fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).entries.len()).sum()
    }

    /// Whether an entry with this key and value fits at all.
    pub(super) fn can_hold(&self, key: &str, value: &Bytes) -> bool {
        cost_of(key, value) <= self.max_bytes
    }

    pub(super) fn get(&self, key: &str) -> Option<Fetched> {
        let now = self.clock.now();
        self.shard(key).entries.fetch(key, now, self.numbers.next())
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        let now = self.clock.now();
        self.shard(key).entries.contains(key, now)
    }

    /// Stores a value; with a fence only if that fence still holds, with a lock only if it is held
    /// and no other writer changed the key since it was acquired.
    pub(super) fn set(
        &self,
        key: &str,
        value: Bytes,
        options: &SetOptions,
        fence: Option<u64>,
    ) -> Stored {
        let now = self.clock.now();
        let mut shard = self.shard(key);
        if fence.is_some_and(|number| !shard.fences.stands(key, number)) {
            return Stored::FenceMoved;
        }
        match &options.lock {
            Some(token) => {
                let holder = token.as_str().parse();
                if !holder.is_ok_and(|holder| shard.leases.may_write(key, now, holder)) {
                    return Stored::LockLost;
                }
            }
            None => shard.leases.overtake(key),
        }
        shard.fences.move_on(key);
        let was_there = shard.entries.contains(key, now);
        let name: Arc<str> = key.into();
        let entry = Entry::new(key, value, options, now, self.numbers.next());
        self.used_bytes.fetch_add(entry.cost(), Ordering::Relaxed);
        let replaced = shard.entries.insert(Arc::clone(&name), entry);
        self.forget(replaced.as_ref());
        drop(shard);

        drop(replaced);
        self.make_room(now);
        if was_there {
            self.listeners.publish(|| InvalidationEvent::Replaced { key: name });
        }
        Stored::Done
    }

    pub(super) fn delete(&self, key: &str) -> bool {
        let now = self.clock.now();
        let mut shard = self.shard(key);
        shard.fences.move_on(key);
        shard.leases.overtake(key);
        let was_there = shard.entries.contains(key, now);
        let removed = shard.entries.remove(key);
        self.forget(removed.as_ref());
        drop(shard);

        drop(removed);
        self.listeners.publish(|| InvalidationEvent::Deleted { key: key.into() });
        was_there
    }

    /// Deletes everything; locks stay with their holders.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.fences = Fences::default();
            shard.leases.overtake_all();
            let entries = std::mem::take(&mut shard.entries);
            self.used_bytes.fetch_sub(entries.cost(), Ordering::Relaxed);
            drop(shard);
            drop(entries);
        }
        self.listeners.publish(|| InvalidationEvent::Cleared);
    }

    pub(super) fn expiry(&self, key: &str) -> Expiry {
        let now = self.clock.now();
        self.shard(key).entries.expiry(key, now)
    }

    pub(super) fn refresh(&self, key: &str, ttl: Duration) -> bool {
        let now = self.clock.now();
        self.shard(key).entries.refresh(key, ttl, now)
    }

    pub(super) fn fence(&self, key: &str) -> u64 {
        // Fences may take an eighth of the store's size, in addition to the entries.
        let max_cost = self.max_bytes / SHARDS / 8;
        self.shard(key).fences.take(key, self.numbers.next(), max_cost)
    }

    pub(super) fn try_acquire(&self, key: &str, lease: Duration) -> Option<u64> {
        let now = self.clock.now();
        let holder = self.numbers.next();
        self.shard(key).leases.try_acquire(key, lease, now, holder).then_some(holder)
    }

    pub(super) fn release(&self, key: &str, holder: u64) -> bool {
        let now = self.clock.now();
        self.shard(key).leases.release(key, now, holder)
    }

    /// Evicts until the bound holds: first entries that have ended, then the least recently used
    /// ones.
    fn make_room(&self, now: Duration) {
        if self.used_bytes() <= self.max_bytes {
            return;
        }
        let mut evicted = Vec::new();
        let guard = self.evicting.lock().unwrap_or_else(PoisonError::into_inner);
        for shard in &self.shards {
            let mut shard = lock(shard);
            while let Some(entry) = shard.entries.pop_expired(now) {
                self.forget(Some(&entry));
                evicted.push(entry);
            }
        }
        while self.used_bytes() > self.max_bytes {
            let least_recent = self
                .shards
                .iter()
                .filter_map(|shard| lock(shard).entries.oldest_use().map(|oldest| (oldest, shard)))
                .min_by_key(|&(oldest, _)| oldest);
            let Some((_, shard)) = least_recent else { break };
            let Some(entry) = lock(shard).entries.pop_least_recent() else { continue };
            self.forget(Some(&entry));
            evicted.push(entry);
        }
        drop(guard);
        drop(evicted);
    }

    /// Stops counting an entry that left the tables.
    fn forget(&self, entry: Option<&Entry>) {
        let cost = entry.map_or(0, Entry::cost);
        self.used_bytes.fetch_sub(cost, Ordering::Relaxed);
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(key);
        // The remainder is below the number of shards, so nothing is lost.
        #[allow(clippy::cast_possible_truncation)]
        let index = (hash % SHARDS as u64) as usize;
        lock(&self.shards[index])
    }
}

/// No change of a shard can panic half-way, so a poisoned lock is harmless.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl Store {
    /// Checks that the tables agree with each other and with the count of bytes.
    pub(super) fn validate(&self) {
        let mut cost = 0;
        for shard in &self.shards {
            let shard = lock(shard);
            shard.entries.validate();
            cost += shard.entries.cost();
        }
        assert_eq!(cost, self.used_bytes());
        assert!(cost <= self.max_bytes, "{cost} bytes are kept, {} allowed", self.max_bytes);
    }

    pub(super) fn fences(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).fences.len()).sum()
    }

    pub(super) fn leases(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).leases.len()).sum()
    }
}
