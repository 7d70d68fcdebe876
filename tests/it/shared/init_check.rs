//! `init` and `check` say at the start what calls would only count.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use cachekit::cache;
use cachekit::testing::Scope;
use cachekit::{ErrorKind, check, init};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{BackendError, BackendErrorKind, MemoryBackend, Operation};
use cachekit_tests::{block_on, in_child, is_child, run_child};

use crate::secure::set_keys;
use crate::shared::tier::machines;

// This binary has functions of every tier; one more, so that this file stands for itself.
#[cache::io(ttl = 60, namespace = "init-check")]
fn value(n: u64) -> u64 {
    n
}

#[test]
fn a_missing_api_key_is_reported_and_stops_nothing() {
    in_child("shared::init_check::a_missing_api_key_is_reported_and_stops_nothing", || {
        set_keys();
        let error = init().unwrap_err();
        assert_eq!((error.kind(), error.is_configuration()), (ErrorKind::Configuration, true));
        assert_eq!(error.problems().len(), 1, "{error}");
        assert!(error.to_string().contains("`#[cache::io]` functions have no backend"), "{error}");
        let source = error.source().and_then(|source| source.downcast_ref::<BackendError>());
        assert_eq!(source.map(BackendError::kind), Some(BackendErrorKind::Configuration));
        assert_eq!(value(7), 7);
        // It lasts, and is said each time.
        assert_eq!(block_on(check()).unwrap_err().to_string(), error.to_string());
    });
}

pub(crate) const NONE: [String; 0] = [];

/// What `check` found, but for the functions of this binary that have one path on purpose.
pub(crate) fn problems(checked: Result<(), cachekit::Error>) -> Vec<String> {
    let error = checked.err();
    let problems = error.iter().flat_map(|error| error.problems());
    problems.map(ToString::to_string).filter(|said| !said.contains("has the same path")).collect()
}

#[test]
fn a_backend_for_the_process_is_enough() {
    in_child("shared::init_check::a_backend_for_the_process_is_enough", || {
        set_keys();
        let backend = FaultyBackend::new(MemoryBackend::new());
        cachekit::set_default_backend(Arc::new(backend.clone()));
        init().unwrap();
        assert!(backend.calls().is_empty(), "it sends nothing");
        assert_eq!(problems(block_on(check())), NONE);
        assert_eq!(backend.count(Operation::Health), 1, "one backend is asked once");
    });
}

#[test]
fn a_backend_that_is_down_is_unreachable() {
    // Alone: functions that other tests have called are said to stay in the process.
    in_child("shared::init_check::a_backend_that_is_down_is_unreachable", || {
        let (scope, _, backend) = machines();
        backend.inject(Fault::fail(BackendErrorKind::Transient).on(Operation::Health));
        scope.run(|| {
            init().unwrap();
            let error = block_on(check()).unwrap_err();
            assert!(error.is_unreachable());
            let problems = problems(Err(error));
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].contains("memory"), "{problems:?}");
        });
    });
}

#[test]
fn a_backend_that_does_not_answer_does_not_hold_the_check() {
    let (_, _, backend) = machines();
    backend.inject(Fault::wait(std::future::pending).on(Operation::Health));
    let scope =
        Scope::new().with_backend(Arc::new(backend)).with_shared_budget(Duration::from_millis(20));
    let error = scope.run(|| block_on(check())).unwrap_err();
    assert!(error.is_unreachable() && error.to_string().contains("no answer in time"), "{error}");
}

#[test]
fn a_wrong_budget_is_reported() {
    let test = "shared::init_check::a_wrong_budget_is_reported";
    if is_child() {
        let (scope, _, _) = machines();
        let error = scope.run(init).unwrap_err();
        assert!(error.to_string().starts_with("CACHEKIT_SHARED_BUDGET is \"soon\""), "{error}");
        return;
    }
    let finished = run_child(test, &[("CACHEKIT_SHARED_BUDGET", "soon")]);
    assert_eq!(finished.passed, Some(true), "{}", finished.output);
}

#[test]
fn a_variable_with_a_bad_value_concerns_every_function_that_would_use_it() {
    let test =
        "shared::init_check::a_variable_with_a_bad_value_concerns_every_function_that_would_use_it";
    if is_child() {
        let error = init().unwrap_err();
        assert!(error.is_configuration());
        let said = error.to_string();
        assert!(said.contains("`#[cache]` functions have no shared backend"), "{said}");
        assert!(said.contains("`#[cache::io]` functions have no backend"), "{said}");
        assert!(!format!("{said} {error:?}").contains("not a key"), "{said}");
        assert_eq!(value(7), 7);
        return;
    }
    let finished = run_child(test, &[("CACHEKIT_API_KEY", "not a key")]);
    assert_eq!(finished.passed, Some(true), "{}", finished.output);
}

#[test]
fn every_variable_that_is_wrong_is_named_once() {
    const WRONG: [(&str, &str); 8] = [
        ("CACHEKIT_API_KEY", "5ecret with a space"),
        ("CACHEKIT_API_URL", "http://5ecret.example"),
        ("CACHEKIT_TIMEOUT", "5ecret"),
        ("CACHEKIT_MAX_RETRIES", "5ecret"),
        ("CACHEKIT_CONNECTION_POOL_SIZE", "5ecret"),
        ("CACHEKIT_MASTER_KEY", "5ecret"),
        ("CACHEKIT_PREVIOUS_MASTER_KEYS", "5ecret,5ecret"),
        ("CACHEKIT_SHARED_BUDGET", "soon"),
    ];
    let test = "shared::init_check::every_variable_that_is_wrong_is_named_once";
    if is_child() {
        let error = init().unwrap_err();
        let said = error.to_string();
        for (name, _) in WRONG {
            assert_eq!(said.matches(name).count(), 1, "{name}: {said}");
        }
        assert!(!format!("{said} {error:?}").contains("5ecret"), "{said}");
        let messages: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
        let all = "`#[cache]` functions have no shared backend, `#[cache::io]` functions have no backend, \
                   `#[cache::secure]` functions have no shared backend, and cache in this process only: ";
        assert_eq!(messages.iter().filter(|message| message.starts_with(all)).count(), 1, "{said}");
        assert_eq!(messages.len(), 3, "the budget, the keys, the backend: {said}");
        return;
    }
    let finished = run_child(test, &WRONG);
    assert_eq!(finished.passed, Some(true), "{}", finished.output);
}
