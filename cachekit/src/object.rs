//! The cache as an object: the same store, flights and fronts that stand under the attributes.

use std::any::TypeId;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use equivalent::Equivalent;

use crate::builder::CacheBuilder;
use crate::clock::{self, NEVER, Ticks};
use crate::entry::{AnyEntry, Entry, Plan, mix};
use crate::front;
use crate::key::{CacheKey, Lookup, hash_of};
use crate::read_through::{Miss, Remote, Target, Weigh, find};
use crate::shape::{OkOnly, Plain, Shape};
use crate::site::{Site, StoreRef};
use crate::stats::Stats;
use crate::store::{Caller, Capacity, Cause, Store};
use crate::testing::ClockSource;

#[cfg(test)]
mod tests;

/// A bounded in-process cache: typed keys and values, expiry, single-flight, hits without locks.
///
/// Cheap to clone; all clones are one cache. Use it as a field where every object shall own its cache, and
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
    /// Spreads the hashes of this cache apart from those of others.
    spread: u64,
    store: Arc<Store>,
    config: Arc<Config<K, V>>,
}

pub(crate) struct Config<K, V> {
    pub(crate) ttl: Ticks,
    pub(crate) weigh: Option<Weigh<K, V>>,
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self { spread: self.spread, store: Arc::clone(&self.store), config: Arc::clone(&self.config) }
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

    /// A cache of up to `capacity` entries that do not expire. With 0 it is off: nothing is stored.
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

    pub(crate) fn from_config(capacity: u64, clock: ClockSource, config: Config<K, V>) -> Self {
        /// The owner of what belongs to no function.
        struct Direct;
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let spread = mix(0, TypeId::of::<Direct>(), NEXT.fetch_add(1, Ordering::Relaxed));
        let capacity = match config.weigh {
            Some(_) => Capacity::Weight(capacity),
            None => Capacity::Entries(capacity),
        };
        let store = Arc::new(Store::new(capacity, clock, crate::disabled()));
        Self { spread, store, config: Arc::new(config) }
    }

    fn place(&self, hash: u64) -> u64 {
        hash ^ self.spread
    }

    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.place(Lookup(key).hash())
    }

    /// The cached value, if there is one and it has not expired.
    ///
    /// The key may be any borrowed form of `K`: `&str` for `String`, `(&str, u64)` for `(String, u64)`
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
        match self.front(hash, |owned| key.equivalent(owned)) {
            Some(value) => Some(value),
            None => self.find(hash, &|owned| key.equivalent(owned)),
        }
    }

    #[inline]
    fn front(&self, hash: u64, same: impl FnOnce(&K) -> bool) -> Option<V> {
        let now = || self.store.now();
        front::with(|front| front.get(self.store.number(), hash, now, same, V::clone)).flatten()
    }

    #[inline(never)]
    fn find(&self, hash: u64, same: &dyn Fn(&K) -> bool) -> Option<V> {
        if self.store.is_disabled() {
            return None;
        }
        if let Some(entry) = self.store.peek(hash)
            && let Some(typed) = typed::<K, V>(&*entry, same)
        {
            if self.store.serves(&*entry) {
                self.store.count_hit(hash, &entry, &typed.head);
                return Some(typed.value.clone());
            }
            // No fill comes to replace it.
            self.store.take_out(hash, &entry, Cause::Expired);
        }
        self.store.count_miss(hash);
        None
    }

    /// Whether there is a value that has not expired. Does not count as a use.
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let entry = self.store.fresh(self.hash(key));
        entry.is_some_and(|entry| self.is_same(key, &*entry))
    }

    /// Stores a value for the cache's TTL. Fills of the same key that are running are not stored.
    pub fn insert(&self, key: K, value: V) {
        self.insert_for(key, value, self.config.ttl);
    }

    /// Stores a value for a time of its own; `None` does not expire, zero is not stored.
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
        if ttl == 0 {
            self.remove(&key);
            return;
        }
        let hash = self.hash(&key);
        let weight = self.config.weigh.as_ref().map_or(1, |weigh| weigh(&key, &value));
        let expires = clock::deadline(|| self.store.now(), ttl);
        let entry = self.store.entry(key, value, Plan { weight, ..Plan::until(expires) });
        self.store.put(hash, Arc::new(entry));
    }

    fn remove<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hash(key);
        self.store.remove(hash, &|other| self.is_same(key, other)).is_some()
    }

    #[allow(clippy::unused_self)] // It says whose types they are.
    fn is_same<Q>(&self, key: &Q, other: &dyn AnyEntry) -> bool
    where
        Q: Equivalent<K> + ?Sized,
    {
        typed::<K, V>(other, &|owned| key.equivalent(owned)).is_some()
    }

    /// The cached value, or the one that `f` returns, which is then cached.
    ///
    /// `f` runs once however many threads ask for the key at the same time; the others wait. If it
    /// panics, one of them takes over; if it takes longer than 2 seconds, one of them runs its own.
    pub fn get_or_insert_with<Q>(&self, key: &Q, f: impl FnOnce() -> V) -> V
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        match self.look_up::<Q, Plain<V>>(key, false) {
            Ok(value) => value,
            Err(miss) => miss.run(f),
        }
    }

    /// The cached value, or the one that `f` returns, which is then cached. An error is returned and not
    /// cached.
    ///
    /// # Errors
    ///
    /// What `f` returns.
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
            Err(miss) => miss.run(f),
        }
    }

    /// The cached value, or the one the future gives, which is then cached. Needs no particular executor.
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

    /// The cached value, or the one the future gives, which is then cached. An error is returned and not
    /// cached.
    ///
    /// # Errors
    ///
    /// What the future gives.
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

    fn look_up<Q, S>(&self, key: &Q, asynchronous: bool) -> Result<S::Return, Miss<K, S>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
        S: Shape<Stored = V>,
    {
        let hash = self.hash(key);
        // Read to here: a large value is copied once.
        let mut found = None;
        let now = || self.store.now();
        let same = |owned: &K| key.equivalent(owned);
        let read = |stored: &V| found = S::read(stored).ok();
        front::with(|front| front.get(self.store.number(), hash, now, same, read));
        if let Some(value) = found {
            return Ok(value);
        }
        let borrowed = Borrowed(key, PhantomData::<K>);
        find::<_, S>(&self.target(hash, NEVER, asynchronous), &borrowed, Remote::nowhere, || self.keep())
            .map_err(|miss| miss.weighed(self.config.weigh.as_ref()))
    }

    #[cfg(test)]
    #[cfg_attr(not(cachekit_model), allow(dead_code))]
    pub(crate) fn running(&self) -> usize {
        self.store.running()
    }

    fn keep(&self) -> StoreRef {
        StoreRef::Shared(Arc::clone(&self.store))
    }

    fn target(&self, hash: u64, ttl: Ticks, asynchronous: bool) -> Target<'_> {
        Target {
            store: &self.store,
            hash,
            ttl: if ttl == NEVER { self.config.ttl } else { ttl },
            window: 0,
            caller: Caller { asynchronous, asks: false },
        }
    }

    /// Removes a value. Fills of the same key that are running are not stored. True if there was one.
    pub fn invalidate<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.store.count_invalidation();
        self.remove(key)
    }

    /// Removes all values. Fills that are running are not stored.
    pub fn clear(&self) {
        self.store.count_invalidation();
        self.store.clear();
    }

    /// Values held, expired ones that nobody asked for since included.
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

fn typed<'a, K: 'static, V: 'static>(
    entry: &'a dyn AnyEntry,
    same: &dyn Fn(&K) -> bool,
) -> Option<&'a Entry<K, V>> {
    entry.typed::<K, V>().filter(|entry| same(&entry.key))
}

/// A borrowed key, as the read-through wants it.
struct Borrowed<'a, Q: ?Sized, K>(&'a Q, PhantomData<K>);

impl<Q, K> CacheKey for Borrowed<'_, Q, K>
where
    Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    K: Eq + Send + Sync + 'static,
{
    type Owned = K;
    fn hash_key<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
    fn matches(&self, owned: &K) -> bool {
        self.0.equivalent(owned)
    }
    fn to_owned_key(&self) -> K {
        self.0.to_owned()
    }
}

/// Looks a call up in the cache that its attribute names with `in = …`.
#[inline]
pub(crate) fn lookup_in<Q, S, V>(
    cache: &Cache<Q::Owned, V>,
    site: &'static Site,
    _shape: S,
    key: Q,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    Q::Owned: Hash,
    V: Clone + Send + Sync + 'static,
    S: Shape<Stored = V>,
{
    let hash = cache.place(hash_of(&key));
    if let Some(value) = cache.front(hash, |owned| key.matches(owned))
        && let Ok(value) = S::open(value)
    {
        return Ok(value);
    }
    find::<Q, S>(&cache.target(hash, site.ttl(), site.info.policy.is_async), &key, Remote::nowhere, || cache.keep())
        .map_err(|miss| miss.weighed(cache.config.weigh.as_ref()))
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("stats", &self.store.stats()).finish_non_exhaustive()
    }
}
