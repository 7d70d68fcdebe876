//! Functions of every form, and everything that can become of a call within the process.

use std::sync::LazyLock;
use std::time::Duration;

use cachekit::testing::isolate;
use cachekit::{Instance, InstanceId};

use super::{EXPORTER, alone, published, scrape};

/// The label of a function of this module.
fn label(path: &str) -> String {
    format!("{}::{path}", module_path!())
}

#[cachekit::cache::local(ttl = 60)]
fn plain(n: u64) -> u64 {
    n * n
}

#[cachekit::cache::local]
async fn eventual(n: u64) -> u64 {
    tokio::task::yield_now().await;
    n
}

#[cachekit::cache::local(ttl(none = 60))]
fn optional(n: u64) -> Option<u64> {
    (n > 10).then_some(n)
}

#[cachekit::cache::local(if = |n: &u64| *n > 10)]
fn picky(n: u64) -> Result<u64, String> {
    if n == 0 { Err("the password is secret-in-an-error".to_owned()) } else { Ok(n) }
}

#[cachekit::cache::local(capacity = 2)]
fn small(n: u64) -> u64 {
    n
}

#[cachekit::cache::local]
fn generic<T: std::hash::Hash + Eq + Clone + Send + Sync + 'static>(of: T) -> usize {
    drop(of);
    size_of::<T>()
}

#[cachekit::cache::local]
fn panics(n: u64) -> u64 {
    assert!(n < 10, "the card number is secret-in-a-panic");
    n
}

struct Shop {
    id: InstanceId,
}

impl Instance for Shop {
    fn instance(&self) -> &InstanceId {
        &self.id
    }
}

impl Shop {
    #[cachekit::cache::local(self = instance)]
    pub(crate) fn price(&self, item: &str) -> usize {
        item.len()
    }
}

#[test]
fn a_scrape_says_what_the_counters_say_of_functions_of_every_form() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(calls_and_scrapes());
}

async fn calls_and_scrapes() {
    LazyLock::force(&EXPORTER);
    // The times of what ran before the first scrape are not measured, so there is one.
    scrape().await;
    for n in [1, 1, 2, 1] {
        plain(n);
        eventual(n).await;
    }
    // From several threads: each counts for itself.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..1_000).for_each(|_| {
                    plain(1);
                });
            });
        }
    });
    plain::refresh(7);
    plain::invalidate(&2).ignore();
    for n in [5, 5, 5, 20, 20] {
        optional(n);
    }
    for n in [0, 0, 5, 5, 20, 20] {
        let _ = picky(n);
    }
    for n in 0..10 {
        small(n);
    }
    generic(1_u8);
    generic(1_u64);
    generic(1_u64);
    assert!(std::panic::catch_unwind(|| panics(10)).is_err());
    panics(1);
    let shop = Shop { id: InstanceId::new() };
    shop.price("secret-in-an-argument");
    shop.price("secret-in-an-argument");

    let scraped = scrape().await;
    scraped.agrees(&label("plain"), plain::stats());
    scraped.agrees(&label("eventual"), eventual::stats());
    scraped.agrees(&label("optional"), optional::stats());
    scraped.agrees(&label("picky"), picky::stats());
    scraped.agrees(&label("small"), small::stats());
    scraped.agrees(&label("generic"), generic::stats());
    scraped.agrees(&label("panics"), panics::stats());
    scraped.agrees(&label("Shop::price"), shop.price_cache("").stats());

    assert_eq!(scraped.calls(&label("plain"), "process", "hit"), 4_002);
    assert_eq!(scraped.calls(&label("plain"), "none", "miss"), 2);
    assert_eq!(scraped.calls(&label("plain"), "none", "bypass"), 1, "a forced run");
    assert_eq!(scraped.fills(&label("plain"), "ok", "miss"), 2);
    assert_eq!(scraped.fills(&label("plain"), "ok", "forced"), 1);
    assert_eq!(scraped.calls(&label("optional"), "process", "negative"), 2);
    assert_eq!(scraped.calls(&label("optional"), "process", "hit"), 1);
    assert_eq!(scraped.fills(&label("picky"), "error", "miss"), 2);
    assert_eq!(scraped.fills(&label("picky"), "not_stored", "miss"), 2);
    assert_eq!(scraped.fills(&label("picky"), "ok", "miss"), 1);
    assert_eq!(scraped.fills(&label("panics"), "panic", "miss"), 1);
    let durations = |path: &str| {
        let series = format!("cachekit_fill_duration_seconds{{cache={}}}", label(path));
        scraped.number(&series)
    };
    assert_eq!(durations("plain"), Some(3.0));
    assert_eq!(durations("eventual"), Some(2.0));
    assert_eq!(durations("panics"), Some(2.0));

    // A second scrape without a call in between says the same, and nothing is counted twice.
    let again = scrape().await;
    again.agrees(&label("plain"), plain::stats());
    assert_eq!(again.fills(&label("plain"), "ok", "miss"), 2);
    for series in again.0.keys() {
        assert!(!series.contains("secret"), "{series}");
    }
}

#[cachekit::cache::local(ttl = 60, stale = "60s")]
fn ages(n: u64) -> u64 {
    n
}

#[test]
fn a_stale_hit_is_a_result_of_its_own_and_its_refresh_a_cause_of_its_own() {
    let _alone = alone();
    let scope = isolate();
    let scraped = published(|| {
        ages(4);
        scope.clock().advance(Duration::from_secs(61));
        ages(4);
        cachekit::testing::settle();
        ages(4);
    });
    let label = label("ages");
    scraped.agrees(&label, ages::stats());
    assert_eq!(scraped.calls(&label, "process", "stale"), 1);
    assert_eq!(scraped.calls(&label, "process", "hit"), 1);
    assert_eq!(scraped.fills(&label, "ok", "miss"), 1);
    assert_eq!(scraped.fills(&label, "ok", "refresh"), 1);
}

#[test]
fn calls_that_wait_for_a_run_are_a_gauge_and_a_dropped_run_is_told() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();

    #[cachekit::cache::local]
    async fn hangs(_n: u64) -> u64 {
        std::future::pending().await
    }

    let label = label("calls_that_wait_for_a_run_are_a_gauge_and_a_dropped_run_is_told::hangs");
    let scope = cachekit::testing::isolate();
    let scraped = published(|| {
        runtime.block_on(async {
            let mut leader = Box::pin(hangs(1));
            let mut waiter = Box::pin(hangs(1));
            assert!(futures_poll(&mut leader).await.is_none());
            assert!(futures_poll(&mut waiter).await.is_none());
            let scraped = published(|| {});
            assert_eq!(scraped.count("cachekit_flight_waiters", &label, &[]), 1);
            drop(waiter);
            drop(leader);
        });
    });
    assert_eq!(scraped.count("cachekit_flight_waiters", &label, &[]), 0);
    assert_eq!(scraped.fills(&label, "cancelled", "miss"), 1);
    drop(scope);
}

/// Polls once.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
