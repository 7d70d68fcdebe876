//! The annotated functions of this project, as a user would write them.

use std::sync::Arc;

use bytes::Bytes;
use cachekit::cache;

use crate::subjects::{self, Counter, Person, Profile};

/// Runs of the functions that the workloads of hits call: one for each key.
pub(crate) static HIT_RUNS: Counter = Counter::new();
pub(crate) static MANY_RUNS: Counter = Counter::new();
pub(crate) static CHURN_RUNS: Counter = Counter::new();
pub(crate) static SKEWED_MISSES: Counter = Counter::new();
pub(crate) static COLD_RUNS: Counter = Counter::new();

#[cache(ttl = 60, capacity = 10_000)]
pub(crate) fn number(key: u64) -> u64 {
    HIT_RUNS.add();
    subjects::number(key)
}

#[cache(ttl = 60, capacity = 10_000)]
pub(crate) async fn number_async(key: u64) -> u64 {
    HIT_RUNS.add();
    subjects::number(key)
}

#[cache(ttl = 60, capacity = 10_000)]
pub(crate) fn many(key: u64) -> u64 {
    MANY_RUNS.add();
    subjects::number(key)
}

#[cache::local(ttl = 60, capacity = 10_000)]
pub(crate) fn profile(tenant: &str, id: u64) -> Profile {
    HIT_RUNS.add();
    subjects::profile(tenant, id)
}

#[cache::local(ttl = 60, capacity = 10_000)]
pub(crate) fn shared_profile(tenant: &str, id: u64) -> Arc<Profile> {
    HIT_RUNS.add();
    subjects::shared_profile(tenant, id)
}

#[cache::local(ttl = 60, capacity = 10_000)]
pub(crate) fn shared_by_number(id: u64) -> Arc<Profile> {
    HIT_RUNS.add();
    subjects::shared_profile(subjects::TENANTS[0], id)
}

#[cache::local(ttl = 60, capacity = 10_000)]
pub(crate) fn vector(key: u64) -> Vec<u8> {
    HIT_RUNS.add();
    subjects::vector(key)
}

#[cache::local(ttl = 60, capacity = 10_000)]
pub(crate) fn shared_bytes(key: u64) -> Bytes {
    HIT_RUNS.add();
    subjects::bytes(key)
}

#[cache(ttl = 60, capacity = 10_000)]
pub(crate) fn person(id: u64) -> Person {
    HIT_RUNS.add();
    subjects::person(id)
}

#[cache::secure(ttl = 60, capacity = 10_000, namespace = "benches")]
pub(crate) fn person_sealed(id: u64) -> Person {
    HIT_RUNS.add();
    subjects::person(id)
}

#[cache::secure(ttl = 60, capacity = 10_000, namespace = "benches", l1 = typed)]
pub(crate) fn person_typed(id: u64) -> Person {
    HIT_RUNS.add();
    subjects::person(id)
}

#[cache(ttl = 60, capacity = 10_000)]
pub(crate) fn skewed(key: u64) -> u64 {
    SKEWED_MISSES.add();
    subjects::number(key)
}

#[cache(ttl = 60, capacity = 10_000)]
pub(crate) fn churned(key: u64) -> u64 {
    CHURN_RUNS.add();
    subjects::number(key)
}

#[cache(ttl = 60, capacity = 10_000)]
pub(crate) async fn cold(key: u64) -> u64 {
    COLD_RUNS.add();
    subjects::slow_number(key).await
}
