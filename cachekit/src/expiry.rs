//! When the entries of a [`Cache`](crate::Cache) expire, decided for each.

use std::time::Duration;

/// How long entries stay, decided when one is created, replaced or read. See
/// [`CacheBuilder::expiry`](crate::CacheBuilder::expiry).
///
/// All durations count from the moment of the call. `None` means no expiry; zero means not stored. The methods run
/// without a lock. A panic propagates to the call that triggered it.
///
/// # Example
///
/// ```
/// use cachekit::{Cache, Expiry};
/// use std::time::Duration;
///
/// struct Session { admin: bool }
///
/// /// Sessions live for an hour, those of administrators for a minute, and a use keeps them.
/// struct Rules;
///
/// impl Expiry<u64, std::sync::Arc<Session>> for Rules {
///     fn after_create(&self, _: &u64, session: &std::sync::Arc<Session>) -> Option<Duration> {
///         Some(Duration::from_secs(if session.admin { 60 } else { 3600 }))
///     }
///     fn after_read(
///         &self,
///         key: &u64,
///         session: &std::sync::Arc<Session>,
///         _left: Option<Duration>,
///     ) -> Option<Duration> {
///         self.after_create(key, session)
///     }
/// }
///
/// let sessions = Cache::builder().expiry(Rules).build();
/// sessions.insert(7, std::sync::Arc::new(Session { admin: true }));
/// assert!(sessions.get(&7).is_some_and(|session| session.admin));
/// ```
pub trait Expiry<K, V>: Send + Sync {
    /// How long a new entry stays.
    fn after_create(&self, key: &K, value: &V) -> Option<Duration>;

    /// How long an entry stays that replaces one with this much time left. By default, as long as a new one.
    fn after_update(&self, key: &K, value: &V, _left: Option<Duration>) -> Option<Duration> {
        self.after_create(key, value)
    }

    /// How long an entry stays that is read and has this much time left. By default, nothing changes.
    fn after_read(&self, _key: &K, _value: &V, left: Option<Duration>) -> Option<Duration> {
        left
    }
}
