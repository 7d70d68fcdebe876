//! Options of a [`Cache`].

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::object::{Cache, Config};
use crate::read_through::Weigh;
use crate::store::DEFAULT_CAPACITY;
use crate::testing::{Clock, ClockSource};

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
    weigh: Option<Weigh<K, V>>,
    clock: Option<Clock>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> CacheBuilder<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self { capacity: DEFAULT_CAPACITY, ttl: None, weigh: None, clock: None, types: PhantomData }
    }

    /// How many entries the cache holds at most; with a [`weigher`](Self::weigher), how much weight. 0 switches
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

    /// How long entries live. Without it they stay until they have to make room. Zero: nothing is stored, except
    /// for a time of its own ([`Cache::insert_with_ttl`], a `ttl` in an attribute).
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How much of the capacity an entry takes, at least 1. Called once per entry, when it is stored. An
    /// entry too heavy for the cache is not kept.
    pub fn weigher(mut self, weigh: impl Fn(&K, &V) -> u64 + Send + Sync + 'static) -> Self {
        self.weigh = Some(Arc::new(weigh));
        self
    }

    /// Reads the time from a clock that a test turns.
    pub fn clock(mut self, clock: &Clock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// The cache.
    #[must_use]
    pub fn build(self) -> Cache<K, V> {
        let clock = self.clock.map_or_else(ClockSource::current, ClockSource::Manual);
        Cache::from_config(
            self.capacity,
            clock,
            Config { ttl: clock::span(self.ttl), weigh: self.weigh },
        )
    }
}

impl<K, V> fmt::Debug for CacheBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("capacity", &self.capacity)
            .field("ttl", &self.ttl)
            .field("weighted", &self.weigh.is_some())
            .finish_non_exhaustive()
    }
}
