//! The attributes next to `#[cache]`, and caches as objects.
//!
//! `use cachekit::cache;` imports the attribute and this module: they share the name.
//!
//! A [`Cache`] uses the same store as annotated functions.

use std::any::TypeId;
use std::fmt;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use equivalent::Equivalent;

use self::config::Config;
use crate::clock::{self, ClockSource, Ticks};
use crate::entry::{AnyEntry, Entry, Plan, Resident, mix};
use crate::key::Lookup;
use crate::read_through::Plans;
use crate::rules::Defaults;
use crate::shape::{OkOnly, Plain};
use crate::stats::Stats;
use crate::store::{Capacity, Cause, Listener, Store};
use crate::thread_cache::{self, Wanted};

#[cfg_attr(docsrs, doc(cfg(feature = "io")))]
pub use cachekit_macros::io;
pub use cachekit_macros::local;
#[cfg_attr(docsrs, doc(cfg(feature = "secure")))]
pub use cachekit_macros::secure;

mod builder;
mod compute;
mod config;
mod explain;
mod lookup;
mod manage;
pub(crate) mod own;
#[cfg(test)]
mod tests;

pub use self::builder::CacheBuilder;
pub use self::manage::{Item, Iter};

/// A bounded in-process cache: typed keys and values, expiry, single-flight, hits without locks.
///
/// Cheap to clone; all clones are one cache. Use it as a field if every object should own its cache, and
/// name it in the attribute of a method with `in = self.field`.
///
/// # Example
///
/// ```
/// use cachekit::Cache;
/// use std::time::Duration;
///
/// let users = Cache::<u64, String>::builder().capacity(1_000).ttl(Duration::from_secs(60)).build();
/// assert_eq!(users.get(&7), None);
/// let name = users.get_or_insert_with(&7, || "Ada".to_owned());
/// assert_eq!(name, "Ada");
/// assert_eq!(users.get(&7), Some("Ada".to_owned()));
/// ```
pub struct Cache<K, V> {
    /// Separates the hashes of this cache from those of others.
    spread: u64,
    store: Arc<Store>,
    config: Arc<Config<K, V>>,
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self {
            spread: self.spread,
            store: Arc::clone(&self.store),
            config: Arc::clone(&self.config),
        }
    }
}

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Starts a cache with the default capacity of 10,000 entries that do not expire.
    pub fn builder() -> CacheBuilder<K, V> {
        CacheBuilder::new()
    }

    /// A cache of up to `capacity` entries that do not expire. With 0 the cache is off: nothing is stored.
    ///
    /// # Example
    ///
    /// ```
    /// let cache = cachekit::Cache::new(100);
    /// cache.insert("a", 1);
    /// assert_eq!(cache.len(), 1);
    /// ```
    pub fn new(capacity: u64) -> Self {
        Self::builder().capacity(capacity).build()
    }

    pub(crate) fn from_config(
        capacity: u64,
        clock: ClockSource,
        config: Config<K, V>,
        listener: Option<Listener>,
    ) -> Self {
        /// Owner of entries that belong to no function.
        struct Direct;
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let spread = mix(0, TypeId::of::<Direct>(), NEXT.fetch_add(1, Ordering::Relaxed));
        let capacity = match config.weigh {
            Some(_) => Capacity::Weight(capacity),
            None => Capacity::Entries(capacity),
        };
        let store = Store::new(capacity, clock, crate::disabled()).telling(listener);
        Self { spread, store: Arc::new(store), config: Arc::new(config) }
    }

    fn place(&self, hash: u64) -> u64 {
        hash ^ self.spread
    }

    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.place(Lookup(key).hash())
    }

    /// The cached value, if there is one and it has not expired.
    ///
    /// The key may be any borrowed form of `K`: `&str` for `String`, or `(&str, u64)` for `(String, u64)`
    /// with [`Equivalent`].
    ///
    /// # Example
    ///
    /// ```
    /// let cache = cachekit::Cache::<String, u32>::new(10);
    /// cache.insert("a".to_owned(), 1);
    /// assert_eq!(cache.get("a"), Some(1));
    /// ```
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hash(key);
        match self.thread_cache(hash, |owned| key.equivalent(owned)) {
            Some(value) => Some(value),
            None => self.find(hash, &|owned| key.equivalent(owned)),
        }
    }

    /// Runs `f` on the cached value in place, if there is one and it has not expired. Clones nothing. Counts as a use.
    ///
    /// Use it for large values, and for an `Arc` that many threads use, because cloning it makes all of them write its
    /// count. The value stays in place as long as `f` runs, even if it is invalidated meanwhile.
    ///
    /// # Example
    ///
    /// ```
    /// let pages = cachekit::Cache::<u64, Vec<u8>>::new(10);
    /// pages.insert(7, vec![0; 4096]);
    /// assert_eq!(pages.with(&7, Vec::len), Some(4096));
    /// assert_eq!(pages.with(&8, Vec::len), None);
    /// ```
    #[inline]
    pub fn with<Q, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hash(key);
        // One of the two closures calls it.
        let mut f = Some(f);
        let same = |owned: &K| key.equivalent(owned);
        let mut run = |value: &V| f.take().map(|f| f(value));
        let done = match self.thread_cache_with(hash, same, &mut run) {
            Some(done) => done,
            None => self.find_with(hash, &same, run),
        };
        // It may have killed the entry.
        thread_cache::with(thread_cache::ThreadCache::settle);
        done
    }

    #[inline]
    fn thread_cache(&self, hash: u64, same: impl Fn(&K) -> bool) -> Option<V> {
        self.thread_cache_with(hash, same, V::clone)
    }

    #[inline]
    fn thread_cache_with<R>(
        &self,
        hash: u64,
        same: impl Fn(&K) -> bool,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R> {
        let now = || self.store.now();
        let wanted = Wanted { store: self.store.number(), hash, quietly: false };
        thread_cache::with(|thread_cache| thread_cache.get(wanted, now, &same, read, |_| true))
            .flatten()
    }

    #[inline(never)]
    fn find(&self, hash: u64, same: &dyn Fn(&K) -> bool) -> Option<V> {
        self.find_with(hash, same, |value| Some(value.clone()))
    }

    fn find_with<R>(
        &self,
        hash: u64,
        same: &dyn Fn(&K) -> bool,
        read: impl FnOnce(&V) -> Option<R>,
    ) -> Option<R> {
        if self.store.is_disabled() {
            return None;
        }
        let found = self.store.get(hash);
        if let Some(entry) = &found
            && let Some(typed) = entry.of_key::<K, V>(same)
        {
            if self.store.serves(&**entry) {
                self.store.count_hit(hash, entry, &typed.head);
                self.config.used(typed, self.store.now());
                return read(&typed.value);
            }
            // No fill follows that would replace it.
            self.store.take_out(hash, entry, Cause::Expired);
        }
        if found.is_some() {
            self.store.count_miss(hash);
        }
        None
    }

    /// Stores a value for the cache's TTL. Running fills of the same key are killed: their results are not stored.
    pub fn insert(&self, key: K, value: V) {
        self.insert_for(key, value, self.config.ttl);
    }

    /// Stores a value with its own TTL; `None` does not expire, zero is not stored.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// let tokens = cachekit::Cache::new(10);
    /// tokens.insert_with_ttl("session", "secret", Some(Duration::from_secs(3600)));
    /// ```
    pub fn insert_with_ttl(&self, key: K, value: V, ttl: Option<Duration>) {
        self.insert_for(key, value, clock::span(ttl));
    }

    fn insert_for(&self, key: K, value: V, ttl: Ticks) {
        let hash = self.hash(&key);
        match self.plan(hash, (&key, &value), ttl) {
            Some(plan) => {
                let entry = Arc::new(self.store.entry(key, value, plan));
                self.store.put(hash, entry);
            }
            None => drop(self.take(&key)),
        }
    }

    fn plan(&self, hash: u64, entry: (&K, &V), ttl: Ticks) -> Option<Plan> {
        if ttl > 0 && self.config.is_plain() {
            return Some(Plan::until(clock::deadline(|| self.store.now(), ttl)));
        }
        self.config.plan(&self.store, hash, entry, ttl)
    }

    /// Removes the entry of a key, and kills the fills of the key. Returns the entry if it was alive.
    fn take<Q>(&self, key: &Q) -> Option<Resident>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.store.remove(self.hash(key), &|other| self.own(key, other).is_some())
    }

    /// The entry, if it belongs to the key.
    #[allow(clippy::unused_self)] // It says whose types they are.
    fn own<'a, Q>(&self, key: &Q, other: &'a dyn AnyEntry) -> Option<&'a Entry<K, V>>
    where
        Q: Equivalent<K> + ?Sized,
    {
        other.of_key(|owned| key.equivalent(owned))
    }

    /// Returns the cached value, or calls `f` and caches its result.
    ///
    /// `f` runs once, however many threads request the key at the same time; the others wait. If it
    /// panics, one of them takes over; if it takes longer than 2 seconds, one of them runs its own.
    pub fn get_or_insert_with<Q>(&self, key: &Q, f: impl FnOnce() -> V) -> V
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        match self.look_up::<Q, Plain<V>>(key, false) {
            Ok(value) => value,
            Err(miss) => miss.run(Defaults, f),
        }
    }

    /// Returns the cached value, or calls `f` and caches its result. An error is returned and not
    /// cached.
    ///
    /// # Errors
    ///
    /// The error that `f` returns.
    ///
    /// # Example
    ///
    /// ```
    /// let cache = cachekit::Cache::<String, u32>::new(10);
    /// assert!(cache.get_or_try_insert_with("x", || "x".parse::<u32>()).is_err());
    /// assert_eq!(cache.get_or_try_insert_with("7", || "7".parse::<u32>()), Ok(7));
    /// assert_eq!(cache.len(), 1);
    /// ```
    pub fn get_or_try_insert_with<Q, E>(
        &self,
        key: &Q,
        f: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        match self.look_up::<Q, OkOnly<V, E>>(key, false) {
            Ok(value) => value,
            Err(miss) => miss.run(Defaults, f),
        }
    }

    /// Returns the cached value, or awaits the future and caches its result. Needs no particular executor.
    ///
    /// # Example
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let cache = cachekit::Cache::<String, usize>::new(10);
    /// assert_eq!(cache.get_or_insert_async("abc", async { 3 }).await, 3);
    /// # });
    /// ```
    pub async fn get_or_insert_async<Q>(&self, key: &Q, future: impl Future<Output = V>) -> V
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let miss = match self.look_up::<Q, Plain<V>>(key, true) {
            Ok(value) => return value,
            Err(miss) => miss,
        };
        miss.run_async(pin!(Some(future))).await
    }

    /// Returns the cached value, or awaits the future and caches its result. An error is returned and not
    /// cached.
    ///
    /// # Errors
    ///
    /// The error that the future returns.
    pub async fn get_or_try_insert_async<Q, E>(
        &self,
        key: &Q,
        future: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let miss = match self.look_up::<Q, OkOnly<V, E>>(key, true) {
            Ok(value) => return value,
            Err(miss) => miss,
        };
        miss.run_async(pin!(Some(future))).await
    }

    /// Removes a value, and kills running fills of the same key. Returns whether there was a value.
    pub fn invalidate<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.store.count_invalidation();
        self.take(key).is_some()
    }

    /// Removes all values, and kills all running fills.
    pub fn clear(&self) {
        self.store.count_invalidation();
        self.store.clear();
    }

    /// Number of values held, including expired ones that no call has requested since.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether no value is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Weight of the values held; their number, unless the cache has a weigher.
    pub fn weight(&self) -> u64 {
        self.store.weight()
    }

    /// Counters since the cache was built.
    pub fn stats(&self) -> Stats {
        self.store.stats()
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("stats", &self.store.stats()).finish_non_exhaustive()
    }
}
