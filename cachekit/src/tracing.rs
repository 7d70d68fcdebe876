//! Spans of calls, of runs and of backends (feature `tracing`), through the crate `tracing`.
//!
//! There is nothing to set up: a subscriber that lets the target `cachekit` through at `DEBUG` has the spans. They are
//! children of the span that the caller is in, and what a function's body opens is a child of its run.
//!
//! | span | when | fields |
//! |--|--|--|
//! | `cache.get` | a call that found no fresh value in this process; of hits, a [sample](sample_hits) | `cache.name`, `cache.tier` (`process`, `shared`, `none`), `cache.hit`, `cache.stale` |
//! | `cache.fill` | the function runs; child of `cache.get` | `cache.fill.cause` (`miss`, `refresh`, `forced`), `cache.fill.outcome` (`ok`, `not_stored`, `error`, `panic`, `cancelled`) |
//! | `cache.backend` | a backend is asked; child of the span that asks, in a call of its `cache.get` | `db.system.name`, `db.operation.name`, `cache.backend.outcome` (`ok`, or the kind of the error) |
//!
//! `cache.tier` says which tier answered; `none` is a call whose function ran, or that waited for another call's run.
//! `otel.kind` and `otel.status_code` are set as `tracing-opentelemetry` reads them. A refresh in the background has a
//! `cache.get` of its own, and no parent: its caller was served before.
//!
//! Of a [`Cache`](crate::Cache) that is an object, misses of look-ups that may run something (`get_or_insert_with` and its
//! kin) have these spans, with the name `cachekit::Cache`. Of their hits, those that the thread has at hand are never in the
//! sample; `get` has no spans.
//!
//! A subscriber is the program's own code, and runs in the middle of calls. One that panics fails no call, and a cached call
//! that it makes waits for no other.
//!
//! No field holds a key, a tenant, a value or the words of an error.
//!
//! # What it costs
//!
//! A hit reads one number that says whether hits are sampled, which is three instructions. A miss asks the subscriber
//! whether it wants the spans; without a subscriber that is a comparison.

use crate::observe::spans;

/// Has one hit of so many in each thread be a `cache.get` span. 0, the default: no hit is.
///
/// A hit takes some twenty nanoseconds, and a span a microsecond or more, which is why this is not for the subscriber
/// alone to say.
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
