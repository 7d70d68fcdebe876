//! Inspecting and removing the entries of a cache.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use equivalent::Equivalent;

use super::Cache;
use super::config::{left_in_use, left_of};
use crate::clock::{self, NEVER};
use crate::entry::{Entry, Resident};

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Whether there is a value that has not expired. Does not count as a use.
    ///
    /// # Example
    ///
    /// ```
    /// let cache = cachekit::Cache::<String, u32>::new(100);
    /// cache.insert("a".to_owned(), 1);
    /// assert!(cache.contains_key("a") && !cache.contains_key("b"));
    /// ```
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let entry = self.store.fresh(self.hash(key));
        entry.is_some_and(|entry| self.own(key, &*entry).is_some())
    }

    /// Alias of [`contains_key`](Self::contains_key), named as on companions.
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.contains_key(key)
    }

    /// Removes a value and returns it. Running fills of the same key are killed. Returns `None` if there was no value,
    /// or if it had expired.
    ///
    /// # Example
    ///
    /// ```
    /// let cache = cachekit::Cache::new(10);
    /// cache.insert("a", 1);
    /// assert_eq!((cache.remove("a"), cache.remove("a")), (Some(1), None));
    /// ```
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.store.count_invalidation();
        let now = self.store.now();
        let entry = self.take(key)?;
        let entry = entry.typed::<K, V>()?;
        (entry.head.expires() > now).then(|| entry.value.clone())
    }

    /// Removes the values that `predicate` accepts. Returns how many there were. All running fills, of any key, are
    /// killed, because their results are not known yet.
    ///
    /// Looks at every entry, without a lock. Values that are inserted meanwhile may stay. Entries that have expired and are
    /// still there are looked at as well, for a use at the same moment may prolong one that is idle; what has expired is
    /// removed and does not count.
    ///
    /// # Example
    ///
    /// ```
    /// let cache = cachekit::Cache::new(10);
    /// for n in 0..10 {
    ///     cache.insert(n, n * n);
    /// }
    /// assert_eq!(cache.invalidate_if(|_, square| *square > 20), 5);
    /// assert_eq!(cache.len(), 5);
    /// ```
    pub fn invalidate_if(&self, mut predicate: impl FnMut(&K, &V) -> bool) -> u64 {
        self.store.count_invalidation();
        self.store.end_fills();
        let mut removed = 0;
        for item in (Iter { with_expired: true, ..self.iter() }) {
            if predicate(item.key(), item.value()) {
                removed += u64::from(self.store.remove_this(item.hash, &item.entry));
            }
        }
        removed
    }

    /// Removes expired entries. Returns how many there were.
    ///
    /// You rarely need it: each insertion checks a few entries in passing, and those that have expired make room first. It
    /// is for values whose memory, or whose destructor, matters now.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let clock = cachekit::testing::Clock::new();
    /// let cache = cachekit::Cache::builder().ttl(Duration::from_secs(60)).clock(&clock).build();
    /// cache.insert("a", 1);
    /// clock.advance(Duration::from_secs(61));
    /// assert_eq!((cache.purge(), cache.len()), (1, 0));
    /// ```
    pub fn purge(&self) -> u64 {
        self.store.purge()
    }

    /// Changes the capacity, in entries or in weight as the cache was built. If it is smaller, entries are evicted now, and
    /// memory that is no longer needed is given back; in a shard where a fill is running, at the next `resize`,
    /// [`purge`](Self::purge) or [`clear`](Self::clear).
    ///
    /// The number of shards stays. If a cache was built small and should become large, build a new one. Each shard
    /// keeps space for one entry, so a cache that was built large cannot become smaller than its number of shards (up
    /// to 64); see [`capacity`](Self::capacity). With 0 it keeps nothing, like a cache that was built with 0.
    ///
    /// # Example
    ///
    /// ```
    /// let cache = cachekit::Cache::new(100);
    /// for n in 0..100 {
    ///     cache.insert(n, n);
    /// }
    /// cache.resize(10);
    /// assert_eq!((cache.len(), cache.capacity()), (10, 10));
    /// ```
    pub fn resize(&self, capacity: u64) {
        self.store.resize(capacity);
    }

    /// Its capacity, in entries, or in weight with a weigher.
    pub fn capacity(&self) -> u64 {
        self.store.capacity()
    }

    /// The entries that have not expired, in no particular order. Looking at them does not count as a use.
    ///
    /// Weakly consistent: an entry that is inserted, removed or replaced meanwhile may or may not appear, and no entry
    /// appears twice unless it was replaced. No lock is held while the caller has an entry.
    ///
    /// # Example
    ///
    /// ```
    /// let cache = cachekit::Cache::new(10);
    /// cache.insert("a", 1);
    /// let all: Vec<_> = cache.iter().map(|item| (*item.key(), *item.value())).collect();
    /// assert_eq!(all, [("a", 1)]);
    /// ```
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { cache: self, shard: 0, items: Vec::new().into_iter(), with_expired: false }
    }

    /// The entries with the time that each has left if it is used. Store them, and [import](Self::import) them when the
    /// program starts again. `None` as time means that the entry does not expire.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit::Cache;
    ///
    /// let before = Cache::new(10);
    /// before.insert("a".to_owned(), 1);
    /// let bytes = serde_json::to_vec(&before.export())?;
    ///
    /// let after = Cache::<String, i32>::new(10);
    /// after.import(serde_json::from_slice::<Vec<_>>(&bytes)?);
    /// assert_eq!(after.get("a"), Some(1));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn export(&self) -> Vec<(K, V, Option<Duration>)>
    where
        K: Clone,
    {
        let now = self.store.now();
        let left = |left| (left != NEVER).then(|| clock::duration(left));
        let exported = |item: Item<K, V>| {
            let entry = item.typed();
            (entry.key.clone(), entry.value.clone(), left(left_in_use(entry, now)))
        };
        self.iter().map(exported).collect()
    }

    /// Inserts entries, each with its remaining time, but no longer than the cache's own rules allow. Existing entries
    /// and running fills stay, because their values are newer. An idle period starts anew.
    pub fn import(&self, entries: impl IntoIterator<Item = (K, V, Option<Duration>)>) {
        for (key, value, left) in entries {
            if !self.contains(&key) {
                let hash = self.hash(&key);
                let ttl = clock::span(left).min(self.config.ttl);
                if let Some(plan) = self.plan(hash, (&key, &value), ttl) {
                    let entry = Arc::new(self.store.entry(key, value, plan));
                    self.store.add(hash, entry);
                }
            }
        }
    }
}

/// The entries of a cache; see [`Cache::iter`].
pub struct Iter<'a, K, V> {
    cache: &'a Cache<K, V>,
    shard: usize,
    items: std::vec::IntoIter<(u64, Resident)>,
    with_expired: bool,
}

opaque!([K, V] "Iter", Iter<'_, K, V>);

impl<K, V> Iterator for Iter<'_, K, V>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    type Item = Item<K, V>;

    fn next(&mut self) -> Option<Item<K, V>> {
        loop {
            let store = &self.cache.store;
            for (hash, entry) in self.items.by_ref() {
                let Some(typed) = entry.typed::<K, V>() else { continue };
                let left = left_of(typed, store.now());
                if typed.head.is_alive() && (left > 0 || self.with_expired) {
                    let left = (left != NEVER).then(|| clock::duration(left));
                    return Some(Item { hash, entry, left, types: PhantomData });
                }
            }
            self.items = store.entries(self.shard)?.into_iter();
            self.shard += 1;
        }
    }
}

/// An entry of a cache, as [`Cache::iter`] found it. It keeps the value alive, even when the entry leaves the cache.
pub struct Item<K, V> {
    hash: u64,
    entry: Resident,
    left: Option<Duration>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: 'static, V: 'static> Item<K, V> {
    fn typed(&self) -> &Entry<K, V> {
        self.entry.typed().unwrap_or_else(|| unreachable!("it was looked at"))
    }

    /// Its key.
    pub fn key(&self) -> &K {
        &self.typed().key
    }

    /// Its value.
    pub fn value(&self) -> &V {
        &self.typed().value
    }

    /// How much time it had left when it was found; `None`: it does not expire.
    pub fn left(&self) -> Option<Duration> {
        self.left
    }
}

impl<K, V> fmt::Debug for Item<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<'a, K, V> IntoIterator for &'a Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Item = Item<K, V>;
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}
