use std::sync::Arc;
use std::time::Duration;

use crate::Cache;

#[test]
fn caches_of_one_type_are_apart_and_clones_are_one() {
    let a = Cache::<u64, u64>::new(10);
    let b = Cache::<u64, u64>::new(10);
    a.insert(1, 10);
    assert_eq!((a.get(&1), b.get(&1), a.clone().get(&1)), (Some(10), None, Some(10)));
    assert!(!b.invalidate(&1));
    assert!(a.clone().invalidate(&1));
    assert_eq!(a.get(&1), None);
}

#[test]
fn counters_count() {
    let cache = Cache::<u64, u64>::new(10);
    assert_eq!(cache.stats().hit_ratio(), None);
    cache.get(&1);
    cache.get_or_insert_with(&1, || 1);
    for _ in 0..5 {
        cache.get(&1);
    }
    cache.invalidate(&1);
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.loads), (5, 2, 1));
    assert_eq!((stats.invalidations, stats.entries), (1, 0));
    assert_eq!(stats.to_string(), "5 hits, 2 misses (71.4 % hits), 0 entries");
}

#[test]
fn a_ttl_of_zero_removes() {
    let cache = Cache::<&str, u64>::new(10);
    cache.insert("a", 1);
    cache.insert_with_ttl("a", 2, Some(Duration::ZERO));
    assert_eq!(cache.get("a"), None);
}

#[test]
fn a_dropped_cache_lets_go_of_its_values() {
    let value = Arc::new(());
    let cache = Cache::<u64, Arc<()>>::new(10);
    cache.insert(1, Arc::clone(&value));
    cache.get(&1);
    drop(cache);
    // This thread's front was swept on the way.
    assert_eq!(Arc::strong_count(&value), 1);
}
