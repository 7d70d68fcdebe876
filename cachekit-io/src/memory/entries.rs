//! The entries of one shard, ordered by last use and by expiry.

use crate::{Expiry, Fetched, SetOptions};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// The memory of an entry besides its key and value: roughly its rows in the three tables.
pub(super) const ENTRY_OVERHEAD: usize = 192;

/// Values by key, with indexes that find the expired ones and the least recently used one.
#[derive(Default)]
pub(super) struct Entries {
    by_key: HashMap<Arc<str>, Entry>,
    recency: BTreeMap<u64, Arc<str>>,
    ends: BTreeSet<(Duration, Arc<str>)>,
}

/// A stored value.
pub(super) struct Entry {
    value: Bytes,
    /// When it stops being fresh; `None` means never.
    fresh_until: Option<Duration>,
    /// When it ends; `None` means never.
    end: Option<Duration>,
    stale_for: Duration,
    last_use: u64,
    cost: usize,
}

impl Entry {
    /// A value written at `now`.
    pub(super) fn new(
        key: &str,
        value: Bytes,
        options: &SetOptions,
        now: Duration,
        use_number: u64,
    ) -> Self {
        let cost = cost_of(key, &value);
        let stale_for = options.stale_ttl.unwrap_or(Duration::ZERO);
        let mut entry =
            Self { value, fresh_until: None, end: None, stale_for, last_use: use_number, cost };
        if let Some(ttl) = options.ttl {
            entry.live_for(ttl, now);
        }
        entry
    }

    /// The bytes that count for it.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Starts both windows again. A time too far away to be expressed means never.
    fn live_for(&mut self, ttl: Duration, now: Duration) {
        self.fresh_until = now.checked_add(ttl);
        self.end = self.fresh_until.and_then(|until| until.checked_add(self.stale_for));
    }

    fn is_gone(&self, now: Duration) -> bool {
        self.end.is_some_and(|end| now >= end)
    }

    fn is_fresh(&self, now: Duration) -> bool {
        self.fresh_until.is_none_or(|until| now < until)
    }

    fn fetch(&self, now: Duration) -> Fetched {
        let value = self.value.clone();
        match self.fresh_until {
            None => Fetched::fresh(value),
            Some(until) if now < until => {
                Fetched::fresh(value).with_fresh_for(until.saturating_sub(now))
            }
            Some(_) => Fetched::stale(value),
        }
    }
}

/// The bytes that count for an entry with this key and value.
pub(super) fn cost_of(key: &str, value: &Bytes) -> usize {
    key.len().saturating_add(value.len()).saturating_add(ENTRY_OVERHEAD)
}

impl Entries {
    /// How many entries there are, including expired ones that no operation has found yet.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Stores an entry and returns the one it replaces, expired or not.
    pub(super) fn insert(&mut self, key: Arc<str>, entry: Entry) -> Option<Entry> {
        let replaced = self.remove(&key);
        self.recency.insert(entry.last_use, Arc::clone(&key));
        if let Some(end) = entry.end {
            self.ends.insert((end, Arc::clone(&key)));
        }
        self.by_key.insert(key, entry);
        replaced
    }

    /// Removes an entry, expired or not.
    pub(super) fn remove(&mut self, key: &str) -> Option<Entry> {
        let (key, entry) = self.by_key.remove_entry(key)?;
        self.recency.remove(&entry.last_use);
        if let Some(end) = entry.end {
            self.ends.remove(&(end, key));
        }
        Some(entry)
    }

    /// Whether there is an entry that has not ended.
    pub(super) fn contains(&self, key: &str, now: Duration) -> bool {
        self.by_key.get(key).is_some_and(|entry| !entry.is_gone(now))
    }

    /// Reads an entry and records the use.
    pub(super) fn fetch(&mut self, key: &str, now: Duration, use_number: u64) -> Option<Fetched> {
        let entry = self.by_key.get_mut(key).filter(|entry| !entry.is_gone(now))?;
        if let Some(name) = self.recency.remove(&entry.last_use) {
            self.recency.insert(use_number, name);
        }
        entry.last_use = use_number;
        Some(entry.fetch(now))
    }

    /// When the entry ends.
    pub(super) fn expiry(&self, key: &str, now: Duration) -> Expiry {
        match self.by_key.get(key).filter(|entry| !entry.is_gone(now)) {
            None => Expiry::Absent,
            Some(entry) => {
                entry.end.map_or(Expiry::Never, |end| Expiry::In(end.saturating_sub(now)))
            }
        }
    }

    /// Makes a fresh entry fresh for `ttl` from now; `false` if there is no fresh entry.
    pub(super) fn refresh(&mut self, key: &str, ttl: Duration, now: Duration) -> bool {
        let Some((name, _)) = self.by_key.get_key_value(key) else { return false };
        let name = Arc::clone(name);
        let Some(entry) = self.by_key.get_mut(key) else { return false };
        if entry.is_gone(now) || !entry.is_fresh(now) {
            return false;
        }
        if let Some(end) = entry.end {
            self.ends.remove(&(end, Arc::clone(&name)));
        }
        entry.live_for(ttl, now);
        if let Some(end) = entry.end {
            self.ends.insert((end, name));
        }
        true
    }

    /// Removes one entry that has ended.
    pub(super) fn pop_expired(&mut self, now: Duration) -> Option<Entry> {
        let (end, key) = self.ends.first()?;
        if *end > now {
            return None;
        }
        let key = Arc::clone(key);
        self.remove(&key)
    }

    /// The number of the least recent use.
    pub(super) fn oldest_use(&self) -> Option<u64> {
        self.recency.first_key_value().map(|(&use_number, _)| use_number)
    }

    /// Removes the least recently used entry.
    pub(super) fn pop_least_recent(&mut self) -> Option<Entry> {
        let (_, key) = self.recency.first_key_value()?;
        let key = Arc::clone(key);
        self.remove(&key)
    }

    /// The bytes that count for all entries together.
    pub(super) fn cost(&self) -> usize {
        self.by_key.values().map(Entry::cost).sum()
    }

    /// Checks that the three tables agree.
    #[cfg(test)]
    pub(super) fn validate(&self) {
        assert_eq!(self.by_key.len(), self.recency.len());
        let ending = self.by_key.values().filter(|entry| entry.end.is_some()).count();
        assert_eq!(ending, self.ends.len());
        for (key, entry) in &self.by_key {
            assert_eq!(self.recency.get(&entry.last_use), Some(key));
            if let Some(end) = entry.end {
                assert!(self.ends.contains(&(end, Arc::clone(key))));
            }
        }
    }
}
