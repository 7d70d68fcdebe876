//! Code that uses cached functions, under test: an isolated cache and a clock to turn.
//!
//! Cached functions keep their entries as long as the process runs, and tests run in parallel in one
//! process. `isolate()` gives the test's thread empty caches and a clock that moves only when the test
//! moves it. The functions below are tests (`cargo test -p examples --example testing`) and lessons
//! (`main` runs them one by one).

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cachekit::cache;
use cachekit::testing::{Scope, isolate};

/// What the cached function depends on; a test changes it.
static RATE: AtomicU32 = AtomicU32::new(100);

#[cache(ttl = "1h")]
fn exchange_rate(currency: &str) -> u32 {
    RATE.load(Ordering::SeqCst) + u32::try_from(currency.len()).unwrap_or(0)
}

/// The code under test. It does not know about caches, scopes or clocks.
fn price_in(currency: &str, price: u32) -> u32 {
    price * exchange_rate(currency)
}

#[cfg_attr(test, test)]
fn a_price_is_stable_for_an_hour() {
    let test = isolate();
    let first = price_in("EUR", 2);
    RATE.fetch_add(1, Ordering::SeqCst);

    test.clock().advance(Duration::from_secs(3_599));
    assert_eq!(price_in("EUR", 2), first);
    assert_eq!(exchange_rate::stats().hits, 1);

    test.clock().advance(Duration::from_secs(1));
    assert!(price_in("EUR", 2) > first);
    assert_eq!(exchange_rate::stats().misses, 2);
}

#[cfg_attr(test, test)]
fn every_test_starts_empty() {
    let _test = isolate();
    assert_eq!(exchange_rate::stats().misses, 0);
    assert!(!exchange_rate::contains("EUR"));
    // A value of the test's choice, without running the function.
    exchange_rate::set("EUR", 7);
    assert_eq!(price_in("EUR", 3), 21);
}

#[cfg_attr(test, test)]
fn two_scopes_do_not_see_each_other() {
    let (one, other) = (Scope::new(), Scope::new());
    one.run(|| exchange_rate::set("USD", 1));
    other.run(|| exchange_rate::set("USD", 2));
    assert_eq!(one.run(|| price_in("USD", 10)), 10);
    assert_eq!(other.run(|| price_in("USD", 10)), 20);
}

#[cfg_attr(test, test)]
fn work_on_other_threads_takes_the_scope_along() {
    let test = isolate();
    exchange_rate::set("CHF", 5);

    let scope = test.scope().clone();
    let inside = std::thread::spawn(move || scope.run(|| price_in("CHF", 1)));
    assert_eq!(inside.join().ok(), Some(5));

    // A runtime moves tasks between threads, so the future is wrapped.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    let runtime = runtime.expect("a runtime");
    let task = runtime.spawn(test.scope().wrap(async { price_in("CHF", 2) }));
    assert_eq!(runtime.block_on(task).ok(), Some(10));
}

#[cfg_attr(test, test)]
fn caching_can_be_switched_off() {
    // For one test; `CACHEKIT_DISABLE=1` does it for the whole process.
    let _test = Scope::disabled().enter();
    price_in("JPY", 1);
    price_in("JPY", 1);
    assert_eq!((exchange_rate::stats().hits, exchange_rate::stats().misses), (0, 0));
    assert!(!exchange_rate::contains("JPY"));
}

fn main() {
    let lessons: [(&str, fn()); 5] = [
        ("a price is stable for an hour", a_price_is_stable_for_an_hour),
        ("every test starts empty", every_test_starts_empty),
        ("two scopes do not see each other", two_scopes_do_not_see_each_other),
        (
            "work on other threads takes the scope along",
            work_on_other_threads_takes_the_scope_along,
        ),
        ("caching can be switched off", caching_can_be_switched_off),
    ];
    for (name, lesson) in lessons {
        lesson();
        println!("ok: {name}");
    }
}
