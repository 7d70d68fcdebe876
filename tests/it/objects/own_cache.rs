//! `Cache<K, V>` as an object, and together with `in = …`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cachekit::key::Float;
use cachekit::testing::Clock;
use cachekit::{Cache, Equivalent, cache};
use cachekit_tests::{Runs, block_on, together};

static RUNS: Runs = Runs::new();

#[test]
fn values_go_in_and_come_out() {
    let cache = Cache::<String, u32>::builder().capacity(100).build();
    assert!(cache.is_empty() && cache.get("a").is_none() && !cache.contains("a"));
    cache.insert("a".to_owned(), 1);
    cache.insert("b".to_owned(), 2);
    cache.insert("a".to_owned(), 3);
    assert_eq!((cache.get("a"), cache.get("b"), cache.len()), (Some(3), Some(2), 2));
    assert!(cache.contains("a") && !cache.contains("c"));
    assert!(cache.invalidate("a") && !cache.invalidate("a"));
    assert_eq!((cache.get("a"), cache.len(), cache.weight()), (None, 1, 1));
    let clone = cache.clone();
    clone.insert("c".to_owned(), 4);
    assert_eq!(cache.get("c"), Some(4));
    cache.clear();
    assert!(clone.is_empty() && clone.get("b").is_none());
    assert!(format!("{cache:?}").contains("Cache"));
}

#[test]
fn caches_of_the_same_types_are_apart() {
    let caches: Vec<_> = (0..50).map(|_| Cache::<u32, usize>::new(10)).collect();
    for (index, cache) in caches.iter().enumerate() {
        cache.insert(1, index);
    }
    for _ in 0..3 {
        for (index, cache) in caches.iter().enumerate() {
            assert_eq!(cache.get(&1), Some(index));
        }
    }
    assert!(caches[7].invalidate(&1));
    assert_eq!((caches[6].get(&1), caches[7].get(&1)), (Some(6), None));
}

#[test]
fn computing_what_is_missing() {
    let cache = Cache::<String, usize>::new(10);
    let compute = |key: &str| {
        cache.get_or_insert_with(key, || {
            RUNS.add();
            key.len()
        })
    };
    assert_eq!((compute("abc"), compute("abc"), compute("")), (3, 3, 0));
    assert_eq!(RUNS.take(), 2);
    let failing =
        || cache.get_or_try_insert_with("x", || Err::<usize, _>(format!("run {}", RUNS.add())));
    assert_eq!((failing(), failing()), (Err("run 1".to_owned()), Err("run 2".to_owned())));
    RUNS.take();
    assert_eq!(cache.get_or_try_insert_with("x", || Ok::<_, ()>(9)), Ok(9));
    assert_eq!(cache.get_or_try_insert_with("x", || Err::<usize, _>(())), Ok(9));
    block_on(async {
        let later = |n| async move {
            RUNS.add();
            n
        };
        assert_eq!(cache.get_or_insert_async("y", later(5)).await, 5);
        assert_eq!(cache.get_or_insert_async("y", later(6)).await, 5);
        let failed = cache.get_or_try_insert_async("z", async { Err::<usize, _>("no") }).await;
        assert_eq!(failed, Err("no"));
        assert_eq!(cache.get_or_try_insert_async("z", async { Ok::<_, ()>(1) }).await, Ok(1));
    });
    assert_eq!((RUNS.take(), cache.len()), (1, 5));
}

#[test]
fn the_cache_has_a_ttl_and_entries_may_have_their_own() {
    let clock = Clock::new();
    let minute = Duration::from_secs(60);
    let cache = Cache::<&str, u32>::builder().ttl(minute).clock(&clock).build();
    cache.insert("cache", 1);
    cache.insert_with_ttl("short", 1, Some(Duration::from_secs(10)));
    cache.insert_with_ttl("long", 1, Some(minute * 10));
    cache.insert_with_ttl("endless", 1, None);
    cache.insert_with_ttl("nothing", 1, Some(Duration::ZERO));
    assert_eq!(cache.get_or_insert_with(&"computed", || 1), 1);
    let alive = || {
        let all = ["cache", "short", "long", "endless", "nothing", "computed"];
        all.into_iter().filter(|key| cache.get(key).is_some()).collect::<Vec<_>>()
    };
    assert_eq!(alive(), ["cache", "short", "long", "endless", "computed"]);
    clock.advance(Duration::from_secs(10));
    assert_eq!(alive(), ["cache", "long", "endless", "computed"]);
    clock.advance(Duration::from_secs(50));
    assert_eq!(alive(), ["long", "endless"]);
    clock.advance(minute * 9);
    assert_eq!(alive(), ["endless"]);
    assert!(!cache.contains(&"cache") && cache.contains(&"endless"));
    // A zero replaces as well: what was there is no longer true.
    cache.insert_with_ttl("endless", 2, Some(Duration::ZERO));
    assert_eq!(cache.get(&"endless"), None);
    cache.insert_with_ttl("forever", 1, Some(Duration::MAX));
    clock.advance(minute * 60 * 24 * 365);
    assert_eq!(cache.get(&"forever"), Some(1));
}

#[test]
fn the_attributes_ttl_goes_over_that_of_the_cache() {
    struct Holder {
        cache: Cache<u32, u32>,
    }
    impl Holder {
        #[cache(in = self.cache, ttl = 10)]
        fn brief(&self, n: u32) -> u32 {
            n + RUNS.add()
        }
        #[cache(in = self.cache)]
        fn usual(&self, n: u32) -> u32 {
            n + RUNS.add()
        }
    }
    let clock = Clock::new();
    let cache = Cache::builder().ttl(Duration::from_secs(60)).clock(&clock).build();
    let holder = Holder { cache };
    holder.brief(1);
    holder.usual(2);
    clock.advance(Duration::from_secs(10));
    assert_eq!((holder.cache.get(&1), holder.cache.get(&2).is_some()), (None, true));
    clock.advance(Duration::from_secs(50));
    assert_eq!(holder.cache.get(&2), None);
}

#[test]
fn weights_bound_the_cache() {
    let cache = Cache::<u32, Vec<u8>>::builder()
        .capacity(1_000)
        .weigher(|key, value| u64::from(*key) + value.len() as u64)
        .build();
    cache.insert(10, vec![0; 90]);
    assert_eq!(cache.weight(), 100);
    cache.insert(10, vec![0; 40]);
    assert_eq!((cache.weight(), cache.len()), (50, 1), "a replaced entry weighs nothing");
    for key in 0..100 {
        cache.get_or_insert_with(&key, || vec![0; 50]);
        assert!(cache.weight() <= 1_000);
    }
    assert!(cache.weight() > 700, "the room is used: {}", cache.weight());
    // Too heavy for the whole cache: not kept, and no reason to throw everything else out.
    let before = cache.len();
    assert_eq!(cache.get_or_insert_with(&7_000, || vec![]), Vec::<u8>::new());
    cache.insert(0, vec![0; 2_000]);
    assert!(!cache.contains(&7_000) && !cache.contains(&0));
    assert!(cache.len() + 1 >= before, "{before} entries before, {} after", cache.len());
}

#[test]
fn the_capacity_holds_under_pressure() {
    for capacity in [1_u64, 2, 3, 10, 100, 511, 1_031, 5_000] {
        let cache = Cache::<u64, u64>::new(capacity);
        let done = AtomicBool::new(false);
        together(4, |index| {
            if index == 0 {
                while !done.load(Ordering::SeqCst) {
                    let (len, weight) = (cache.len() as u64, cache.weight());
                    assert!(len <= capacity && weight <= capacity, "{len}, {weight} of {capacity}");
                }
                return;
            }
            for round in 0..20_000 {
                let key = (round * index as u64) % (capacity * 3);
                match round % 3 {
                    0 => cache.insert(key, key),
                    1 => assert_eq!(cache.get_or_insert_with(&key, || key), key),
                    _ => assert!(cache.get(&key).is_none_or(|value| value == key)),
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        for key in 0..capacity * 3 {
            cache.insert(key, key);
        }
        let len = cache.len() as u64;
        assert!(len <= capacity && len * 10 >= capacity * 9, "{len} of {capacity} used");
        let stats = cache.stats();
        assert_eq!((stats.entries, stats.weight), (len, len));
        assert!(stats.evictions > 0);
    }
}

#[test]
fn users_define_what_is_equivalent() {
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Place {
        city: String,
        zip: u32,
    }
    #[derive(Hash)]
    struct PlaceRef<'a> {
        city: &'a str,
        zip: u32,
    }
    impl Equivalent<Place> for PlaceRef<'_> {
        fn equivalent(&self, place: &Place) -> bool {
            self.city == place.city && self.zip == place.zip
        }
    }
    let cache = Cache::<Place, u32>::new(10);
    cache.insert(Place { city: "Rome".into(), zip: 1 }, 7);
    assert_eq!(cache.get(&PlaceRef { city: "Rome", zip: 1 }), Some(7));
    assert_eq!(cache.get(&PlaceRef { city: "Rome", zip: 2 }), None);
    assert!(cache.invalidate(&PlaceRef { city: "Rome", zip: 1 }));
}

/// A function over a cache, the way its key looks in that cache, and arguments for it: entries made by
/// the function are found through the cache, and the other way round.
macro_rules! agrees {
    ($($test:ident: fn($($arg:ident: $ty:ty),*), Cache<$key:ty>,
       ($($first:expr),*) is $first_key:expr, ($($second:expr),*) is $second_key:expr;)*) => {$(
        #[test]
        fn $test() {
            static CACHE: LazyLock<Cache<$key, u32>> = LazyLock::new(|| Cache::new(10));
            #[cache(in = CACHE)]
            #[allow(clippy::needless_pass_by_value, clippy::used_underscore_binding)]
            fn function($($arg: $ty),*) -> u32 {
                $(let _ = &$arg;)*
                RUNS.add()
            }
            let first: $key = $first_key;
            let second: $key = $second_key;
            assert_eq!((function($($first),*), function($($first),*)), (1, 1));
            assert_eq!((CACHE.get(&first), CACHE.get(&second)), (Some(1), None));
            CACHE.insert(second, 77);
            assert_eq!(function($($second),*), 77);
            assert!(CACHE.invalidate(&first));
            assert_eq!((function($($first),*), RUNS.take()), (2, 2));
        }
    )*};
}

agrees! {
    keys_of_strings: fn(a: &str), Cache<String>,
        ("x") is "x".to_owned(), ("") is String::new();
    keys_of_owned_strings: fn(a: String), Cache<String>,
        ("x".to_owned()) is "x".to_owned(), ("y".to_owned()) is "y".to_owned();
    keys_of_shared_strings: fn(a: Arc<str>, b: Box<str>, c: Cow<'_, str>), Cache<(String, String, String)>,
        ("x".into(), "y".into(), "z".into()) is ("x".into(), "y".into(), "z".into()),
        ("x".into(), "y".into(), Cow::Owned(String::new())) is ("x".into(), "y".into(), String::new());
    keys_of_bytes: fn(a: &[u8]), Cache<Vec<u8>>,
        (b"abc") is b"abc".to_vec(), (&[]) is vec![];
    keys_of_numbers: fn(a: &[u64]), Cache<Vec<u64>>,
        (&[1, 2]) is vec![1, 2], (&[1, 2, 0]) is vec![1, 2, 0];
    keys_of_arrays: fn(a: [u16; 3]), Cache<Vec<u16>>,
        ([1, 2, 3]) is vec![1, 2, 3], ([1, 2, 4]) is vec![1, 2, 4];
    keys_of_words: fn(a: &[&str]), Cache<Vec<String>>,
        (&["ab", "c"]) is vec!["ab".into(), "c".into()], (&["a", "bc"]) is vec!["a".into(), "bc".into()];
    keys_of_lists_of_lists: fn(a: Vec<Vec<u8>>, b: &[(&str, u64)]), Cache<(Vec<Vec<u8>>, Vec<(String, u64)>)>,
        (vec![vec![1], vec![]], &[("a", 1)]) is (vec![vec![1], vec![]], vec![("a".into(), 1)]),
        (vec![vec![], vec![1]], &[("a", 1)]) is (vec![vec![], vec![1]], vec![("a".into(), 1)]);
    keys_of_two: fn(a: u32, b: &str), Cache<(u32, String)>,
        (1, "x") is (1, "x".into()), (1, "y") is (1, "y".into());
    keys_of_tuples: fn(a: (u32, bool), b: char), Cache<((u32, bool), char)>,
        ((1, true), 'c') is ((1, true), 'c'), ((1, false), 'c') is ((1, false), 'c');
    keys_of_options: fn(a: Option<&str>, b: Option<u32>, c: Option<Option<u8>>),
        Cache<(Option<String>, Option<u32>, Option<Option<u8>>)>,
        (None, Some(0), None) is (None, Some(0), None),
        (Some(""), None, Some(None)) is (Some(String::new()), None, Some(None));
    keys_of_paths: fn(a: &Path, b: Duration), Cache<(PathBuf, Duration)>,
        (Path::new("/a"), Duration::ZERO) is ("/a".into(), Duration::ZERO),
        (Path::new("/b"), Duration::ZERO) is ("/b".into(), Duration::ZERO);
    keys_of_floats: fn(a: f64, b: &[f32]), Cache<(Float<f64>, Vec<Float<f32>>)>,
        (0.0, &[1.5]) is (Float::from(-0.0), vec![Float::from(1.5)]),
        (f64::NAN, &[1.5]) is (Float::from(f64::NAN), vec![Float::from(1.5)]);
    keys_of_the_users_own: fn(a: Own), Cache<Own>,
        (Own::A(1)) is Own::A(1), (Own::B { text: "x".into() }) is Own::B { text: "x".into() };
    keys_of_nothing: fn(a: (), b: u8), Cache<((), u8)>,
        ((), 1) is ((), 1), ((), 2) is ((), 2);
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Own {
    A(u32),
    B { text: String },
}
