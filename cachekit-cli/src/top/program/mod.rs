//! A program, by the JSON of its page (feature `axum` of `cachekit`).

mod table;
mod view;

pub(super) use self::table::{json, text};
pub(super) use self::view::View;

use serde::Deserialize;
use std::time::Instant;

/// The page's JSON. Unknown fields are ignored, so that newer pages can be read.
#[derive(Deserialize)]
struct Page {
    now_unix_ms: u64,
    functions: Vec<PageFunction>,
    backends: Vec<PageBackend>,
}

#[derive(Deserialize)]
struct PageFunction {
    cache: String,
    stats: PageStats,
    fills: PageFills,
    fill_seconds: Option<Seconds>,
    last_failure: Option<PageFailure>,
}

#[derive(Deserialize)]
struct PageStats {
    hits: u64,
    misses: u64,
    shared_hits: u64,
    entries: u64,
}

#[derive(Deserialize)]
struct PageFills {
    error: u64,
    panic: u64,
    cancelled: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
struct Seconds {
    count: u64,
    p50: f64,
    p99: f64,
}

#[derive(Deserialize)]
struct PageFailure {
    outcome: String,
    at_unix_ms: u64,
}

#[derive(Deserialize)]
struct PageBackend {
    backend: String,
    breaker: String,
    operations: Vec<PageOperation>,
    last_failure: Option<PageBackendFailure>,
}

#[derive(Deserialize)]
struct PageOperation {
    seconds: Option<Seconds>,
}

#[derive(Deserialize)]
struct PageBackendFailure {
    operation: String,
    kind: String,
    at_unix_ms: u64,
}

/// The state of a program at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Snapshot {
    at: Instant,
    functions: Vec<Function>,
    backends: Vec<Backend>,
}

/// Counts since the program's start.
#[derive(Clone, Debug, PartialEq)]
struct Function {
    cache: String,
    /// Calls that were served from a cache, in the process or behind it.
    hits: u64,
    misses: u64,
    /// Runs that ended with an error or a panic, or were cancelled.
    failed: u64,
    entries: u64,
    /// The durations of runs.
    fills: Option<Seconds>,
    last_failure: Option<Failed>,
}

#[derive(Clone, Debug, PartialEq)]
struct Backend {
    name: String,
    breaker: String,
    operations: u64,
    last_failure: Option<Failed>,
}

/// What failed, and how long before the snapshot.
#[derive(Clone, Debug, PartialEq)]
struct Failed {
    what: String,
    seconds_ago: f64,
}

/// The figures in a page's JSON; `None` if it is something else.
pub(super) fn read(answer: &str) -> Option<Snapshot> {
    let page: Page = serde_json::from_str(answer).ok()?;
    // By the program's own clock, which may differ from this machine's.
    let failed = |what: String, at: u64| {
        let ago = std::time::Duration::from_millis(page.now_unix_ms.saturating_sub(at));
        Failed { what, seconds_ago: ago.as_secs_f64() }
    };
    let function = |function: PageFunction| {
        let PageFunction { cache, stats, fills, fill_seconds, last_failure } = function;
        Function {
            cache,
            hits: stats.hits.saturating_add(stats.shared_hits),
            misses: stats.misses.saturating_sub(stats.shared_hits),
            failed: fills.error.saturating_add(fills.panic).saturating_add(fills.cancelled),
            entries: stats.entries,
            fills: fill_seconds,
            last_failure: last_failure.map(|it| failed(it.outcome, it.at_unix_ms)),
        }
    };
    let backend = |backend: PageBackend| {
        let counts = backend.operations.iter().filter_map(|operation| operation.seconds);
        Backend {
            name: backend.backend,
            breaker: backend.breaker,
            operations: counts.fold(0, |sum, seconds| sum.saturating_add(seconds.count)),
            last_failure: backend
                .last_failure
                .map(|it| failed(format!("{}: {}", it.operation, it.kind), it.at_unix_ms)),
        }
    };
    Some(Snapshot {
        at: Instant::now(),
        functions: page.functions.into_iter().map(function).collect(),
        backends: page.backends.into_iter().map(backend).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_json_of_a_page_is_read() {
        let empty = r#"{"now_unix_ms": 5, "functions": [], "backends": [], "period_seconds": 5}"#;
        assert_eq!(read(empty).map(|snapshot| snapshot.functions.len()), Some(0));
        for other in ["", "{}", "[]", "<html></html>", "a 1", r#"{"functions": []}"#] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn what_the_shared_tier_answered_is_a_hit() {
        let page = r#"{"now_unix_ms": 90000, "backends": [{
            "backend": "redis", "breaker": "open",
            "operations": [
                {"operation": "get", "outcome": "ok",
                 "seconds": {"count": 3, "mean": 1, "p50": 1, "p99": 1, "longest": 1}},
                {"operation": "get", "outcome": "transient", "seconds": null}],
            "last_failure": {"operation": "get", "kind": "transient", "at_unix_ms": 30000}
        }], "functions": [{
            "cache": "shop::user", "new": true,
            "stats": {"hits": 5, "misses": 4, "shared_hits": 3, "entries": 2, "loads": 1},
            "fills": {"ok": 9, "not_stored": 9, "error": 1, "panic": 2, "cancelled": 3},
            "fill_seconds": {"count": 18, "mean": 0.5, "p50": 0.25, "p99": 2.0, "longest": 3.0},
            "last_failure": {"outcome": "panic", "at_unix_ms": 91000}
        }]}"#;
        let Snapshot { functions, backends, .. } = read(page).expect("a page");
        let user = &functions[0];
        assert_eq!((user.hits, user.misses, user.failed, user.entries), (8, 1, 6, 2));
        // Its clock went back.
        let panicked = Failed { what: "panic".to_owned(), seconds_ago: 0.0 };
        assert_eq!(user.last_failure, Some(panicked));
        assert_eq!((backends[0].operations, backends[0].breaker.as_str()), (3, "open"));
        let failed = Failed { what: "get: transient".to_owned(), seconds_ago: 60.0 };
        assert_eq!(backends[0].last_failure, Some(failed));
    }
}
