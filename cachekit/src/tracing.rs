//! Spans of calls, of runs and of backends (feature `tracing`), through the crate `tracing`.
//!
//! No setup is needed: a subscriber that enables the target `cachekit` at `DEBUG` gets the spans. They are
//! children of the caller's span, and spans that a function's body opens are children of its run.
//!
//! | span | when | fields |
//! |--|--|--|
//! | `cache.get` | a call that found no fresh value in this process; of hits, a [sample](sample_hits) | `cache.name`, `cache.tier` (`process`, `shared`, `none`), `cache.hit`, `cache.stale` |
//! | `cache.fill` | the function runs; child of `cache.get` | `cache.fill.cause` (`miss`, `refresh`, `forced`), `cache.fill.outcome` (`ok`, `not_stored`, `error`, `panic`, `cancelled`) |
//! | `cache.backend` | an operation on a backend; child of the span that starts it, in a call of its `cache.get` | `db.system.name`, `db.operation.name`, `cache.backend.outcome` (`ok`, or the kind of the error) |
//!
//! `cache.tier` says which tier answered; `none` is a call whose function ran, or that waited for another call's run.
//! `otel.kind` and `otel.status_code` are set as `tracing-opentelemetry` reads them. A background refresh has its own
//! `cache.get` without a parent, because its caller was served before.
//!
//! For a [`Cache`](crate::Cache) object, misses of look-ups that may run a closure (`get_or_insert_with` and its
//! variants) have these spans, with the name `cachekit::Cache`. Its hits in the thread cache are never in the
//! sample; `get` has no spans.
//!
//! A subscriber is the program's own code, and runs in the middle of calls. A panic in it fails no call, and a cached
//! call that it makes waits for no other call.
//!
//! No field holds a key, a tenant, a value or the text of an error.
//!
//! # What it costs
//!
//! A hit reads one number that says whether hits are sampled, which is three instructions. A miss asks the subscriber
//! whether it wants the spans; without a subscriber that is a comparison.

use crate::observe::spans;

/// Records one in this many hits of each thread as a `cache.get` span. 0, the default, records none.
///
/// A hit takes some twenty nanoseconds, and a span a microsecond or more. That is why enabling the target does not turn
/// this on.
///
/// # Example
///
/// ```
/// // One hit in a thousand.
/// cachekit::tracing::sample_hits(1_000);
/// ```
pub fn sample_hits(one_in: u32) {
    spans::sample_hits(one_in);
}
