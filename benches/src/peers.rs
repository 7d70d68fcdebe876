//! The peers: functions annotated with `cached`, and the caches one would call by hand.

// What is measured is the cache around the function, not what the function awaits.
#![expect(clippy::unused_async)]

use std::hash::Hash;
use std::sync::Arc;

use bytes::Bytes;
use cached::macros::{cached, concurrent_cached};

use crate::subjects::{self, CAPACITY, Counter, Profile, TTL};

pub(crate) static CACHED_MISSES: Counter = Counter::new();
pub(crate) static CONCURRENT_MISSES: Counter = Counter::new();
pub(crate) static CACHED_COLD_RUNS: Counter = Counter::new();

pub(crate) type Quick<K, V> = quick_cache::sync::Cache<K, V>;
pub(crate) type Moka<K, V> = moka::sync::Cache<K, V>;
pub(crate) type MokaAsync<K, V> = moka::future::Cache<K, V>;
pub(crate) type Papaya<K, V> = papaya::HashMap<K, V>;

pub(crate) fn quick<K, V>() -> Quick<K, V>
where
    K: Hash + Eq,
    V: Clone,
{
    quick_for(CAPACITY)
}

/// A `quick_cache` for `capacity` entries.
pub(crate) fn quick_for<K, V>(capacity: u64) -> Quick<K, V>
where
    K: Hash + Eq,
    V: Clone,
{
    Quick::new(usize::try_from(capacity).expect("a capacity that fits memory"))
}

pub(crate) fn moka<K, V>() -> Moka<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Moka::builder().max_capacity(CAPACITY).time_to_live(TTL).build()
}

pub(crate) fn moka_async<K, V>() -> MokaAsync<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    MokaAsync::builder().max_capacity(CAPACITY).time_to_live(TTL).build()
}

#[cached]
pub(crate) fn number(key: u64) -> u64 {
    subjects::number(key)
}

#[cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) fn number_bounded(key: u64) -> u64 {
    subjects::number(key)
}

#[cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) fn many(key: u64) -> u64 {
    subjects::number(key)
}

#[concurrent_cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) fn number_concurrent(key: u64) -> u64 {
    subjects::number(key)
}

#[cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) async fn number_async(key: u64) -> u64 {
    subjects::number(key)
}

#[concurrent_cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) async fn number_async_concurrent(key: u64) -> u64 {
    subjects::number(key)
}

#[cached]
pub(crate) fn profile(tenant: &str, id: u64) -> Profile {
    subjects::profile(tenant, id)
}

#[cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) fn profile_bounded(tenant: &str, id: u64) -> Profile {
    subjects::profile(tenant, id)
}

#[cached]
pub(crate) fn shared_profile(tenant: &str, id: u64) -> Arc<Profile> {
    subjects::shared_profile(tenant, id)
}

#[cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) fn shared_profile_bounded(tenant: &str, id: u64) -> Arc<Profile> {
    subjects::shared_profile(tenant, id)
}

#[cached]
pub(crate) fn vector(key: u64) -> Vec<u8> {
    subjects::vector(key)
}

#[cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) fn vector_bounded(key: u64) -> Vec<u8> {
    subjects::vector(key)
}

#[cached]
pub(crate) fn bytes(key: u64) -> Bytes {
    subjects::bytes(key)
}

#[cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) fn bytes_bounded(key: u64) -> Bytes {
    subjects::bytes(key)
}

#[cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) fn skewed(key: u64) -> u64 {
    CACHED_MISSES.add();
    subjects::number(key)
}

#[concurrent_cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) fn skewed_concurrent(key: u64) -> u64 {
    CONCURRENT_MISSES.add();
    subjects::number(key)
}

#[cached(max_size = 10_000)]
pub(crate) fn churned(key: u64) -> u64 {
    subjects::number(key)
}

#[cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) fn churned_bounded(key: u64) -> u64 {
    subjects::number(key)
}

#[concurrent_cached(max_size = 10_000, ttl_secs = 60)]
pub(crate) fn churned_concurrent(key: u64) -> u64 {
    subjects::number(key)
}

#[cached(max_size = 10_000, ttl_secs = 60, sync_writes = "by_key")]
pub(crate) async fn cold(key: u64) -> u64 {
    CACHED_COLD_RUNS.add();
    subjects::slow_number(key).await
}
