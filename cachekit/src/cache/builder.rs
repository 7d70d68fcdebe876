//! Options of a [`Cache`].

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::Cache;
use super::config::{Config, Weigh};
use crate::clock::{self, Clock, ClockSource};
use crate::expiry::Expiry;
use crate::scope;
use crate::store::{Cause, DEFAULT_CAPACITY, Listener};

/// Options of a [`Cache`]; see [`Cache::builder`].
///
/// # Example
///
/// ```
/// use cachekit::Cache;
/// use std::time::Duration;
///
/// // At most 64 MiB of pages, each for five minutes.
/// let pages = Cache::<String, Vec<u8>>::builder()
///     .capacity(64 << 20)
///     .weigher(|url: &String, page: &Vec<u8>| (url.len() + page.len()) as u64)
///     .ttl(Duration::from_secs(300))
///     .build();
/// pages.insert("/".to_owned(), vec![0; 4096]);
/// assert_eq!(pages.weight(), 4097);
/// ```
#[must_use = "nothing is built before `build()`"]
pub struct CacheBuilder<K, V> {
    capacity: u64,
    ttl: Option<Duration>,
    idle: Option<Duration>,
    weigh: Option<Weigh<K, V>>,
    expiry: Option<Arc<dyn Expiry<K, V>>>,
    listener: Option<Listener>,
    clock: Option<Clock>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> CacheBuilder<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self {
            capacity: DEFAULT_CAPACITY,
            ttl: None,
            idle: None,
            weigh: None,
            expiry: None,
            listener: None,
            clock: None,
            types: PhantomData,
        }
    }

    /// Maximum number of entries; with a [`weigher`](Self::weigher), maximum weight. 0 turns
    /// the cache off: every call runs its function, and nothing is stored.
    ///
    /// # Example
    ///
    /// ```
    /// let off = cachekit::Cache::<u32, u32>::builder().capacity(0).build();
    /// off.insert(1, 10);
    /// assert_eq!(off.get(&1), None);
    /// assert_eq!(off.get_or_insert_with(&1, || 11), 11);
    /// ```
    pub fn capacity(mut self, capacity: u64) -> Self {
        self.capacity = capacity;
        self
    }

    /// How long entries live. Without it they stay until they are evicted. Zero: nothing is stored, except
    /// with a TTL of its own ([`Cache::insert_with_ttl`], a `ttl` in an attribute).
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How long unused entries live. A use is a call that is served the value. Each use restarts the period, but never
    /// beyond the [`ttl`](Self::ttl). Uses are recorded with the resolution of the coarse clock, 1 to 10 milliseconds.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let clock = cachekit::testing::Clock::new();
    /// let sessions = cachekit::Cache::builder().idle(Duration::from_secs(600)).clock(&clock).build();
    /// sessions.insert("ada", 1);
    /// clock.advance(Duration::from_secs(500));
    /// assert_eq!(sessions.get("ada"), Some(1));
    /// clock.advance(Duration::from_secs(500));
    /// assert_eq!(sessions.get("ada"), Some(1));
    /// clock.advance(Duration::from_secs(600));
    /// assert_eq!(sessions.get("ada"), None);
    /// ```
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// Decides for each entry how long it stays: when it is created, replaced and read. Together with
    /// [`ttl`](Self::ttl) or [`idle`](Self::idle), the shortest limit counts.
    ///
    /// Every hit of such a cache takes the lock of a shard, since it may change the entry's expiry.
    pub fn expiry(mut self, expiry: impl Expiry<K, V> + 'static) -> Self {
        self.expiry = Some(Arc::new(expiry));
        self
    }

    /// Called for every entry that leaves, with the [`Cause`]: after it left, on the thread that removed it, and with
    /// no lock held. A panic of the listener is caught; the panic hook reports it.
    ///
    /// An expired entry leaves when a call looks it up, when space is needed, or in passing ([`Cache::purge`]), not at
    /// the moment of expiry.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit::{Cache, Cause};
    /// use std::sync::{Arc, Mutex};
    ///
    /// let left = Arc::new(Mutex::new(Vec::new()));
    /// let log = Arc::clone(&left);
    /// let cache = Cache::builder()
    ///     .listener(move |key: &u64, _value: &String, cause| log.lock().unwrap().push((*key, cause)))
    ///     .build();
    /// cache.insert(7, "seven".to_owned());
    /// cache.invalidate(&7);
    /// assert_eq!(*left.lock().unwrap(), [(7, Cause::Removed)]);
    /// ```
    pub fn listener(mut self, listener: impl Fn(&K, &V, Cause) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(move |entry, cause| {
            if let Some(entry) = entry.typed::<K, V>() {
                listener(&entry.key, &entry.value, cause);
            }
        }));
        self
    }

    /// How much of the capacity an entry takes, at least 1. Called once per entry, when it is stored. An
    /// entry that is too heavy for the cache is not kept.
    pub fn weigher(mut self, weigh: impl Fn(&K, &V) -> u64 + Send + Sync + 'static) -> Self {
        self.weigh = Some(Arc::new(weigh));
        self
    }

    /// Reads the time from a mock clock.
    pub fn clock(mut self, clock: &Clock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// Builds the cache.
    #[must_use]
    pub fn build(self) -> Cache<K, V> {
        let clock = self.clock.map_or_else(scope::clock, ClockSource::Manual);
        Cache::from_config(
            self.capacity,
            clock,
            Config {
                ttl: clock::span(self.ttl),
                idle: clock::span(self.idle),
                weigh: self.weigh,
                expiry: self.expiry,
            },
            self.listener,
        )
    }
}

impl<K, V> fmt::Debug for CacheBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("capacity", &self.capacity)
            .field("ttl", &self.ttl)
            .field("idle", &self.idle)
            .field("weighted", &self.weigh.is_some())
            .finish_non_exhaustive()
    }
}
