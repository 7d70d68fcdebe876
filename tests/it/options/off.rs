//! A capacity of nothing, a time of nothing, and caching switched off: functions run, and nothing else changes.

use std::sync::Arc;
use std::time::Duration;

use cachekit::testing::{Scope, isolate};
use cachekit::{Cache, cache};
use cachekit_io::MemoryBackend;
use cachekit_tests::{Runs, block_on, together};

static RUNS: Runs = Runs::new();

const NOTHING: usize = 0;

/// What an object that is off does, whatever made it so.
fn is_off(cache: &Cache<u32, u32>) {
    for value in [1, 2] {
        assert_eq!(cache.get_or_insert_with(&7, || value), value);
        assert_eq!(cache.get_or_try_insert_with(&7, || Ok::<_, ()>(value)), Ok(value));
        assert_eq!(block_on(cache.get_or_insert_async(&7, async { value })), value);
        let tried = block_on(cache.get_or_try_insert_async(&7, async { Ok::<_, ()>(value) }));
        assert_eq!(tried, Ok(value));
        assert_eq!(cachekit::refresh(|| cache.get_or_insert_with(&7, || value)), value);
        cache.insert(7, value);
        assert_eq!((cache.get(&7), cache.contains(&7), cache.invalidate(&7)), (None, false, false));
    }
    let seen = together(4, |_| cache.get_or_insert_with(&7, || 3));
    assert_eq!(seen, [3; 4]);
    cache.clear();
    assert_eq!((cache.len(), cache.weight(), cache.is_empty()), (0, 0, true));
    assert_eq!((cache.stats().entries, cache.stats().evictions), (0, 0));
}

#[test]
fn objects_of_nothing() {
    is_off(&Cache::new(0));
    is_off(&Cache::builder().capacity(0).build());
    is_off(&Cache::builder().capacity(0).weigher(|_, _| 0).build());
    is_off(&Cache::builder().capacity(0).ttl(Duration::ZERO).build());
    is_off(&Cache::builder().ttl(Duration::ZERO).build());
    is_off(&Cache::builder().ttl(Duration::ZERO).weigher(|_, _| 1).build());
}

#[test]
fn a_capacity_of_nothing_takes_nothing_with_a_time_of_its_own_either() {
    let off = Cache::<u32, u32>::new(0);
    off.insert_with_ttl(1, 1, None);
    off.insert_with_ttl(1, 1, Some(Duration::MAX));
    assert_eq!(off.get(&1), None);
    // A cache without time does: it was asked for.
    let timed = Cache::<u32, u32>::builder().ttl(Duration::ZERO).build();
    timed.insert_with_ttl(1, 1, Some(Duration::from_secs(60)));
    assert_eq!(timed.get(&1), Some(1));
    timed.insert_with_ttl(1, 2, Some(Duration::ZERO));
    assert_eq!(timed.get(&1), None);
}

#[test]
fn weights_of_nothing_count_as_one() {
    let cache = Cache::<u32, u32>::builder().capacity(2).weigher(|_, _| 0).build();
    (0..10).for_each(|n| cache.insert(n, n));
    assert!(cache.len() <= 2 && cache.weight() <= 2);
    #[cache::local(capacity = 2, weight = |_, _| 0)]
    fn weightless(n: u32) -> u32 {
        n
    }
    let _test = isolate();
    (0..10).for_each(|n| assert_eq!(weightless(n), n));
    assert!(weightless::stats().entries <= 2);
}

#[cache(capacity = NOTHING)]
fn none(n: u32) -> u32 {
    RUNS.add();
    n * 2
}

#[cache(capacity = NOTHING, weight = |_, _| 1)]
async fn none_later(n: u32) -> Result<u32, String> {
    RUNS.add();
    Ok(n * 2)
}

#[cache(ttl = Duration::ZERO)]
fn no_time(n: u32) -> u32 {
    RUNS.add();
    n * 2
}

#[cache(ttl = |_| 0)]
async fn no_time_later(n: u32) -> Option<u32> {
    RUNS.add();
    Some(n * 2)
}

#[cache(ttl = Duration::ZERO, stale = 30)]
fn no_time_stale(n: u32) -> u32 {
    RUNS.add();
    n * 2
}

fn functions_are_off() {
    RUNS.take();
    for _ in 0..3 {
        assert_eq!((none(2), no_time(2), no_time_stale(2)), (4, 4, 4));
        assert_eq!(
            block_on(async { (none_later(2).await, no_time_later(2).await) }),
            (Ok(4), Some(4))
        );
        none::set(&2, 9);
        no_time::set(&2, 9);
        block_on(none_later::set(&2, Ok(9)));
        assert_eq!(
            (none::peek(&2), no_time::peek(&2), no_time_stale::peek(&2)),
            (None, None, None)
        );
        assert!(!none::contains(&2) && !no_time::contains(&2));
        assert!(!block_on(none_later::contains(&2)) && !block_on(no_time_later::contains(&2)));
        assert_eq!((none::refresh(2), no_time::refresh(2)), (4, 4));
        none::invalidate(&2).ignore();
        none::clear().ignore();
    }
    cachekit::testing::settle();
    assert_eq!(RUNS.take(), 21);
    assert_eq!((none::stats().entries, no_time::stats().entries), (0, 0));
}

#[test]
fn functions_of_nothing() {
    let _test = isolate();
    functions_are_off();
}

#[test]
fn functions_of_nothing_with_a_shared_tier() {
    let backend = MemoryBackend::new();
    let scope = Scope::new().with_backend(Arc::new(backend.clone()));
    scope.run(functions_are_off);
    assert_eq!(backend.len(), 0, "nothing is stored there either");
    Scope::disabled().with_backend(Arc::new(backend.clone())).run(functions_are_off);
    assert_eq!(backend.len(), 0);
}

struct Shop {
    off: Cache<u32, u32>,
    no_time: Cache<u32, u32>,
}

impl Shop {
    #[cache::local(in = self.off)]
    fn price(&self, n: u32) -> u32 {
        RUNS.add();
        n
    }
    #[cache::local(in = self.off, ttl = 60)]
    async fn price_later(&self, n: u32) -> u32 {
        RUNS.add();
        n
    }
    #[cache::local(in = self.no_time)]
    fn rank(&self, n: u32) -> u32 {
        RUNS.add();
        n
    }
    #[cache::local(in = self.no_time, ttl = 60)]
    fn rank_for_a_minute(&self, n: u32) -> u32 {
        RUNS.add();
        n
    }
}

#[test]
fn objects_that_attributes_name() {
    let shop = Shop { off: Cache::new(0), no_time: Cache::builder().ttl(Duration::ZERO).build() };
    RUNS.take();
    for _ in 0..3 {
        assert_eq!((shop.price(1), block_on(shop.price_later(1)), shop.rank(1)), (1, 1, 1));
    }
    assert_eq!(RUNS.take(), 9);
    // The attribute's time wins over the cache's.
    assert_eq!((shop.rank_for_a_minute(2), shop.rank_for_a_minute(2), RUNS.take()), (2, 2, 1));
}
