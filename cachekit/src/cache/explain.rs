//! What a look-up would find, and why.

use std::hash::Hash;

use equivalent::Equivalent;

use super::Cache;
use crate::explain::{Explanation, Process, Shared};

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// What a look-up of this key would find, and why. Changes nothing: it does not count as a use of
    /// the entry.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit::explain::{Next, ProcessState};
    ///
    /// let cache = cachekit::Cache::new(10);
    /// cache.insert("a", 1);
    /// assert_eq!(cache.explain("a").next, Next::Process);
    /// assert_eq!(cache.explain("b").process.state, ProcessState::Absent);
    /// ```
    pub fn explain<Q>(&self, key: &Q) -> Explanation
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hash(key);
        let entry = self.store.peek(hash);
        let entry = entry.as_ref().and_then(|entry| self.own(key, &**entry));
        let process = entry.map_or(Process::ABSENT, |entry| self.store.explain_entry(&entry.head));
        self.store.explain(hash, "cachekit::Cache".to_owned(), process, (Shared::not_used(), false))
    }
}
