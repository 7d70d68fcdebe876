//! Code of the user's that a `Cache` runs on its way: keys, values, rules, weighers, listeners and closures. Each may come
//! back to the cache, and each may panic.

use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use cachekit::testing::Clock;
use cachekit::{Cache, Expiry};

type Trapped = Cache<Key, Value>;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Trap {
    Panics,
    CallsBack,
}

thread_local! {
    static SET: Cell<Option<(&'static str, Trap)>> = const { Cell::new(None) };
    static SPRUNG: Cell<u32> = const { Cell::new(0) };
    static CACHE: RefCell<Option<Trapped>> = const { RefCell::new(None) };
}

const PLACES: [&str; 12] = [
    "eq",
    "hash",
    "clone key",
    "clone value",
    "drop key",
    "drop value",
    "created",
    "updated",
    "read",
    "weigh",
    "listener",
    "closure",
];

/// Springs the trap once, if it is set for this place.
fn trap(place: &'static str) {
    let Some((_, trap)) = SET.get().filter(|(set, _)| *set == place) else { return };
    // The destructor runs here as well, and two panics at once would abort.
    SET.set(None);
    if std::thread::panicking() {
        return;
    }
    SPRUNG.set(SPRUNG.get() + 1);
    assert_ne!(trap, Trap::Panics, "on purpose: {place}");
    if let Some(cache) = CACHE.with_borrow(Clone::clone) {
        cache.insert(Key(1), Value(1));
        cache.get(&Key(1));
        cache.get_or_insert_with(&Key(50), || Value(50));
        cache.upsert(Key(1), |_| Value(1));
        cache.remove(&Key(51));
        cache.invalidate_if(|key, _| key.0 == 52);
        cache.clear();
        cache.insert(Key(2), Value(2));
    }
}

#[derive(Debug)]
struct Key(u32);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        trap("eq");
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        trap("hash");
        self.0.hash(state);
    }
}

impl Clone for Key {
    fn clone(&self) -> Self {
        trap("clone key");
        Self(self.0)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        trap("drop key");
    }
}

#[derive(Debug)]
struct Value(u32);

impl Clone for Value {
    fn clone(&self) -> Self {
        trap("clone value");
        Self(self.0)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        trap("drop value");
    }
}

struct Rules;

impl Expiry<Key, Value> for Rules {
    fn after_create(&self, _: &Key, _: &Value) -> Option<Duration> {
        trap("created");
        Some(Duration::from_secs(10))
    }
    fn after_update(&self, _: &Key, _: &Value, left: Option<Duration>) -> Option<Duration> {
        trap("updated");
        left
    }
    fn after_read(&self, _: &Key, _: &Value, left: Option<Duration>) -> Option<Duration> {
        trap("read");
        left
    }
}

fn build(clock: &Clock, rules: bool) -> Trapped {
    let mut builder = Cache::builder().capacity(5).clock(clock).listener(|key: &Key, value, _| {
        let _: (&Key, &Value) = (key, value);
        trap("listener");
    });
    if rules {
        let weigh = |_: &Key, _: &Value| {
            trap("weigh");
            1
        };
        builder = builder.idle(Duration::from_secs(5)).expiry(Rules).weigher(weigh);
    } else {
        builder = builder.ttl(Duration::from_secs(10));
    }
    builder.build()
}

type Operation = (&'static str, fn(&Trapped, &Clock));

/// Every operation; the key and the value they use are there before.
const OPERATIONS: [Operation; 17] = [
    ("get", |cache, _| drop(cache.get(&Key(1)))),
    ("with", |cache, _| {
        cache.with(&Key(1), |_| trap("closure"));
    }),
    ("contains", |cache, _| _ = cache.contains(&Key(1))),
    ("get_or_insert_with, a hit", |cache, _| drop(cache.get_or_insert_with(&Key(1), || Value(1)))),
    ("get_or_insert_with, a miss", |cache, _| {
        drop(cache.get_or_insert_with(&Key(9), || {
            trap("closure");
            Value(9)
        }));
    }),
    ("insert over", |cache, _| cache.insert(Key(1), Value(1))),
    ("insert", |cache, _| (10..20).for_each(|n| cache.insert(Key(n), Value(n)))),
    ("upsert", |cache, _| {
        drop(cache.upsert(Key(1), |_| {
            trap("closure");
            Value(1)
        }));
    }),
    ("compute away", |cache, _| {
        drop(cache.compute(Key(1), |_| {
            trap("closure");
            None
        }));
    }),
    ("remove", |cache, _| drop(cache.remove(&Key(1)))),
    ("invalidate", |cache, _| _ = cache.invalidate(&Key(1))),
    ("invalidate_if", |cache, _| {
        cache.invalidate_if(|key, _| {
            trap("closure");
            key.0 == 1
        });
    }),
    ("export and import", |cache, _| {
        let all = cache.export();
        cache.clear();
        cache.import(all);
    }),
    ("resize", |cache, _| {
        cache.resize(1);
        cache.resize(5);
    }),
    ("purge", |cache, clock| {
        clock.advance(Duration::from_secs(11));
        cache.purge();
    }),
    ("expire", |cache, clock| {
        clock.advance(Duration::from_secs(11));
        drop(cache.get(&Key(1)));
        (0..5).for_each(|n| cache.insert(Key(n), Value(n)));
    }),
    ("clear", |cache, _| cache.clear()),
];

/// The cache works as if nothing had happened.
fn check_usable(cache: &Trapped, what: &str) {
    assert!(cache.capacity() <= 5);
    cache.resize(5);
    for n in 0..20 {
        assert_eq!(cache.get_or_insert_with(&Key(n), || Value(n)).0, n, "{what}");
        assert!(cache.len() <= 5, "{what}");
    }
    cache.clear();
    assert!(cache.is_empty() && cache.weight() == 0, "{what}");
    cache.insert(Key(1), Value(1));
    assert_eq!(cache.upsert(Key(1), |old| Value(old.map_or(0, |old| old.0 + 1))).0, 2, "{what}");
    assert_eq!(cache.get(&Key(1)).map(|value| value.0), Some(2), "{what}");
    assert_eq!(cache.remove(&Key(1)).map(|value| value.0), Some(2), "{what}");
}

#[test]
fn whatever_a_users_code_does_the_cache_stays_usable() {
    let mut seen = std::collections::BTreeSet::new();
    for (place, trap) in
        PLACES.iter().flat_map(|place| [(*place, Trap::Panics), (*place, Trap::CallsBack)])
    {
        for rules in [false, true] {
            for (name, operation) in OPERATIONS {
                let what = format!("{trap:?} in {place}, {name}, rules: {rules}");
                let clock = Clock::new();
                let cache = build(&clock, rules);
                (0..4).for_each(|n| cache.insert(Key(n), Value(n)));
                // Into the front as well.
                (0..20).for_each(|_| drop(cache.get(&Key(1))));
                CACHE.set(Some(cache.clone()));
                SET.set(Some((place, trap)));
                let _either = catch_unwind(AssertUnwindSafe(|| operation(&cache, &clock)));
                SET.set(None);
                CACHE.set(None);
                if SPRUNG.take() > 0 {
                    seen.insert((place, format!("{trap:?}")));
                }
                check_usable(&cache, &what);
            }
        }
    }
    assert_eq!(seen.len(), 2 * PLACES.len(), "each place was tried: {seen:?}");
}
