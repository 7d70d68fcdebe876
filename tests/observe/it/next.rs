//! What `explain` says the next call gets, and that this is what it gets: for values in the form of every kind of function,
//! and where a call is refused.

use std::sync::Arc;

use cachekit::ErrorKind;
use cachekit::explain::{Next, NotStored, ProcessState, SharedState};
use cachekit::secure::{KeySet, Keyring};
use cachekit::testing::{Scope, isolate};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{MemoryBackend, Operation};

fn forget() {
    for function in cachekit::functions() {
        function.clear_local();
    }
}

fn keyring() -> Keyring {
    Keyring::new(KeySet::from_hex(&"7".repeat(64), &[]).unwrap())
}

#[cachekit::cache(ttl = 60, namespace = "next")]
fn framed(n: u64) -> u64 {
    n
}

#[cachekit::cache(ttl = 60, namespace = "next", interop = "plain")]
fn plain(n: u64) -> u64 {
    n
}

#[cachekit::cache::secure(ttl = 60, namespace = "next", interop = "sealed_plain")]
fn sealed_plain(n: u64) -> u64 {
    n
}

#[cachekit::cache::secure(ttl = 60, namespace = "next")]
fn sealed(n: u64) -> u64 {
    n
}

#[test]
fn a_value_of_every_layout_is_read_as_calls_read_it() {
    let backend = Arc::new(MemoryBackend::new());
    let _scope = Scope::new().with_backend(backend).with_keyring(keyring()).enter();
    macro_rules! each {
        ($($function:ident)*) => {$(
            $function(1);
            forget();
            let explained = $function::explain(&1);
            assert_eq!(
                (explained.next, explained.shared.state),
                (Next::Shared, SharedState::Fresh),
                "{explained}"
            );
            let hits = $function::stats().shared_hits;
            $function(1);
            assert_eq!($function::stats().shared_hits, hits + 1, "{explained}");
        )*};
    }
    each!(framed plain sealed sealed_plain);
}

/// What a call returns that is refused.
#[derive(Clone, Debug, PartialEq)]
struct Failure(ErrorKind);

impl From<cachekit::Error> for Failure {
    fn from(error: cachekit::Error) -> Self {
        Self(error.kind())
    }
}

#[cachekit::cache::secure(ttl = 60, namespace = "next", on_tamper = error)]
fn strict(n: u64) -> Result<u64, Failure> {
    Ok(n)
}

#[cachekit::cache(ttl = 60, namespace = "next", interop = "wide")]
fn wide(n: u128) -> Result<u64, Failure> {
    Ok(u64::try_from(n % 7).unwrap())
}

#[cachekit::cache(ttl = 60, namespace = "next", interop = "wide_infallible")]
fn wide_infallible(n: u128) -> u64 {
    u64::try_from(n % 7).unwrap()
}

#[test]
fn where_the_function_does_not_run_the_call_is_said_to_be_refused() {
    let backend = FaultyBackend::new(MemoryBackend::new());
    // Without a key nothing can be sealed.
    Scope::new().with_backend(Arc::new(backend.clone())).run(|| {
        let explained = strict::explain(&1);
        assert_eq!(
            (explained.next, explained.shared.state),
            (Next::Refused, SharedState::Unsealed)
        );
        assert_eq!(strict(1), Err(Failure(ErrorKind::Unsealed)));
        assert!(explained.to_string().contains("gets an error"), "{explained}");
        assert_eq!(sealed::explain(&1).next, Next::Off);
        assert_eq!(sealed(1), 1);
    });
    // What was tampered with is an error where that is asked for.
    let scope = Scope::new().with_backend(Arc::new(backend.clone())).with_keyring(keyring());
    scope.run(|| {
        assert_eq!((strict(1), sealed(1)), (Ok(1), 1));
        forget();
        backend.inject(Fault::corrupt().on(Operation::Get));
        let explained = strict::explain(&1);
        assert!(matches!(explained.shared.state, SharedState::Refused(_)), "{explained}");
        assert_eq!(explained.next, Next::Refused);
        assert_eq!(strict(1), Err(Failure(ErrorKind::Refused)));
        assert_eq!(sealed::explain(&1).next, Next::Runs);
    });
}

#[test]
fn an_argument_outside_of_what_languages_share_has_no_key_there() {
    let _scope = Scope::new().with_backend(Arc::new(MemoryBackend::new())).enter();
    let outside = u128::MAX;
    let explained = wide::explain(&outside);
    assert_eq!((explained.next, explained.shared.state), (Next::Refused, SharedState::Unkeyed));
    assert_eq!(wide(outside), Err(Failure(ErrorKind::Argument)));
    assert_eq!(wide::explain(&3).next, Next::Runs);
    // One that cannot refuse runs, and its values stay here.
    let explained = wide_infallible::explain(&outside);
    assert_eq!((explained.next, explained.shared.state), (Next::Runs, SharedState::Unkeyed));
    wide_infallible(outside);
    assert_eq!(wide_infallible::explain(&outside).next, Next::Process);
}

#[cachekit::cache(ttl = 60, namespace = "next", if = |n: &u64| *n > 10)]
fn picky(n: u64) -> u64 {
    n
}

#[test]
fn why_nothing_was_stored_is_not_said_of_what_is_stored_or_was_removed() {
    let store = Arc::new(MemoryBackend::new());
    let _scope = Scope::new().with_backend(store.clone()).enter();
    let refuses = || {
        picky(5);
        assert_eq!(picky::explain(&5).not_stored, Some(NotStored::Condition));
    };
    refuses();
    picky::invalidate(&5).ignore();
    assert_eq!(picky::explain(&5).not_stored, None);
    refuses();
    picky::clear().ignore();
    assert_eq!(picky::explain(&5).not_stored, None);

    #[cachekit::cache(ttl = 60, namespace = "next", if = |n: &u64| *n > 10 || HOLDS.get())]
    fn held(n: u64) -> u64 {
        n
    }

    // By hand, and from the shared tier, where another process has put it.
    held(6);
    assert_eq!(held::explain(&6).not_stored, Some(NotStored::Condition));
    HOLDS.set(true);
    held::set(&6, 6);
    assert_eq!(held::explain(&6).not_stored, None);
    HOLDS.set(false);
    held(7);
    assert_eq!(held::explain(&7).not_stored, Some(NotStored::Condition));
    Scope::new().with_backend(store).run(|| {
        HOLDS.set(true);
        held(7);
        HOLDS.set(false);
    });
    held(7);
    let explained = held::explain(&7);
    assert_eq!((explained.next, explained.not_stored), (Next::Process, None));
}

thread_local! {
    static HOLDS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

#[test]
fn what_a_cache_of_ones_own_does_not_keep_is_said_to_have_no_time() {
    let _scope = isolate();
    let cache: cachekit::Cache<u64, u64> =
        cachekit::Cache::builder().capacity(10).ttl(std::time::Duration::ZERO).build();
    assert_eq!(cache.get_or_insert_with(&1, || 7), 7);
    assert_eq!(cache.explain(&1).not_stored, Some(NotStored::NoTime));
}

#[test]
fn to_ask_about_a_function_that_was_never_called_leaves_it_uncalled() {
    #[cachekit::cache(ttl = 60, namespace = "next")]
    fn uncalled(n: u64) -> u64 {
        n
    }

    // In no test scope: those make a function's cache as they are asked.
    let path = "to_ask_about_a_function_that_was_never_called_leaves_it_uncalled::uncalled";
    let cache = format!("{}::{path}", module_path!());
    let recording = crate::recording::Recording::default();
    let is_published = || {
        recording.publish();
        recording.knows(&cache)
    };
    let explained = uncalled::explain(&1);
    assert_eq!((explained.next, explained.process.state), (Next::Runs, ProcessState::Absent));
    assert_eq!(explained.cache, cache);
    assert!(!is_published());
    uncalled(1);
    assert!(is_published());
    assert_eq!(uncalled::explain(&1).next, Next::Process);
}
