//! Changing a value based on the current one.

use std::hash::Hash;
use std::sync::Arc;

use super::Cache;
use crate::flight::wait_graph;
use crate::read_through::Plans;
use crate::store::{Flight, Turn, block_until_over};

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Replaces a value by the result of `f`, or stores the first one. Returns the new value.
    ///
    /// Calls for one key run one after the other, so none is lost; calls for other keys do not wait. A fill of the key
    /// that is running, or begins while `f` runs, is not stored. If the key is inserted or invalidated while `f` runs, that
    /// change wins, and the result of `f` is only returned. A nested call for the same key runs at once, and the outer call
    /// wins. If two threads nest calls for each other's keys, they do not wait for each other: the results of the inner calls
    /// are then not stored.
    ///
    /// # Panics
    ///
    /// If `f` panics. The value then stays as it was.
    ///
    /// # Example
    ///
    /// ```
    /// let visits = cachekit::Cache::new(1_000);
    /// for page in ["/", "/about", "/"] {
    ///     visits.upsert(page, |seen| seen.map_or(1, |seen| seen + 1));
    /// }
    /// assert_eq!((visits.get("/"), visits.get("/about")), (Some(2), Some(1)));
    /// ```
    pub fn upsert(&self, key: K, f: impl FnOnce(Option<&V>) -> V) -> V {
        let mut made = None;
        self.compute(key, |value| {
            let value = f(value);
            made = Some(value.clone());
            Some(value)
        });
        made.unwrap_or_else(|| unreachable!("it was called"))
    }

    /// Replaces a value by the result of `f`, as [`upsert`](Self::upsert) does; `None` removes it. Returns the result
    /// of `f`.
    ///
    /// # Panics
    ///
    /// If `f` panics. The value then stays as it was.
    ///
    /// # Example
    ///
    /// ```
    /// let stock = cachekit::Cache::new(1_000);
    /// stock.insert("tea", 2);
    /// let take_one = |left: Option<&u32>| left.map(|left| left - 1).filter(|left| *left > 0);
    /// assert_eq!(stock.compute("tea", take_one), Some(1));
    /// assert_eq!(stock.compute("tea", take_one), None);
    /// assert!(!stock.contains("tea"));
    /// ```
    pub fn compute(&self, key: K, f: impl FnOnce(Option<&V>) -> Option<V>) -> Option<V> {
        if self.store.is_disabled() {
            return f(None);
        }
        let hash = self.hash(&key);
        let flight = self.turn(hash);
        // Until the user's code is over: rules, weights and clones may call the cache, too.
        let running = wait_graph::enter(flight.id());
        let seen = self.store.fresh(hash).filter(|entry| self.own(&key, &**entry).is_some());
        let old = seen.as_deref().and_then(|entry| self.own(&key, entry));
        let made = f(old.map(|old| &old.value));
        let plan = made.as_ref().and_then(|value| {
            let plan = self.config.plan(&self.store, hash, (&key, value), self.config.ttl)?;
            Some((plan, value.clone()))
        });
        drop(running);
        match plan {
            Some((plan, value)) => {
                let now = self.store.now();
                let entry = Arc::new(self.store.entry(key, value, plan));
                flight.land(entry, now);
            }
            None => flight.land_nothing(),
        }
        made
    }

    /// Waits until no other such call runs for the key.
    fn turn(&self, hash: u64) -> Flight {
        loop {
            match self.store.turn(hash) {
                Turn::Mine(row) => return Flight::new(self.keep(), hash, row, false),
                Turn::Alone(row) => return Flight::new(self.keep(), hash, row, true),
                Turn::Wait(waiting) => block_until_over(waiting.wait(), &self.keep(), hash),
            }
        }
    }
}
