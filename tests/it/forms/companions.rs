//! What stands beside a cached function.

use std::collections::HashSet;

use cachekit::testing::isolate;
use cachekit::{EntryKey, Handle, Stats, cache};
use cachekit_tests::{Runs, block_on};

static RUNS: Runs = Runs::new();

#[cache]
fn user(id: u64, name: &str) -> String {
    RUNS.add();
    format!("{id}{name}")
}

#[test]
fn peek_neither_runs_nor_counts() {
    let _test = isolate();
    assert_eq!(user::peek(&1, "a"), None);
    assert!(!user::contains(&1, "a"));
    assert_eq!(user(1, "a"), "1a");
    let before = user::stats();
    for _ in 0..5 {
        assert_eq!(user::peek(&1, "a").as_deref(), Some("1a"));
        assert!(user::contains(&1, "a"));
        assert_eq!(user::peek(&2, "a"), None);
    }
    assert_eq!((user::stats(), RUNS.take()), (before, 1));
}

#[test]
fn set_puts_a_value_there() {
    let _test = isolate();
    user::set(&1, "a", "other".to_owned());
    assert_eq!(user(1, "a"), "other");
    user::set(&1, "a", "another".to_owned());
    assert_eq!(user(1, "a"), "another");
    assert_eq!((RUNS.take(), user::stats().hits, user::stats().entries), (0, 2, 1));
}

#[test]
fn invalidate_tells_what_there_was() {
    let _test = isolate();
    user(1, "a");
    user(2, "a");
    let done = user::invalidate(&1, "a");
    assert!(done.was_cached() && done.is_confirmed());
    assert_eq!(done.removed(), 1);
    assert_eq!(user::invalidate(&1, "a").removed(), 0);
    assert!(user::contains(&2, "a"));
    assert_eq!(user::stats().invalidations, 2);
    RUNS.take();
    user(1, "a");
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn clear_drops_all_of_one_function() {
    #[cache]
    fn other(n: u32) -> u32 {
        n
    }
    let _test = isolate();
    other(1);
    for id in 0..10 {
        user(id, "a");
    }
    let done = user::clear();
    assert_eq!((done.removed(), done.is_confirmed()), (10, true));
    assert_eq!((user::stats().entries, other::stats().entries), (0, 1));
    RUNS.take();
    user(3, "a");
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn refresh_runs_and_stores() {
    #[cache]
    fn counted(n: u32) -> u32 {
        RUNS.add() * 10 + n
    }
    let _test = isolate();
    assert_eq!(counted::refresh(1), 11);
    assert_eq!((counted(1), counted::refresh(1), counted(1)), (11, 21, 21));
    assert_eq!((counted::stats().loads, counted::stats().entries), (2, 1));
}

#[test]
fn keys_tell_calls_apart() {
    #[allow(dead_code)] // Only its companions are called.
    #[cache]
    fn twin(id: u64, name: &str) -> String {
        format!("{id}{name}")
    }
    let _test = isolate();
    let mut keys: HashSet<EntryKey> = (0..1_000).map(|id| user::key(&id, "secret")).collect();
    keys.extend((0..1_000).map(|id| user::key(&id, "")));
    keys.extend((0..1_000).map(|id| twin::key(&id, "")));
    assert_eq!(keys.len(), 3_000);
    assert_eq!(user::key(&7, "x"), user::key(&7, "x"));
    let shown = user::key(&7, "secret").to_string();
    assert!(!shown.contains("__cachekit"), "{shown}");
    assert!(shown.contains("forms::companions::user#"), "{shown}");
    assert!(
        !shown.contains("secret") && !format!("{:?}", user::key(&7, "secret")).contains("secret")
    );
}

#[test]
fn stats_count_what_happened() {
    let _test = isolate();
    assert_eq!(user::stats(), Stats::default());
    assert_eq!(user::stats().hit_ratio(), None);
    user(1, "a");
    user(1, "a");
    user(1, "a");
    user(2, "a");
    let stats = user::stats();
    assert_eq!((stats.hits, stats.misses, stats.loads, stats.entries), (2, 2, 2, 2));
    assert_eq!(stats.hit_ratio(), Some(0.5));
    assert_eq!(stats.to_string(), "2 hits, 2 misses (50.0 % hits), 2 entries");
}

#[test]
fn stats_are_exact_over_threads() {
    #[cache::local]
    fn shared(n: u64) -> u64 {
        n
    }
    let test = isolate();
    let scope = test.scope();
    cachekit_tests::together(4, |_| {
        let _in = scope.enter();
        for n in 0..10_000 {
            assert_eq!(shared(n % 100), n % 100);
        }
        // What a thread counted is there when its calls have returned, also before it ends.
        assert!(shared::stats().hits + shared::stats().misses >= 10_000);
    });
    let stats = shared::stats();
    assert_eq!((stats.hits + stats.misses, stats.loads, stats.entries), (40_000, 100, 100));
}

#[test]
fn companions_take_what_the_function_borrows() {
    #[cache]
    fn mixed(list: Vec<u32>, text: String, slice: &[u8], n: Option<u32>) -> usize {
        list.len() + text.len() + slice.len() + n.map_or(0, |n| n as usize)
    }
    let _test = isolate();
    assert_eq!(mixed(vec![1], "ab".into(), &[1, 2, 3], Some(4)), 10);
    let (list, text) = (vec![1], "ab".to_owned());
    assert_eq!(mixed::peek(&list, &text, &[1, 2, 3], &Some(4)), Some(10));
    assert!(mixed::invalidate(&list, &text, &[1, 2, 3], &Some(4)).was_cached());
    assert_eq!(mixed::refresh(list, text, &[1, 2, 3], Some(4)), 10);
}

#[test]
fn handles_can_be_kept_and_sent() {
    struct Shop;
    impl Shop {
        #[cache(self = shared)]
        pub(crate) fn price(&self, item: u32) -> Option<u32> {
            RUNS.add();
            (item > 0).then_some(item * 100)
        }

        #[cache(self = shared)]
        pub(crate) async fn later(&self, item: u32) -> u32 {
            RUNS.add();
            item * 100
        }
    }
    let _test = isolate();
    let handle: Handle<Option<u32>> = Shop.price_cache(&7);
    assert_eq!(handle.peek(), None);
    Shop.price(7);
    assert_eq!(handle.peek(), Some(Some(700)));
    handle.set(None);
    let handle = std::thread::spawn(move || {
        // A handle is about the cache it was made for, wherever it goes.
        assert_eq!(handle.peek(), Some(None));
        handle
    })
    .join()
    .unwrap();
    assert_eq!(Shop.price(7), None);
    assert_eq!(handle.refresh(|| Shop.price(7)), Some(700));
    assert_eq!(handle.stats().loads, 2);
    assert!(format!("{handle:?}").contains("price"));
    block_on(async {
        let handle = Shop.later_cache(&7);
        assert_eq!(handle.refresh(Shop.later(7)).await, 700);
        handle.set(5).await;
        assert_eq!((Shop.later(7).await, handle.peek().await), (5, Some(5)));
        assert!(handle.invalidate().await.was_cached());
        assert!(!handle.contains().await);
        assert_eq!(handle.clear().await.removed(), 0);
    });
}

struct Private(u32);

trait Priced {
    fn of_trait(&self, n: u32) -> u32;
}

impl Private {
    #[cache(self = key(self.0))]
    fn price(&self, n: u32) -> u32 {
        RUNS.add();
        self.0 * n
    }

    #[cache::local(ttl = 60, self = key(self.0))]
    async fn later<T>(&self, n: u32) -> Vec<u64>
    where
        T: From<u32> + Into<u64>,
    {
        RUNS.add();
        vec![T::from(self.0 * n).into()]
    }

    /* Characters that are longer than a byte: äöü */
    #[cache(self = shared)]
    fn narrow(&self, n: u32) -> u32 {
        n
    }

    // Has a companion, which is not called: there is no lint that says so.
    #[cache(self = shared)]
    fn alone(&self, n: u32) -> u32 {
        n
    }
}

impl Priced for Private {
    #[cache(self = shared)]
    fn of_trait(&self, n: u32) -> u32 {
        self.alone(n)
    }
}

#[test]
fn private_methods_have_a_companion_too() {
    let _test = isolate();
    let shop = Private(3);
    assert_eq!(shop.price(4), 12);
    assert_eq!((shop.price_cache(&4).peek(), shop.price_cache(&5).peek()), (Some(12), None));
    shop.price_cache(&4).set(13);
    assert_eq!(shop.price(4), 13);
    assert!(shop.price_cache(&4).invalidate().was_cached());
    assert_eq!((shop.price(4), RUNS.take()), (12, 2));
    block_on(async {
        assert_eq!(shop.later::<u64>(2).await, [6]);
        assert_eq!(shop.later_cache::<u64>(&2).peek().await, Some(vec![6]));
        assert_eq!(shop.later_cache::<u32>(&2).peek().await, None);
    });
    RUNS.take();
    assert_eq!((shop.narrow(1), shop.narrow_cache(&1).peek(), shop.of_trait(1)), (1, Some(1), 1));
}

#[cache]
fn unnamed(_: &str, id: u64, (): ()) -> u64 {
    RUNS.add();
    id
}

#[cache(skip(_))]
fn unnamed_skipped(_: &str, id: u64, _: &dyn std::fmt::Debug) -> u64 {
    RUNS.add();
    id
}

#[test]
fn unnamed_arguments_can_be_left_out() {
    let _test = isolate();
    assert_eq!((unnamed("a", 1, ()), unnamed("b", 1, ()), RUNS.take()), (1, 1, 2));
    let (a, b) = (unnamed_skipped("a", 1, &1), unnamed_skipped("b", 1, &"x"));
    assert_eq!((a, b, RUNS.take()), (1, 1, 1));
    assert!(unnamed_skipped::contains(&1));
    assert_eq!(unnamed_skipped::refresh("c", 1, &2), 1);
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn counters_are_read_by_name_and_shown() {
    use std::collections::BTreeMap;

    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Field {
        Count(u64),
        ByReason(BTreeMap<String, u64>),
    }

    let _test = isolate();
    user(1, "a");
    user(1, "a");
    RUNS.take();
    let stats = user::stats();
    let bytes = rmp_serde::to_vec_named(&stats).unwrap();
    let named: BTreeMap<String, Field> = rmp_serde::from_slice(&bytes).unwrap();
    // All fields: `Debug` is derived.
    let shown = format!("{stats:?} {:?}", stats.refused);
    let fields = |of: &str| {
        let inner = shown.replace(&format!("{:?}", stats.refused), "_");
        inner.matches(of).count()
    };
    assert_eq!(named.len(), fields(": "), "{shown}");
    for name in named.keys() {
        assert!(shown.contains(&format!("{name}: ")), "{name}: {shown}");
    }
    let reasons = named
        .values()
        .filter(|field| matches!(field, Field::ByReason(reasons) if reasons.len() == 5));
    assert_eq!(reasons.count(), 1);
    for name in ["hits", "misses", "loads", "entries"] {
        assert!(matches!(named[name], Field::Count(1)), "{name}: {shown}");
    }
    assert_eq!(stats.to_string(), "1 hit, 1 miss (50.0 % hits), 1 entry");
}

#[test]
fn what_the_shared_tier_answered_is_shown() {
    let (scope, _, _) = crate::shared::tier::machines();
    let (same, clear) = (user as fn(u64, &str) -> String, || {
        for function in cachekit::functions() {
            function.clear_local();
        }
    });
    scope.run(|| {
        same(1, "a");
        same(2, "a");
        clear();
        same(1, "a");
        assert_eq!(
            user::stats().to_string(),
            "0 hits, 3 misses (0.0 % hits), 1 shared hit, 1 entry"
        );
        same(2, "a");
        same(2, "a");
        assert_eq!(
            user::stats().to_string(),
            "1 hit, 4 misses (20.0 % hits), 2 shared hits, 2 entries"
        );
    });
    RUNS.take();
}

#[test]
fn names_that_options_and_patterns_only_seem_to_share_do_not_matter_to_set() {
    // `set` only removes where an option names an argument; none of these does.
    #[cache(if = |_| true)]
    fn nameless((first, _): (u32, u32)) -> u32 {
        first
    }
    #[cache(if = |_| true, capacity = 10, weight = |_, _| 2)]
    fn called_like_our_methods(weight: u32, ttl: u32, keep_if: u32) -> u32 {
        weight + ttl + keep_if
    }
    #[cache(ttl = { struct Seconds(u64); Seconds(60).0 })]
    fn called_like_a_type(Seconds(seconds): Seconds) -> u32 {
        seconds
    }
    #[derive(Clone, PartialEq, Eq, Hash, serde::Serialize)]
    struct Seconds(u32);
    #[cache(ttl = |value| if *value > first { 60 } else { 0 }, if = |value| *value != second)]
    fn mentioned(first: u64, second: u64) -> u64 {
        first + second
    }
    let _test = isolate();
    nameless::set(&(1, 2), 7);
    called_like_our_methods::set(&1, &2, &3, 7);
    called_like_a_type::set(&Seconds(1), 7);
    mentioned::set(&1, &2, 7);
    assert_eq!((nameless((1, 2)), called_like_our_methods(1, 2, 3)), (7, 7));
    assert_eq!(called_like_a_type(Seconds(1)), 7);
    assert_eq!(mentioned(1, 2), 3, "there is no call that could be asked");
}

/// Labels and lifetimes of the function's name, before paths from the root: no path begins with that name.
mod labels {
    use cachekit::cache;

    #[cache::local]
    #[expect(clippy::needless_lifetimes)]
    fn life<'life>(text: &'life ::std::primitive::str) -> usize {
        text.len()
    }

    #[cache::local]
    fn label(n: u32) -> String {
        'label: {
            if n == 0 {
                break 'label ::std::string::String::new();
            }
            n.to_string()
        }
    }

    #[test]
    fn are_no_paths() {
        assert_eq!((life("four"), label(0), label(7)), (4, String::new(), "7".to_owned()));
        assert!(life::contains("four") && label::contains(&7));
    }
}
