//! How calls are counted: each once, by what answered it, and compared with the number of calls that were made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachekit::secure::{EnvelopeError, KeySet, KeySource, Keyring};
use cachekit::testing::{Scope, isolate, settle};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{ManualClock, MemoryBackend, Operation};

use crate::recording::Recording;

fn label(path: &str) -> String {
    format!("{}::{path}", module_path!())
}

fn forget() {
    for function in cachekit::functions() {
        function.clear_local();
    }
}

/// What the calls of a function came to, in the test scope that this thread is in.
fn calls_of(path: &str) -> BTreeMap<String, u64> {
    let recording = Recording::default();
    recording.publish();
    recording.calls(&label(path))
}

fn counted<const N: usize>(calls: [(&str, u64); N]) -> BTreeMap<String, u64> {
    calls.map(|(what, count)| (what.to_owned(), count)).into()
}

#[cachekit::cache(ttl = 60, stale = "60s", namespace = "calls")]
fn aging(n: u64) -> Option<u64> {
    (n > 0).then_some(n)
}

#[test]
fn a_refresh_that_the_shared_tier_answers_is_no_call() {
    // The backend's clock stands still: there the value stays fresh.
    let store = MemoryBackend::builder().clock(ManualClock::new().clock()).build();
    let scope = Scope::new().with_backend(Arc::new(store));
    let _scope = scope.enter();
    aging(1);
    scope.clock().advance(Duration::from_secs(61));
    // Served stale; what refreshes it finds the value of another process.
    aging(1);
    settle();
    aging(1);
    assert_eq!(
        calls_of("aging"),
        counted([("process stale", 1), ("process hit", 1), ("none miss", 1)]),
        "three calls were made"
    );
    let stats = aging::stats();
    assert_eq!((stats.hits, stats.misses, stats.shared_hits), (2, 1, 0));
    assert_eq!((stats.shared_refreshes, stats.refreshes, stats.failed_refreshes), (1, 0, 0));
}

#[test]
fn a_none_of_the_shared_tier_is_negative_there() {
    let _scope = Scope::new().with_backend(Arc::new(MemoryBackend::new())).enter();
    aging(0);
    aging(3);
    forget();
    for _ in 0..2 {
        aging(0);
        aging(3);
    }
    let expected = counted([
        ("none miss", 2),
        ("shared negative", 1),
        ("shared hit", 1),
        ("process negative", 1),
        ("process hit", 1),
    ]);
    assert_eq!(calls_of("aging"), expected);
    assert_eq!((aging::stats().hits, aging::stats().misses, aging::stats().shared_hits), (2, 4, 2));
}

#[test]
fn no_counter_goes_back_while_a_call_finds_out_who_answers_it() {
    let backend = FaultyBackend::new(MemoryBackend::new());
    let scope = Scope::new().with_backend(Arc::new(backend.clone()));
    let _scope = scope.enter();
    aging(1);
    forget();
    let recording = Recording::default();
    recording.publish();
    let before = recording.calls(&label("aging"));
    // While the backend is asked, the call is none of those that no tier answered.
    let (inside, seen) = (recording.clone(), scope.clone());
    let asked = Arc::new(AtomicBool::new(false));
    let was_asked = Arc::clone(&asked);
    backend.inject(
        Fault::wait(move || {
            seen.run(|| inside.publish());
            was_asked.store(true, Ordering::Relaxed);
            std::future::ready(())
        })
        .on(Operation::Get)
        .times(1),
    );
    aging(1);
    assert!(asked.load(Ordering::Relaxed));
    assert_eq!(before, counted([("none miss", 1)]));
    // It would fail if the number of misses had been higher in between.
    recording.publish();
    let after = recording.calls(&label("aging"));
    assert_eq!(after, counted([("none miss", 1), ("shared hit", 1)]));
}

#[test]
fn a_look_at_a_value_in_its_place_is_a_hit_or_a_miss() {
    #[cachekit::cache::local(ttl = 60)]
    fn looked_at(n: u64) -> u64 {
        n
    }

    let scope = isolate();
    let look = || looked_at::with(&7, |n| *n);
    assert_eq!(look(), None);
    looked_at(7);
    assert_eq!(look(), Some(7));
    scope.clock().advance(Duration::from_secs(61));
    assert_eq!(look(), None);
    let expected = counted([("none miss", 3), ("process hit", 1)]);
    assert_eq!(calls_of("a_look_at_a_value_in_its_place_is_a_hit_or_a_miss::looked_at"), expected);
    assert_eq!((looked_at::stats().hits, looked_at::stats().misses), (1, 3));
}

#[cachekit::cache::secure(ttl = 60, stale = "60s", namespace = "calls", tenant = tenant)]
fn sealed(tenant: &str, account: u64) -> u64 {
    account + tenant.len() as u64
}

#[test]
fn a_forced_run_that_cannot_be_sealed_is_one_bypass() {
    // There is no key.
    let _scope = Scope::new().enter();
    cachekit::refresh(|| sealed("t", 1));
    assert_eq!(calls_of("sealed"), counted([("none bypass", 1)]));
    sealed("t", 1);
    assert_eq!(calls_of("sealed"), counted([("none bypass", 2)]));
    assert_eq!((sealed::stats().misses, sealed::stats().unsealed), (2, 2));
}

/// A key, and another one as soon as it is turned.
#[derive(Debug, Default)]
struct Turning(Arc<AtomicBool>);

impl KeySource for Turning {
    fn load(&self) -> Result<KeySet, EnvelopeError> {
        let digit = if self.0.load(Ordering::Relaxed) { "8" } else { "7" };
        KeySet::from_hex(&digit.repeat(64), &[])
    }
}

#[test]
fn a_sealed_entry_that_does_not_open_is_a_miss_and_no_hit_of_any_kind() {
    for past in [0, 61] {
        let turned = Arc::new(AtomicBool::new(false));
        let keyring = Arc::new(Keyring::from_source(Turning(Arc::clone(&turned))).unwrap());
        let scope = Scope::new().with_keyring(Arc::clone(&keyring));
        let _scope = scope.enter();
        sealed("t", 1);
        sealed("t", 1);
        turned.store(true, Ordering::Relaxed);
        assert!(keyring.reload().unwrap());
        scope.clock().advance(Duration::from_secs(past));
        sealed("t", 1);
        settle();
        let expected = counted([("none miss", 2), ("process hit", 1)]);
        assert_eq!(calls_of("sealed"), expected, "{past} s");
        let stats = sealed::stats();
        assert_eq!((stats.hits, stats.misses, stats.stale_hits), (1, 2, 0), "{past} s");
    }
}
