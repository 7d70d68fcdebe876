//! `#[cache::io]`: everything `#[cache]` does, with cachekit.io where no other backend is named.

use std::sync::Arc;

use cachekit::cache;
use cachekit::testing::isolate;
use cachekit_io::MemoryBackend;
use cachekit_io::testing::FaultyBackend;
use cachekit_tests::{Runs, block_on, in_child};

use crate::shared::tier::machines;

static RUNS: Runs = Runs::new();

#[cache::io(ttl = 300, namespace = "my-app")]
fn rate(currency: &str) -> usize {
    RUNS.add();
    currency.len()
}

#[cache::io(ttl = 300, namespace = "my-app", stale = 60)]
async fn rate_later(currency: &str) -> Option<usize> {
    RUNS.add();
    Some(currency.len())
}

#[test]
fn it_shares_through_the_backend_of_the_scope() {
    let (a, b, backend) = machines();
    assert_eq!((a.run(|| rate("EUR")), b.run(|| rate("EUR"))), (3, 3));
    assert_eq!(block_on(a.wrap(rate_later("EUR"))), block_on(b.wrap(rate_later("EUR"))));
    assert_eq!(RUNS.take(), 2);
    assert_eq!((b.run(rate::stats).shared_hits, b.run(rate_later::stats).shared_hits), (1, 1));
    assert!(b.run(|| rate::invalidate("EUR")).is_confirmed());
    // What the service accepts as a key.
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    for key in backend.calls().iter().filter_map(|call| call.key()) {
        assert!(key.len() <= 400 && key.chars().all(legal) && !key.contains(".."), "{key}");
        assert!(key.starts_with("ns:my-app:func:"), "{key}");
    }
}

#[test]
fn an_explicit_backend_comes_first() {
    struct Api {
        backend: Arc<FaultyBackend>,
    }
    impl Api {
        #[cache::io(ttl = 60, self = shared, backend = self.backend)]
        pub(crate) fn answer(&self) -> u32 {
            42
        }
    }
    let (a, _, scoped) = machines();
    let api = Api { backend: Arc::new(FaultyBackend::new(MemoryBackend::new())) };
    a.run(|| api.answer());
    assert!(scoped.calls().is_empty() && !api.backend.calls().is_empty());
}

#[test]
fn a_scope_without_a_backend_has_none() {
    let _test = isolate();
    rate("USD");
    rate("USD");
    assert_eq!((RUNS.take(), rate::stats().shared_errors), (1, 0));
}

#[test]
fn without_an_api_key_it_caches_in_the_process_and_counts() {
    in_child(
        "shared::io_attribute::without_an_api_key_it_caches_in_the_process_and_counts",
        || {
            assert!(
                std::env::var_os("CACHEKIT_API_KEY").is_none(),
                "this test is about its absence"
            );
            assert_eq!((rate("EUR"), rate("EUR"), RUNS.take()), (3, 3, 1));
            assert_eq!((rate::stats().hits, rate::stats().shared_errors), (1, 1));
            assert!(!rate::clear().is_confirmed(), "nobody knows what is stored there");
        },
    );
}

#[test]
fn the_backend_of_the_process_comes_before_the_environment() {
    in_child(
        "shared::io_attribute::the_backend_of_the_process_comes_before_the_environment",
        || {
            let backend = MemoryBackend::new();
            cachekit::set_default_backend(Arc::new(backend.clone()));
            rate("EUR");
            assert_eq!((backend.len(), rate::stats().shared_errors), (1, 0));
        },
    );
}

#[test]
fn the_registry_knows_the_tier() {
    let functions = cachekit::functions();
    let found = functions.iter().find(|f| f.name() == "rate" && f.module() == module_path!());
    let function = found.expect("it is listed");
    assert_eq!(function.tier(), cachekit::Tier::Io);
    assert_eq!(function.policy().namespace, Some("my-app"));
    assert_eq!(function.policy().fill_lock, Some(std::time::Duration::from_secs(5)));
}
