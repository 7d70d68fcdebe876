//! What the page shows, as JSON.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::history::{History, Sample};
use crate::cached_function::{Function, L1, OnTamper, Policy, Tier, TtlPolicy};
use crate::observe::{Cause, Observed, Outcome, Summary};
use crate::report::Report;

/// All there is. `changes` are the names of the invalidations, where changes are allowed.
pub(super) fn figures(
    reports: &BTreeMap<String, Report>,
    history: &History,
    changes: Option<Vec<&str>>,
) -> Value {
    let functions: Vec<Value> = reports
        .iter()
        .filter_map(|(label, report)| {
            // Where the paths of several are the same, the first stands for them.
            let first = report.functions.first()?;
            Some(function(label, report, *first, &history.of(label)))
        })
        .collect();
    json!({
        "now_unix_ms": unix_ms(SystemTime::now()),
        "period_seconds": history.period().as_secs_f64(),
        "functions": functions,
        "backends": backends(),
        "changes": changes.map(|invalidations| json!({ "invalidations": invalidations })),
    })
}

fn function(label: &str, report: &Report, function: Function, history: &[Sample]) -> Value {
    let calls = report.calls;
    let fills: Value = Outcome::ALL
        .into_iter()
        .map(|outcome| {
            let count: u64 = Cause::ALL.into_iter().map(|cause| report.fills(outcome, cause)).sum();
            (outcome.as_str().to_owned(), json!(count))
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    let failure = report.observed().filter_map(Observed::failure).max_by_key(|failure| failure.at);
    json!({
        "cache": label,
        "name": function.name(),
        "path": function.path(),
        "module": function.module(),
        "file": function.file(),
        "line": function.line(),
        "tier": tier(function.tier()),
        "policy": policy(function.policy()),
        "is_called": !report.stores.is_empty(),
        "stats": report.stats,
        // Those that the shared tier answered are hits as well.
        "hit_ratio": ratio(
            report.stats.hits + report.stats.shared_hits,
            report.stats.hits + report.stats.misses,
        ),
        "calls": {
            "hit": calls.hits,
            "stale": calls.stale,
            "negative": calls.negative,
            "shared_hit": calls.shared_hits,
            "shared_stale": calls.shared_stale,
            "shared_negative": calls.shared_negative,
            "miss": calls.misses,
            "bypass": calls.bypasses,
        },
        "fills": fills,
        "fill_seconds": durations(Summary::of(report.observed().map(Observed::durations))),
        "waiters": report.waiters(),
        "last_failure": failure.map(|failure| json!({
            "outcome": failure.outcome.as_str(),
            "at_unix_ms": unix_ms(failure.at),
        })),
        "history": {
            "calls": history.iter().map(|sample| sample.calls).collect::<Vec<_>>(),
            "served": history.iter().map(|sample| sample.served).collect::<Vec<_>>(),
        },
    })
}

#[allow(clippy::cast_precision_loss)] // For people.
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Local => "local",
        Tier::Shared => "shared",
        Tier::Io => "io",
        Tier::Secure => "secure",
    }
}

fn policy(policy: &Policy) -> Value {
    let seconds = |span: Option<Duration>| span.map(|span| span.as_secs_f64());
    let ttl = match policy.ttl {
        TtlPolicy::Never => json!("never"),
        TtlPolicy::Fixed(ttl) => json!(ttl.as_secs_f64()),
        TtlPolicy::Dynamic => json!("computed"),
    };
    let l1 = match policy.l1 {
        L1::Sealed => "sealed",
        L1::Typed => "typed",
        L1::Off => "off",
    };
    let on_tamper = match policy.on_tamper {
        OnTamper::Recompute => "recompute",
        OnTamper::Error => "error",
    };
    json!({
        "ttl_seconds": ttl,
        "capacity": policy.capacity.unwrap_or(crate::store::DEFAULT_CAPACITY),
        "weighted": policy.weighted,
        "conditional": policy.conditional,
        "version": policy.version,
        "namespace": policy.namespace,
        "async": policy.is_async,
        "own_cache": policy.own_cache,
        "own_backend": policy.own_backend,
        "stale_seconds": seconds(policy.stale),
        "idle_seconds": seconds(policy.idle),
        "fill_lock_seconds": seconds(policy.fill_lock),
        "l1": l1,
        "on_tamper": on_tamper,
    })
}

fn durations(summary: Option<Summary>) -> Option<Value> {
    let Summary { count, sum, p50, p99, longest } = summary?;
    let mean = sum.checked_div(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or_default();
    Some(json!({
        "count": count,
        "mean": mean.as_secs_f64(),
        "p50": p50.as_secs_f64(),
        "p99": p99.as_secs_f64(),
        "longest": longest.as_secs_f64(),
    }))
}

fn unix_ms(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// By type. A type that was never asked has a breaker, and no operations.
fn backends() -> Vec<Value> {
    let mut all: BTreeMap<&str, (bool, crate::observe::Noted)> = BTreeMap::new();
    for (backend, noted) in crate::observe::backends() {
        all.entry(backend).or_default().1 = noted;
    }
    for (backend, open) in crate::shared::known::breakers() {
        all.entry(backend).or_default().0 |= open;
    }
    let backend = |(backend, (open, noted)): (&str, (bool, crate::observe::Noted))| {
        let operation = |((operation, outcome), measured): (
            &(&'static str, &'static str),
            &std::sync::Arc<crate::observe::Durations>,
        )| {
            json!({
                "operation": operation,
                "outcome": outcome,
                "seconds": durations(Summary::of(std::iter::once(&**measured))),
            })
        };
        json!({
            "backend": backend,
            "breaker": if open { "open" } else { "closed" },
            "operations": noted.durations.iter().map(operation).collect::<Vec<_>>(),
            "last_failure": noted.failure.map(|failure| json!({
                "operation": failure.operation,
                "kind": failure.kind,
                "at_unix_ms": unix_ms(failure.at),
            })),
        })
    };
    all.into_iter().map(backend).collect()
}
