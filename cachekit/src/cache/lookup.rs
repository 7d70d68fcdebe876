//! How a cache's calls use the same look-up as annotated functions.

use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use equivalent::Equivalent;

use super::Cache;
use crate::clock::{NEVER, Ticks};
use crate::key::CacheKey;
use crate::read_through::{Lookup, Miss, Plans, find};
use crate::shape::Shape;
use crate::store::{Caller, StoreRef};

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn look_up<Q, S>(&self, key: &Q, asynchronous: bool) -> Result<S::Return, Miss<K, S>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
        S: Shape<Stored = V>,
    {
        let borrowed = Borrowed(key, PhantomData::<K>);
        self.look_up_key::<_, S>(self.hash(key), &borrowed, NEVER, asynchronous)
    }

    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.store.running()
    }

    /// `ttl`: how long the value lives, unless the cache says so.
    #[inline]
    pub(super) fn look_up_key<Q, S>(
        &self,
        hash: u64,
        key: &Q,
        ttl: Ticks,
        asynchronous: bool,
    ) -> Result<S::Return, Miss<K, S>>
    where
        Q: CacheKey<Owned = K>,
        S: Shape<Stored = V>,
    {
        // Read to here: a large value is copied once.
        let mut found = None;
        let same = |owned: &K| key.matches(owned);
        self.thread_cache_with(hash, same, |stored| found = S::read(stored).ok());
        if let Some(value) = found {
            return Ok(value);
        }
        let lookup = Lookup {
            store: &self.store,
            hash,
            key,
            ttl: if ttl == NEVER { self.config.ttl } else { ttl },
            window: 0,
            idle: NEVER,
            caller: Caller { asynchronous, asks: false },
            refreshes: true,
            remote: None,
            keep: &|| self.keep(),
        };
        if self.config.is_plain() { find(lookup) } else { self.look_up_by_rules(lookup) }
    }

    #[inline(never)]
    fn look_up_by_rules<Q, S>(&self, lookup: Lookup<'_, Q, S>) -> Result<S::Return, Miss<K, S>>
    where
        Q: CacheKey<Owned = K>,
        S: Shape<Stored = V>,
    {
        let rules = || Arc::clone(&self.config) as Arc<dyn Plans<K, V>>;
        if self.config.expiry.is_some()
            && let Some(entry) = self.store.fresh(lookup.hash)
            && let Some(entry) = entry.of_key::<K, V>(|owned| lookup.key.matches(owned))
        {
            // A use may change its time.
            self.config.used(entry, self.store.now());
        }
        find(lookup).map_err(|miss| miss.planned(rules()))
    }

    pub(super) fn keep(&self) -> StoreRef {
        StoreRef::Shared(Arc::clone(&self.store))
    }
}

/// A borrowed key, in the form that the read-through requires.
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
