//! The shared tier, and backends that fail.

use std::sync::Arc;
use std::time::Duration;

use cachekit::testing::Scope;
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{ManualClock, MemoryBackend};

use super::{alone, published};

/// The label of a function of this module.
fn label(path: &str) -> String {
    format!("{}::{path}", module_path!())
}

#[cachekit::cache(ttl = 60, stale = "60s", namespace = "metrics")]
fn shared(n: u64) -> Option<u64> {
    (n > 0).then_some(n)
}

#[test]
fn the_shared_tier_is_a_tier_of_its_own() {
    let _alone = alone();
    let _scope = Scope::new().with_backend(Arc::new(MemoryBackend::new())).enter();
    let forget = || {
        for function in cachekit::functions() {
            function.clear_local();
        }
    };
    let scraped = published(|| {
        shared(3);
        shared(3);
        forget();
        shared(3);
        shared(3);
    });
    let label = label("shared");
    scraped.agrees(&label, shared::stats());
    assert_eq!(scraped.calls(&label, "process", "hit"), 2);
    assert_eq!(scraped.calls(&label, "shared", "hit"), 1);
    assert_eq!(scraped.calls(&label, "none", "miss"), 1);
    let operation = |op: &str, outcome: &str| {
        let series = format!(
            "cachekit_backend_duration_seconds{{backend=memory,op={op},outcome={outcome}}}"
        );
        scraped.number(&series).unwrap_or(0.0)
    };
    // Other tests of this process may use such a backend as well.
    assert!(operation("get", "ok") >= 2.0);
    assert!(operation("fence", "ok") >= 1.0);
    assert!(operation("set_fenced", "ok") >= 1.0);
    assert_eq!(scraped.number("cachekit_breaker_state{backend=memory}"), Some(0.0));
}

#[test]
fn a_stale_value_of_the_shared_tier_is_told_from_a_stale_one_of_this_process() {
    let _alone = alone();
    let clock = ManualClock::new();
    let store = MemoryBackend::builder().clock(clock.clock()).build();
    let filling = Scope::new().with_backend(Arc::new(store.clone()));
    let scraped = published(|| {
        filling.run(|| shared(5));
        clock.advance(Duration::from_secs(61));
        Scope::new().with_backend(Arc::new(store.clone())).run(|| {
            shared(5);
            cachekit::testing::settle();
            cachekit::metrics::publish();
            assert_eq!(shared::stats().stale_hits, 1);
            assert_eq!(shared::stats().shared_hits, 1);
        });
    });
    let label = label("shared");
    assert_eq!(scraped.calls(&label, "shared", "stale"), 1);
    assert_eq!(scraped.calls(&label, "process", "stale"), 0);
}

#[test]
fn a_backend_that_is_down_shows_as_an_open_breaker_and_by_the_kind_of_its_errors() {
    let _alone = alone();
    let backend = FaultyBackend::new(MemoryBackend::new());
    backend.inject(Fault::fail(cachekit_io::BackendErrorKind::Transient));
    let _scope = Scope::new().with_backend(Arc::new(backend)).enter();
    let scraped = published(|| {
        for n in 100..130 {
            shared(n);
        }
    });
    let label = label("shared");
    scraped.agrees(&label, shared::stats());
    let stats = shared::stats();
    assert!(stats.shared_errors > 0 && stats.shared_skips > 0);
    assert_eq!(scraped.count("cachekit_shared_errors_total", &label, &[]), stats.shared_errors);
    assert_eq!(scraped.count("cachekit_shared_skips_total", &label, &[]), stats.shared_skips);
    let states: Vec<_> =
        scraped.0.keys().filter(|series| series.starts_with("cachekit_breaker_state{")).collect();
    assert_eq!(states.len(), 1, "{states:?}");
    assert_eq!(scraped.number(states[0]), Some(1.0));
    assert!(
        scraped.0.keys().any(|series| {
            series.starts_with("cachekit_backend_duration_seconds")
                && series.contains("outcome=transient")
        }),
        "{:?}",
        scraped.0.keys()
    );
}
