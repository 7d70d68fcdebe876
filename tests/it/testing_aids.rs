//! `cachekit::testing`: isolation, scopes that travel, the clock.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cachekit::testing::{Clock, Scope, isolate};
use cachekit::{Cache, cache};
use cachekit_tests::{block_on, together};

#[cache(ttl = 60)]
fn stamped(n: u32) -> (u32, u32) {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    (n, RUNS.fetch_add(1, Ordering::SeqCst))
}

#[cache(ttl = 60)]
async fn stamped_later(n: u32) -> (u32, u32) {
    tokio::task::yield_now().await;
    stamped(n)
}

#[test]
fn parallel_tests_do_not_meet() {
    let values = together(16, |_| {
        let _test = isolate();
        let first = stamped(1);
        for _ in 0..100 {
            std::thread::yield_now();
            assert_eq!(stamped(1), first);
        }
        assert_eq!((stamped::stats().misses, stamped::stats().entries), (1, 1));
        stamped::clear().ignore();
        assert_ne!(stamped(1), first);
        first
    });
    let different: std::collections::HashSet<_> = values.iter().collect();
    assert_eq!(different.len(), values.len());
}

#[test]
fn scopes_nest_and_end() {
    #[cache]
    fn own(n: u32) -> u32 {
        n
    }
    assert_eq!(own(1), 1);
    let outside = own::stats().entries;
    {
        let _outer = isolate();
        assert_eq!(own::stats().entries, 0);
        own(1);
        own(2);
        {
            let _inner = isolate();
            assert_eq!(own::stats().entries, 0);
            own(3);
            own::clear().ignore();
        }
        assert_eq!(own::stats().entries, 2);
        assert!(own::contains(&2) && !own::contains(&3));
    }
    assert_eq!(own::stats().entries, outside);
    assert!(!own::contains(&2), "a scope's entries stay in it");
    let again = isolate();
    assert_eq!(own::stats().entries, 0);
    drop(again);
}

#[test]
fn guards_may_end_in_any_order() {
    #[cache::local]
    fn own(n: u32) -> u32 {
        n
    }
    let (first, second) = (Scope::new(), Scope::new());
    let in_first = first.enter();
    own(1);
    let in_second = second.enter();
    own(2);
    drop(in_first);
    assert!(own::contains(&2) && !own::contains(&1), "still in the second");
    drop(in_second);
    assert!(!own::contains(&1) && !own::contains(&2));
    assert!(first.run(|| own::contains(&1)) && second.run(|| own::contains(&2)));
}

#[test]
fn a_panic_leaves_the_scope() {
    #[cache::local]
    fn own(n: u32) -> u32 {
        n
    }
    let scope = Scope::new();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        scope.run(|| {
            own(1);
            panic!("a failing test");
        });
    }));
    assert!(panicked.is_err());
    assert!(!own::contains(&1));
    assert!(scope.run(|| own::contains(&1)));
}

#[test]
fn scopes_go_to_other_threads() {
    let test = isolate();
    let here = stamped(1);
    let scope = test.scope().clone();
    let there = std::thread::spawn(move || {
        let without = stamped(1);
        let _in = scope.enter();
        (without, stamped(1))
    });
    let (without, with) = there.join().unwrap();
    assert_eq!(with, here);
    assert_ne!(without, here, "a thread that did not enter is outside");
}

#[test]
fn scopes_go_to_tasks() {
    let test = isolate();
    let scope = test.scope();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            runtime.spawn(scope.wrap(async {
                let mut seen = std::collections::HashSet::new();
                for _ in 0..20 {
                    seen.insert(stamped_later(1).await);
                    tokio::task::yield_now().await;
                }
                seen
            }))
        })
        .collect();
    let outside = runtime.spawn(async { stamped_later(1).await });
    let here = block_on(stamped_later(1));
    for task in tasks {
        assert_eq!(runtime.block_on(task).unwrap().into_iter().collect::<Vec<_>>(), [here]);
    }
    assert_ne!(runtime.block_on(outside).unwrap(), here);
}

#[test]
fn two_scopes_on_one_executor() {
    let (a, b) = (Scope::new(), Scope::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (first, second) = runtime.block_on(async {
        // Both are polled in turn on one thread.
        futures::join!(a.wrap(stamped_later(1)), b.wrap(stamped_later(1)))
    });
    assert_ne!(first, second);
    assert_eq!((a.run(|| stamped(1)), b.run(|| stamped(1))), (first, second));
}

#[test]
fn the_clock_stands_until_it_is_turned() {
    let test = isolate();
    let first = stamped(1);
    test.clock().advance(Duration::from_secs(59));
    assert_eq!(stamped(1), first);
    // Another scope has another clock.
    let other = Scope::new();
    let there = other.run(|| stamped(1));
    other.clock().advance(Duration::from_secs(61));
    assert_ne!(other.run(|| stamped(1)), there);
    assert_eq!(stamped(1), first);
    test.scope().clock().advance(Duration::from_secs(1));
    assert_ne!(stamped(1), first);
}

#[test]
fn small_steps_add_up() {
    let test = isolate();
    let first = stamped(1);
    for _ in 0..60_000 {
        test.clock().advance(Duration::from_millis(1));
    }
    assert_ne!(stamped(1), first, "60,000 milliseconds are 60 seconds");
}

#[test]
fn caches_built_in_a_scope_use_its_clock() {
    let test = isolate();
    let cache = Cache::<u32, u32>::builder().ttl(Duration::from_secs(10)).build();
    cache.insert(1, 1);
    test.clock().advance(Duration::from_secs(9));
    assert_eq!(cache.get(&1), Some(1));
    test.clock().advance(Duration::from_secs(1));
    assert_eq!(cache.get(&1), None);
    let clock = Clock::new();
    let own = Cache::<u32, u32>::builder().ttl(Duration::from_secs(10)).clock(&clock).build();
    own.insert(1, 1);
    test.clock().advance(Duration::from_secs(100));
    assert_eq!(own.get(&1), Some(1));
    clock.clone().advance(Duration::from_secs(10));
    assert_eq!(own.get(&1), None);
}

#[test]
fn disabled_scopes_run_every_call() {
    static CACHE: std::sync::LazyLock<Cache<u32, u32>> = std::sync::LazyLock::new(|| Cache::new(5));
    #[cache(in = CACHE)]
    fn in_own(n: u32) -> u32 {
        n
    }
    let _test = Scope::disabled().enter();
    assert_ne!(stamped(1), stamped(1));
    assert_ne!(block_on(stamped_later(1)), block_on(stamped_later(1)));
    stamped::set(&1, (0, 0));
    assert!(!stamped::contains(&1) && stamped::peek(&1).is_none());
    assert_eq!((stamped::stats().entries, stamped::stats().hits), (0, 0));
    assert_eq!(in_own(1), 1);
    drop(isolate());
    assert_ne!(stamped(1), stamped(1), "back in the disabled scope");
}

#[test]
fn no_scope_needs_the_real_clock() {
    #[cache(ttl = 3600)]
    fn real(n: u32) -> u32 {
        n
    }
    #[cache(ttl = "1ms")]
    fn brief(n: u32) -> u32 {
        n
    }
    assert_eq!((real(1), real(1)), (1, 1));
    assert_eq!(real::stats().hits, 1);
    // However coarse the clock is, it goes on.
    let before = brief::stats().misses;
    while brief::stats().misses < before + 2 {
        brief(1);
        std::thread::yield_now();
    }
}
