//! Functions of `#[cache]` whose values would go to the service under names that it refuses.

use super::local::Local;
use cachekit::testing::Scope;
use cachekit::{ErrorKind, cache, check};
use cachekit_io::MemoryBackend;
use cachekit_tests::block_on;
use std::sync::Arc;

#[cache(ttl = 60, namespace = "with.dot")]
fn dotted(n: u64) -> u64 {
    n
}

#[cache(ttl = 60, namespace = "with_no-dot")]
fn plain(n: u64) -> u64 {
    n
}

/// The problems of functions in this file.
fn problems(scope: &Scope) -> Vec<String> {
    let Err(error) = scope.run(|| block_on(check())) else { return Vec::new() };
    let here = |text: &String| text.contains("http/namespaces.rs");
    let functions = error.problems().iter().filter(|problem| problem.kind() == ErrorKind::Function);
    functions.map(ToString::to_string).filter(here).collect()
}

#[test]
fn what_the_service_refuses_is_told_by_the_check() {
    let server = Local::start();
    let scope = Scope::new().with_backend(Arc::new(server.client()));
    let found = problems(&scope);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`dotted`") && found[0].contains("\"with.dot\""), "{found:?}");

    // And it is what the service does: one is stored, the other is refused.
    scope.run(|| {
        assert_eq!((plain(1), dotted(1)), (1, 1));
        cachekit::testing::settle();
        assert_eq!(plain::stats().shared_errors, 0);
        assert_ne!(dotted::stats().shared_errors, 0);
    });
    assert_ne!(
        server.metric("cachekit_server_requests_total{operation=\"refused\",code=\"400\"}"),
        0
    );
}

#[test]
fn other_backends_take_any_namespace() {
    let scope = Scope::new().with_backend(Arc::new(MemoryBackend::new()));
    assert_eq!(problems(&scope), [""; 0]);
}
