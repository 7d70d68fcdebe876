//! Two tiers: a value that one process computed is a hit for another, through a shared backend.
//!
//! Needs the feature `shared`. `MemoryBackend` plays the shared store here; anything that implements
//! `cachekit_io::Backend` will do. `#[cache]` functions use it, `#[cache::local]` functions never do.

use std::sync::Arc;

use cachekit::testing::Scope;
use cachekit::{cache, clear_default_backend, set_default_backend};
use cachekit_io::testing::FaultyBackend;
use cachekit_io::{BackendErrorKind, MemoryBackend};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Forecast {
    city: String,
    degrees: i16,
}

/// The namespace keeps applications apart that share a store. Raise `version` when the meaning of the
/// values changes: entries of other versions are misses.
#[cache(ttl = "10m", namespace = "weather", version = 2)]
fn forecast(city: &str) -> Forecast {
    Forecast { city: city.to_owned(), degrees: 21 }
}

/// Never leaves the process, whether there is a backend or not: its values need no serde.
#[cache::local(ttl = "10m")]
fn secret(user: u64) -> Arc<str> {
    format!("secret of {user}").into()
}

/// This process forgets its copies; the backend does not.
fn forget() {
    for function in cachekit::functions() {
        function.clear_local();
    }
}

fn main() {
    let backend = MemoryBackend::new();
    set_default_backend(Arc::new(backend.clone()));

    // A miss in both tiers fills both.
    forecast("Vienna");
    secret(1);
    assert_eq!(backend.len(), 1);
    // A miss in this process only: the function does not run.
    forget();
    assert_eq!(forecast("Vienna").degrees, 21);
    let stats = forecast::stats();
    println!("after forgetting: {} loads, {} from the shared tier", stats.loads, stats.shared_hits);
    assert_eq!((stats.loads, stats.shared_hits), (1, 1));

    // An invalidation reaches both tiers, and returns whether the backend has confirmed it.
    let done = forecast::invalidate("Vienna");
    assert!(done.was_cached() && done.is_confirmed() && backend.is_empty());
    // `clear` cannot: a backend does not list the keys of a function.
    forecast("Vienna");
    assert!(!forecast::clear().is_confirmed());

    // A backend that fails, or holds garbage, is a miss. Only the counters show it.
    let faulty = FaultyBackend::new(backend.clone());
    set_default_backend(Arc::new(faulty.clone()));
    faulty.fail_next(1_000, BackendErrorKind::Timeout);
    assert_eq!(forecast("Oslo").city, "Oslo");
    assert!(!forecast::invalidate("Oslo").is_confirmed());
    println!("while it is down: {} errors counted", forecast::stats().shared_errors);
    assert!(forecast::stats().shared_errors > 0);
    clear_default_backend();

    // Two machines in one test: two scopes over one backend.
    let machine = || Scope::new().with_backend(Arc::new(backend.clone()));
    let (a, b) = (machine(), machine());
    a.run(|| forecast("Rome"));
    b.run(|| forecast("Rome"));
    let (a, b) = (a.run(forecast::stats), b.run(forecast::stats));
    println!("machine a: {} loads, machine b: {} loads", a.loads, b.loads);
    assert_eq!((a.loads, b.loads, b.shared_hits), (1, 0, 1));
}
