//! What `init` says about an environment that leads to no backend.

use cachekit::{cache, init};
use cachekit_tests::{is_child, run_child};

use crate::secure::set_keys;

#[cache(ttl = 60)]
fn plain(n: u64) -> u64 {
    n
}

/// Runs the test again with these variables; there, `init` must say all of this, and nothing secret.
fn says(test: &str, environment: &[(&str, &str)], expected: &[&str]) {
    if !is_child() {
        let finished = run_child(test, environment);
        assert_eq!(finished.passed, Some(true), "{}", finished.output);
        return;
    }
    set_keys();
    let error = init().unwrap_err();
    assert!(error.is_configuration());
    let said = error.to_string();
    let about = "`#[cache]` functions have no shared backend";
    assert!(said.contains(about), "{said}");
    for expected in expected {
        assert!(said.contains(expected), "no {expected:?} in {said}");
    }
    assert!(!format!("{said} {error:?}").contains("5ecret"), "{said}");
    // Functions work, and count it.
    assert_eq!((plain(7), plain(7), plain::stats().loads), (7, 7, 1));
    assert!(plain::stats().shared_errors > 0);
}

#[test]
fn two_variables_are_a_conflict() {
    says(
        "backends::refused::two_variables_are_a_conflict",
        &[("CACHEKIT_REDIS_URL", "redis://5ecret"), ("CACHEKIT_FILE_CACHE_DIR", "/5ecret")],
        &["CACHEKIT_REDIS_URL and CACHEKIT_FILE_CACHE_DIR are set at once"],
    );
}

#[test]
fn three_variables_are_a_conflict() {
    says(
        "backends::refused::three_variables_are_a_conflict",
        &[
            ("CACHEKIT_API_KEY", "5ecret"),
            ("CACHEKIT_REDIS_URL", "redis://5ecret"),
            ("CACHEKIT_FILE_CACHE_DIR", "/5ecret"),
        ],
        &["CACHEKIT_API_KEY and CACHEKIT_REDIS_URL and CACHEKIT_FILE_CACHE_DIR are set at once"],
    );
}

#[test]
fn a_directory_that_cannot_be_used_is_said() {
    says(
        "backends::refused::a_directory_that_cannot_be_used_is_said",
        &[("CACHEKIT_FILE_CACHE_DIR", "/dev/null"), ("CACHEKIT_FILE_MAX_SIZE_MB", "5ecret")],
        &["CACHEKIT_FILE_CACHE_DIR", "CACHEKIT_FILE_MAX_SIZE_MB must be a whole number"],
    );
}

#[test]
fn a_redis_url_that_cannot_be_used_is_said() {
    says(
        "backends::refused::a_redis_url_that_cannot_be_used_is_said",
        &[("CACHEKIT_REDIS_URL", "5ecret://nowhere")],
        &["CACHEKIT_REDIS_URL"],
    );
}
