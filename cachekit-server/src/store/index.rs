//! The list of stored entries: bounded by bytes, swept by time, counted by tenant.
//!
//! Both stores use it. In memory a slot holds the value itself, on disk nothing: there the index knows which
//! entries exist, so that misses, `HEAD` and eviction never touch the disk.

use super::{ENTRY_OVERHEAD, EntryKey, Lifetime, StoreError, StoreStats, Usage};
use crate::clock::Timestamp;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

const SHARDS: usize = 32;

/// Everything that is stored, in shards.
pub(super) struct Index<P> {
    shards: Box<[Mutex<Shard<P>>]>,
    /// Keys come from outside, so the seed is random.
    hasher: RandomState,
    capacity: u64,
    /// Bytes and entries stored. A tenant's own count never shows more bytes than this one: they are added
    /// here first and removed here last.
    stored: AtomicU64,
    entries: AtomicU64,
    next_id: AtomicU64,
    tenants: RwLock<HashMap<Box<str>, Arc<TenantUsage>>>,
    evicted: AtomicU64,
    expired: AtomicU64,
}

#[derive(Default)]
struct TenantUsage {
    entries: AtomicU64,
    bytes: AtomicU64,
}

struct Shard<P> {
    slots: HashMap<EntryKey, Slot<P>>,
    /// The order of eviction, by key and id; a pair whose slot has another id is left over.
    queue: VecDeque<(EntryKey, u64)>,
    /// The slots that expire, soonest first.
    expiry: BTreeMap<(Timestamp, u64), EntryKey>,
}

/// What is to be stored under a key.
pub(super) struct New<P> {
    pub(super) payload: P,
    pub(super) lifetime: Lifetime,
    pub(super) weight: u64,
}

struct Slot<P> {
    payload: P,
    lifetime: Lifetime,
    weight: u64,
    id: u64,
    /// Read since it was queued: eviction skips it once.
    visited: AtomicBool,
    usage: Arc<TenantUsage>,
}

/// The charged size of an entry.
pub(super) fn weight(key: &EntryKey, value_length: usize) -> u64 {
    let length = key.as_bytes().len().saturating_add(value_length);
    u64::try_from(length).unwrap_or(u64::MAX).saturating_add(ENTRY_OVERHEAD)
}

impl<P: Clone> Index<P> {
    pub(super) fn new(capacity: u64) -> Self {
        let shard =
            || Shard { slots: HashMap::new(), queue: VecDeque::new(), expiry: BTreeMap::new() };
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(),
            hasher: RandomState::new(),
            capacity,
            stored: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            next_id: AtomicU64::new(0),
            tenants: RwLock::default(),
            evicted: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        }
    }

    fn position(&self, key: &EntryKey) -> usize {
        // There are far fewer shards than hashes, so truncation does not matter.
        #[allow(clippy::cast_possible_truncation)]
        let hash = self.hasher.hash_one(key.as_bytes()) as usize;
        hash % SHARDS
    }

    fn lock(&self, position: usize) -> MutexGuard<'_, Shard<P>> {
        // Nothing in a shard's critical sections panics half-way.
        self.shards[position].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live entry under the key, marked as used.
    pub(super) fn get(&self, key: &EntryKey, now: Timestamp) -> Option<(P, Lifetime)> {
        let shard = self.lock(self.position(key));
        let slot = shard.slots.get(key.as_bytes())?;
        if !slot.lifetime.is_alive(now) {
            return None;
        }
        slot.visited.store(true, Relaxed);
        Some((slot.payload.clone(), slot.lifetime))
    }

    /// Whether a slot of this weight might be stored now.
    pub(super) fn would_fit(
        &self,
        key: &EntryKey,
        weight: u64,
        quota: Option<u64>,
    ) -> Result<(), StoreError> {
        if weight > self.capacity {
            return Err(StoreError::TooLarge);
        }
        let Some(quota) = quota else { return Ok(()) };
        let old = {
            let shard = self.lock(self.position(key));
            shard.slots.get(key.as_bytes()).map_or(0, |slot| slot.weight)
        };
        let bytes = self.usage(key.tenant()).bytes.saturating_sub(old);
        if bytes.saturating_add(weight) > quota { Err(StoreError::Quota) } else { Ok(()) }
    }

    /// Stores a slot. Adds to `gone` what expired or was evicted for it: that is gone even if the slot is refused.
    ///
    /// Space is reserved and used under one lock of the shard: everything that counts as stored can be
    /// evicted, and at no moment is more stored than fits.
    pub(super) fn insert(
        &self,
        key: &EntryKey,
        new: New<P>,
        quota: Option<u64>,
        now: Timestamp,
        gone: &mut Vec<EntryKey>,
    ) -> Result<(), StoreError> {
        let New { payload, lifetime, weight } = new;
        if weight > self.capacity {
            return Err(StoreError::TooLarge);
        }
        let position = self.position(key);
        let usage = self.tenant(key.tenant());
        self.expire(&mut self.lock(position), now, gone);
        loop {
            let mut shard = self.lock(position);
            let old = shard.slots.get(key.as_bytes()).map_or(0, |slot| slot.weight);
            let fits_quota =
                |bytes: u64| quota.is_none_or(|quota| bytes.saturating_sub(old) + weight <= quota);
            if !fits_quota(usage.bytes.load(Relaxed)) {
                return Err(StoreError::Quota);
            }
            let growth = weight.saturating_sub(old);
            let stored = |stored: u64| Some(stored + growth).filter(|sum| *sum <= self.capacity);
            if self.stored.fetch_update(Relaxed, Relaxed, stored).is_err() {
                // Locks of other shards are only taken without this one.
                drop(shard);
                self.make_room(position, growth, gone);
                continue;
            }
            let charged = |bytes: u64| fits_quota(bytes).then(|| bytes - old + weight);
            if usage.bytes.fetch_update(Relaxed, Relaxed, charged).is_err() {
                // Another entry of the tenant was faster.
                self.stored.fetch_sub(growth, Relaxed);
                return Err(StoreError::Quota);
            }
            let id = self.next_id.fetch_add(1, Relaxed);
            let visited = AtomicBool::new(false);
            let slot = Slot { payload, lifetime, weight, id, visited, usage: Arc::clone(&usage) };
            if let Some(old) = shard.slots.insert(key.clone(), slot) {
                shard.expiry.remove(&(old.lifetime.gone_at, old.id));
                self.stored.fetch_sub(old.weight.saturating_sub(weight), Relaxed);
            } else {
                usage.entries.fetch_add(1, Relaxed);
                self.entries.fetch_add(1, Relaxed);
            }
            shard.queue.push_back((key.clone(), id));
            if lifetime.is_bounded() {
                shard.expiry.insert((lifetime.gone_at, id), key.clone());
            }
            shard.tidy();
            return Ok(());
        }
    }

    pub(super) fn remove(&self, key: &EntryKey) -> bool {
        let mut shard = self.lock(self.position(key));
        let removed = shard.slots.remove(key.as_bytes());
        if let Some(slot) = &removed {
            self.forget(&mut shard, slot);
            shard.tidy();
        }
        removed.is_some()
    }

    pub(super) fn set_lifetime(&self, key: &EntryKey, lifetime: Lifetime) -> bool {
        let mut shard = self.lock(self.position(key));
        let Some(slot) = shard.slots.get_mut(key.as_bytes()) else { return false };
        let (before, id) = (slot.lifetime, slot.id);
        slot.lifetime = lifetime;
        shard.expiry.remove(&(before.gone_at, id));
        if lifetime.is_bounded() {
            shard.expiry.insert((lifetime.gone_at, id), key.clone());
        }
        true
    }

    /// Removes expired entries and adds them to `gone`.
    pub(super) fn sweep(&self, now: Timestamp, gone: &mut Vec<EntryKey>) {
        for position in 0..SHARDS {
            self.expire(&mut self.lock(position), now, gone);
        }
    }

    pub(super) fn usage(&self, tenant: &str) -> Usage {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(tenant).map_or_else(Usage::default, |usage| usage.read())
    }

    pub(super) fn stats(&self) -> StoreStats {
        // Not the sum over the tenants: entries that move from one to the other meanwhile would count twice.
        let usage = Usage { entries: self.entries.load(Relaxed), bytes: self.stored.load(Relaxed) };
        StoreStats {
            usage,
            capacity: self.capacity,
            evicted: self.evicted.load(Relaxed),
            expired: self.expired.load(Relaxed),
            damaged: 0,
            failures: 0,
        }
    }

    fn tenant(&self, name: &str) -> Arc<TenantUsage> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(usage) = tenants.get(name) {
            return Arc::clone(usage);
        }
        drop(tenants);
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tenants.entry(name.into()).or_default())
    }

    /// Evicts until `growth` more bytes fit: from the given shard first, then from the others.
    fn make_room(&self, first: usize, growth: u64, gone: &mut Vec<EntryKey>) {
        let is_full = || self.stored.load(Relaxed).saturating_add(growth) > self.capacity;
        // In the second round, entries that were not read since the first are not spared.
        for turn in 0..2 * SHARDS {
            if !is_full() {
                break;
            }
            let mut shard = self.lock((first + turn) % SHARDS);
            while is_full() {
                let Some((key, slot)) = shard.evict() else { break };
                self.forget(&mut shard, &slot);
                self.evicted.fetch_add(1, Relaxed);
                gone.push(key);
            }
        }
    }

    fn expire(&self, shard: &mut Shard<P>, now: Timestamp, gone: &mut Vec<EntryKey>) {
        let before = gone.len();
        while let Some(first) = shard.expiry.first_entry() {
            if first.key().0 > now {
                break;
            }
            let key = first.remove();
            if let Some(slot) = shard.slots.remove(key.as_bytes()) {
                self.forget(shard, &slot);
                self.expired.fetch_add(1, Relaxed);
                gone.push(key);
            }
        }
        if gone.len() > before {
            shard.tidy();
        }
    }

    /// Releases the space of a removed slot.
    fn forget(&self, shard: &mut Shard<P>, slot: &Slot<P>) {
        shard.expiry.remove(&(slot.lifetime.gone_at, slot.id));
        slot.usage.entries.fetch_sub(1, Relaxed);
        self.entries.fetch_sub(1, Relaxed);
        slot.usage.bytes.fetch_sub(slot.weight, Relaxed);
        self.stored.fetch_sub(slot.weight, Relaxed);
    }
}

impl TenantUsage {
    fn read(&self) -> Usage {
        Usage { entries: self.entries.load(Relaxed), bytes: self.bytes.load(Relaxed) }
    }
}

impl<P> Shard<P> {
    /// Removes the oldest slot that was not read since it was queued; `None` if all were read.
    fn evict(&mut self) -> Option<(EntryKey, Slot<P>)> {
        for _ in 0..self.queue.len() {
            let (key, id) = self.queue.pop_front()?;
            let Some(slot) = self.slots.get(key.as_bytes()).filter(|slot| slot.id == id) else {
                continue;
            };
            if slot.visited.swap(false, Relaxed) {
                self.queue.push_back((key, id));
                continue;
            }
            let slot = self.slots.remove(key.as_bytes())?;
            return Some((key, slot));
        }
        None
    }

    /// Drops left-over pairs when they are the majority.
    fn tidy(&mut self) {
        if self.queue.len() > 2 * self.slots.len() + 64 {
            let slots = &self.slots;
            self.queue
                .retain(|(key, id)| slots.get(key.as_bytes()).is_some_and(|slot| slot.id == *id));
        }
    }
}
