//! A server that starts its workers by `fork`, and is configured by the environment alone.

use std::panic::catch_unwind;

use cachekit::cache;
use cachekit_test_servers::Node;
use cachekit_tests::{is_child, run_child};

const TEST: &str = "backends::forked::a_forked_process_uses_the_backend_of_its_environment";

#[cache(ttl = "10m", namespace = "forked")]
fn square(n: u64) -> u64 {
    n * n
}

/// Whether a value that this process shares is found in the backend.
fn shares(n: u64) {
    let before = square::stats();
    assert_eq!(square(n), n * n);
    for function in cachekit::functions() {
        function.clear_local();
    }
    assert_eq!(square(n), n * n);
    let stats = square::stats();
    let found = stats.shared_hits - before.shared_hits;
    assert_eq!((found, stats.shared_errors), (1, before.shared_errors));
}

/// The parent has used its backend, so that all of its threads run, and goes on with it.
fn server() {
    shares(1);
    match fork::fork().unwrap() {
        fork::Fork::Child => {
            let outcome = catch_unwind(|| shares(2));
            // Not back into the test harness, which would report a test twice.
            std::process::exit(i32::from(outcome.is_err()));
        }
        fork::Fork::Parent(child) => {
            assert_eq!(fork::waitpid(child).unwrap(), 0, "the child failed");
            shares(3);
        }
    }
}

#[test]
fn a_forked_process_uses_the_backend_of_its_environment() {
    if is_child() {
        return server();
    }
    let node = Node::start();
    let finished = run_child(TEST, &[("CACHEKIT_REDIS_URL", &node.url())]);
    assert_eq!(finished.passed, Some(true), "{}", finished.output);
}
