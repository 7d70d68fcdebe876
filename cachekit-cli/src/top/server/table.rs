//! A view as text for humans, and as JSON for programs.

use super::snapshot::{Counter, Level};
use super::view::{Row, View};
use crate::escape::escape;
use crate::top::units::{bytes, count, percent, span, time, wrapped};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Lines of at most 80 columns for usual numbers.
pub(in crate::top) fn text(name: &str, view: &View) -> String {
    let mut text = format!("{}  {}\n", escape(name), span(view.seconds));
    for (name, note) in &view.notes {
        let _ = writeln!(text, "{name}: {}", escape(note));
    }
    let mut facts = vec![format!("hits {}", view.hit_ratio.map_or("-".to_owned(), percent))];
    facts.extend(view.levels.iter().map(|(name, level)| format!("{name} {}", amount(*level))));
    facts.extend(view.counters.iter().map(|(name, counter)| {
        let value = match counter {
            Counter::Events(value) => count(*value),
            Counter::Bytes(value) => bytes(*value),
        };
        format!("{name} {value}{}", if view.seconds.is_some() { "/s" } else { "" })
    }));
    text.push_str(&wrapped(&facts));
    let _ = writeln!(
        text,
        "\n{:<10}{:>12}{:>12}{:>12}{:>11}{:>11}{:>11}",
        "OPERATION", "REQUESTS", "REFUSED", "FAILED", "MEAN", "P50", "P99"
    );
    for row in &view.operations {
        let _ = writeln!(
            text,
            "{:<10}{:>12}{:>12}{:>12}{:>11}{:>11}{:>11}",
            escape(&row.name),
            count(row.requests),
            count(row.refused),
            count(row.failed),
            time(row.mean),
            time(row.median),
            time(row.p99),
        );
    }
    if view.operations.is_empty() {
        text.push_str("no requests yet\n");
    }
    text
}

fn amount(level: Level) -> String {
    match level {
        Level::Count(value) => count(value),
        Level::Bytes(value) => bytes(value),
        Level::BytesOf(value, most) => format!("{} of {}", bytes(value), bytes(most)),
    }
}

/// The same numbers under names with units. `null` means unknown.
pub(in crate::top) fn json(name: &str, view: &View) -> Value {
    let notes: Map<String, Value> =
        view.notes.iter().map(|(name, note)| ((*name).to_owned(), note.as_str().into())).collect();
    let levels = view.levels.iter().flat_map(|(name, level)| match level {
        Level::Count(value) => vec![((*name).to_owned(), json!(value))],
        Level::Bytes(value) => vec![(format!("{name}_bytes"), json!(value))],
        Level::BytesOf(value, most) => vec![
            (format!("{name}_bytes"), json!(value)),
            (format!("{name}_capacity_bytes"), json!(most)),
        ],
    });
    let levels: Map<String, Value> = levels.collect();
    let counters: Map<String, Value> = view
        .counters
        .iter()
        .map(|(name, counter)| match counter {
            Counter::Events(value) => ((*name).to_owned(), json!(value)),
            Counter::Bytes(value) => (format!("{name}_bytes"), json!(value)),
        })
        .collect();
    let row = |row: &Row| {
        json!({
            "operation": row.name,
            "requests": row.requests,
            "refused": row.refused,
            "failed": row.failed,
            "mean_seconds": row.mean,
            "p50_seconds": row.median,
            "p99_seconds": row.p99,
        })
    };
    json!({
        "source": name,
        "kind": "server",
        "span_seconds": view.seconds,
        "notes": notes,
        "hit_ratio": view.hit_ratio,
        "levels": levels,
        "counters": counters,
        "operations": view.operations.iter().map(row).collect::<Vec<_>>(),
    })
}
