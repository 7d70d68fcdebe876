//! What a cache's options and operations do beside each other.

use super::*;

/// As long as it says when it is made, and again after each use.
struct Stays(u64);

impl Expiry<u32, u32> for Stays {
    fn after_create(&self, _: &u32, _: &u32) -> Option<Duration> {
        Some(secs(self.0))
    }
    fn after_read(&self, _: &u32, _: &u32, _: Option<Duration>) -> Option<Duration> {
        Some(secs(self.0))
    }
}

/// As long as it says when it is made; uses change nothing.
struct Ends(u64);

impl Expiry<u32, u32> for Ends {
    fn after_create(&self, _: &u32, _: &u32) -> Option<Duration> {
        Some(secs(self.0))
    }
}

/// Until which second an entry is served that is used every second.
fn served_until(cache: &Cache<u32, u32>, clock: &Clock) -> u64 {
    (1..1_000)
        .find(|_| {
            clock.advance(secs(1));
            cache.get(&1).is_none()
        })
        .unwrap_or(1_000)
}

#[test]
fn of_several_times_the_shortest_counts() {
    let clock = Clock::new();
    let built = || Cache::<u32, u32>::builder().clock(&clock);
    let used = |cache: Cache<u32, u32>| {
        cache.insert(1, 1);
        served_until(&cache, &clock)
    };
    assert_eq!(used(built().ttl(secs(60)).expiry(Stays(100)).build()), 60, "no use outlives `ttl`");
    assert_eq!(used(built().ttl(secs(60)).expiry(Ends(30)).build()), 30);
    assert_eq!(used(built().idle(secs(10)).expiry(Ends(30)).build()), 30, "uses renew `idle`");
    assert_eq!(used(built().idle(secs(10)).ttl(secs(25)).expiry(Stays(100)).build()), 25);
    assert_eq!(used(built().expiry(Stays(5)).build()), 1_000, "each use starts it anew");

    let cache = built().expiry(Stays(100)).build();
    cache.insert_with_ttl(1, 1, Some(secs(7)));
    assert_eq!(served_until(&cache, &clock), 7);
    cache.import([(1, 1, Some(secs(8)))]);
    assert_eq!(served_until(&cache, &clock), 8);

    let unused = built().idle(secs(10)).expiry(Ends(30)).build();
    unused.insert(1, 1);
    clock.advance(secs(10));
    assert_eq!(unused.get(&1), None);
}

#[test]
fn what_has_expired_gives_way_to_what_has_no_end() {
    let clock = Clock::new();
    let heard: Arc<Mutex<Vec<Cause>>> = Arc::default();
    let for_listener = Arc::clone(&heard);
    let cache = Cache::<u32, u32>::builder()
        .capacity(100)
        .clock(&clock)
        .listener(move |_, _, cause| for_listener.lock().unwrap().push(cause))
        .build();
    for n in 0..100 {
        cache.insert_with_ttl(n, n, Some(secs(1)));
        cache.get(&n);
    }
    clock.advance(secs(2));
    for n in 100..200 {
        cache.insert(n, n);
    }
    assert_eq!((100..200).filter(|n| cache.contains(n)).count(), 100);
    assert!(heard.lock().unwrap().iter().all(|cause| *cause == Cause::Expired));
    // In place of itself, too.
    cache.insert_with_ttl(100, 1, Some(secs(1)));
    heard.lock().unwrap().clear();
    clock.advance(secs(2));
    cache.insert(100, 2);
    assert_eq!(*heard.lock().unwrap(), [Cause::Expired]);
}

#[test]
fn rules_that_shorten_a_time_let_the_entry_go_in_passing() {
    struct Once;
    impl Expiry<u32, u32> for Once {
        fn after_create(&self, _: &u32, _: &u32) -> Option<Duration> {
            None
        }
        fn after_read(&self, _: &u32, _: &u32, _: Option<Duration>) -> Option<Duration> {
            Some(secs(1))
        }
    }
    let clock = Clock::new();
    let cache = Cache::<u32, u32>::builder().capacity(100).expiry(Once).clock(&clock).build();
    for n in 0..40 {
        cache.insert(n, n);
    }
    (0..40).for_each(|n| _ = cache.get(&n));
    clock.advance(secs(2));
    for n in 40..90 {
        cache.insert(n, n);
    }
    assert_eq!(cache.len(), 50);
}

#[test]
fn an_idle_time_begins_anew_where_entries_are_imported() {
    let clock = Clock::new();
    let built = || Cache::<u32, u32>::builder().idle(secs(600)).clock(&clock);
    let before = built().build();
    before.insert(1, 1);
    clock.advance(secs(500));
    let after = built().build();
    after.import(before.export());
    clock.advance(secs(500));
    assert_eq!(after.get(&1), Some(1));
    clock.advance(secs(599));
    assert_eq!(after.get(&1), Some(1), "and it is used");
    assert_eq!(before.export(), []);
}

#[test]
fn an_import_gives_way_to_what_is_on_its_way() {
    let cache = Cache::<u32, u32>::new(10);
    let made = cache.get_or_insert_with(&1, || {
        cache.import([(1, 10, None), (2, 20, None)]);
        11
    });
    assert_eq!((made, cache.get(&1), cache.get(&2)), (11, Some(11), Some(20)));
    cache.import([(1, 10, None)]);
    assert_eq!((cache.get(&1), cache.len(), cache.running()), (Some(11), 2, 0));
}

#[test]
fn the_outer_one_of_nested_changes_counts_and_room_that_is_made_loses_none() {
    let cache = Cache::<u32, u32>::new(10);
    cache.insert(1, 10);
    assert_eq!(cache.upsert(1, |_| cache.upsert(1, |old| old.map_or(0, |old| old + 1)) + 1), 12);
    assert_eq!(cache.get(&1), Some(12));
    assert_eq!(cache.compute(1, |_| Some(cache.upsert(1, |_| 5)).filter(|_| false)), None);
    assert_eq!(cache.get(&1), None);

    cache.insert(1, 10);
    cache.upsert(1, |old| {
        // All that is there goes, without being invalidated.
        cache.resize(1);
        (100..200).for_each(|n| cache.insert(n, n));
        cache.resize(10);
        old.map_or(0, |old| old + 1)
    });
    assert_eq!((cache.get(&1), cache.running()), (Some(11), 0));
}

#[test]
fn a_cache_of_any_size_becomes_one_of_another() {
    let cache = Cache::<u32, u32>::new(0);
    cache.insert(1, 1);
    assert_eq!(cache.get(&1), None);
    cache.resize(100);
    cache.insert(1, 1);
    assert_eq!((cache.get(&1), cache.capacity()), (Some(1), 100));
    cache.resize(0);
    assert_eq!((cache.get(&1), cache.len(), cache.capacity()), (None, 0, 0));
    assert_eq!(cache.get_or_insert_with(&1, || 2), 2);
    assert_eq!(cache.len(), 0);

    // With many shards, each keeps room for one entry.
    let (sizes, inserts): (&[u64], u32) =
        if cfg!(miri) { (&[3, 100], 2_000) } else { (&[3, 100, 70_000], 200_000) };
    let cache = Cache::<u32, u32>::new(1_000_000);
    for size in sizes.iter().copied() {
        cache.resize(size);
        (0..inserts).for_each(|n| cache.insert(n, n));
        assert!(cache.capacity() >= size && cache.capacity() <= size.max(64));
        assert_eq!(cache.len() as u64, cache.capacity());
    }
}

#[test]
fn a_listener_hears_of_an_entry_although_a_destructor_panics() {
    #[derive(Clone)]
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            assert!(std::thread::panicking() || !ARMED.get(), "on purpose");
        }
    }
    thread_local! {
        static ARMED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    let heard: Arc<Mutex<Vec<Cause>>> = Arc::default();
    let for_listener = Arc::clone(&heard);
    let told = Cache::<u32, Panics>::builder()
        .listener(move |_, _, cause| for_listener.lock().unwrap().push(cause))
        .build();
    told.insert(1, Panics);
    // So that this thread's cache has it.
    (0..100).for_each(|_| drop(told.get(&1)));
    ARMED.set(true);
    let removed = std::panic::catch_unwind(|| told.invalidate(&1));
    ARMED.set(false);
    assert!(removed.is_err());
    assert_eq!(*heard.lock().unwrap(), [Cause::Removed]);
    assert!(told.is_empty());
}
