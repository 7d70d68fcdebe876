//! A server, by its metrics.

mod exposition;
mod snapshot;
mod table;
mod view;

pub(super) use self::snapshot::Snapshot;
pub(super) use self::table::{json, text};
pub(super) use self::view::View;

use self::exposition::Sample;
use self::snapshot::{Counter, Level, Operation};
use std::time::Instant;

/// The figures in a server's metrics; `None` if it is something else.
pub(super) fn read(page: &str) -> Option<Snapshot> {
    let samples = exposition::parse(page)?;
    let is_server = samples.iter().any(|sample| sample.name == "cachekit_server_build_info");
    is_server.then(|| snapshot(&samples))
}

fn snapshot(samples: &[Sample<'_>]) -> Snapshot {
    let named = |name: &str| {
        let name = format!("cachekit_server_{name}");
        samples.iter().find(move |sample| sample.name == name).map(|sample| sample.value)
    };
    let build = samples.iter().find(|sample| sample.name == "cachekit_server_build_info");
    let mut notes =
        vec![("version", build.map_or("", |sample| sample.label("version")).to_owned())];
    if named("store_up") == Some(0.0) {
        notes.push(("store", "takes no writes".to_owned()));
    }
    if named("last_reload_successful") == Some(0.0) {
        notes.push(("reload", "failed: old files are in use".to_owned()));
    }
    let mut levels = Vec::new();
    let mut level = |name, level: Option<Level>| levels.extend(level.map(|level| (name, level)));
    level("connections", named("connections_open").map(Level::Count));
    // Over Redis a node has none of these.
    level("entries", named("store_entries").map(Level::Count));
    let stored = named("store_bytes").zip(named("store_capacity_bytes"));
    level("stored", stored.map(|(bytes, most)| Level::BytesOf(bytes, most)));
    level("locks", named("locks_held").map(Level::Count));
    level("receiving", named("receiving_bytes").map(Level::Bytes));
    level("sending", named("sending_bytes").map(Level::Bytes));
    let mut counters = Vec::new();
    let mut counter = |name, counter: Option<Counter>| {
        counters.extend(counter.map(|counter| (name, counter)));
    };
    counter("in", named("received_bytes_total").map(Counter::Bytes));
    counter("out", named("sent_bytes_total").map(Counter::Bytes));
    counter("evicted", named("store_evictions_total").map(Counter::Events));
    counter("connected", named("connections_total").map(Counter::Events));
    let lookups = || samples.iter().filter(|it| it.name == "cachekit_server_lookups_total");
    let found = lookups().filter(|sample| sample.label("result") != "miss");
    Snapshot {
        at: Instant::now(),
        notes,
        levels,
        counters,
        found: found.map(|sample| sample.value).sum(),
        looked_up: lookups().map(|sample| sample.value).sum(),
        operations: operations(samples),
    }
}

fn operations(samples: &[Sample<'_>]) -> Vec<Operation> {
    let mut operations: Vec<Operation> = Vec::new();
    for sample in samples {
        let name = sample.label("operation");
        if name.is_empty() {
            continue;
        }
        let at = operations.iter().position(|known| known.name == name).unwrap_or_else(|| {
            operations.push(Operation { name: name.to_owned(), ..Operation::default() });
            operations.len() - 1
        });
        let operation = &mut operations[at];
        match sample.name {
            "cachekit_server_requests_total" => {
                operation.requests += sample.value;
                match sample.label("code") {
                    // A miss is not a refusal.
                    "404" if matches!(name, "get" | "exists" | "ttl") => {}
                    code if code.starts_with('4') => operation.refused += sample.value,
                    code if code.starts_with('5') => operation.failed += sample.value,
                    _ => {}
                }
            }
            "cachekit_server_request_duration_seconds_sum" => operation.seconds += sample.value,
            "cachekit_server_request_duration_seconds_bucket" => {
                let Ok(bound) = sample.label("le").parse::<f64>() else { continue };
                // The bounds of all status classes are the same ones.
                let same = |known: &&mut (f64, f64)| known.0.total_cmp(&bound).is_eq();
                match operation.buckets.iter_mut().find(same) {
                    Some(bucket) => bucket.1 += sample.value,
                    None => operation.buckets.push((bound, sample.value)),
                }
            }
            _ => {}
        }
    }
    for operation in &mut operations {
        operation.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    operations
}
