//! A view as text for people, and as JSON for programs.

use super::snapshot::{Counter, Level};
use super::view::{Row, View};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Lines of at most 80 columns for the usual numbers.
pub(super) fn text(name: &str, view: &View) -> String {
    let span = match view.seconds {
        Some(seconds) => format!("the last {seconds:.1} s, per second"),
        None => "all since the start".to_owned(),
    };
    let mut text = format!("{name}  {span}\n");
    for (name, note) in &view.notes {
        let _ = writeln!(text, "{name}: {note}");
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
            row.name,
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

fn wrapped(facts: &[String]) -> String {
    let mut text = String::new();
    let mut width = 0;
    for fact in facts {
        let gap = if width == 0 { 0 } else { 3 };
        if width + gap + fact.len() > 79 {
            text.push('\n');
            width = 0;
        }
        if width > 0 {
            text.push_str("   ");
            width += 3;
        }
        text.push_str(fact);
        width += fact.len();
    }
    text.push('\n');
    text
}

fn amount(level: Level) -> String {
    match level {
        Level::Count(value) => count(value),
        Level::Bytes(value) => bytes(value),
        Level::BytesOf(value, most) => format!("{} of {}", bytes(value), bytes(most)),
    }
}

fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

fn count(value: f64) -> String {
    // Whole numbers are shown as such; these are far below what a float loses.
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = value;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{value:.0} B") } else { format!("{value:.1} {}", units[unit]) }
}

fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 0.001 => format!("{:.0} us", seconds * 1e6),
        Some(seconds) if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        Some(seconds) => format!("{seconds:.1} s"),
    }
}

/// The same numbers under names with units. `null` is what is not known.
pub(super) fn json(name: &str, view: &View) -> Value {
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
        "span_seconds": view.seconds,
        "notes": notes,
        "hit_ratio": view.hit_ratio,
        "levels": levels,
        "counters": counters,
        "operations": view.operations.iter().map(row).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_for_people() {
        assert_eq!((count(3.0), count(3.25)), ("3".to_owned(), "3.2".to_owned()));
        assert_eq!(bytes(1023.0), "1023 B");
        assert_eq!(bytes(1536.0), "1.5 KiB");
        assert_eq!(bytes(5e12), "4.5 TiB");
        assert_eq!(bytes(5e16), "45474.7 TiB");
        assert_eq!(time(Some(0.000_25)), "250 us");
        assert_eq!(time(Some(0.25)), "250.0 ms");
        assert_eq!((time(Some(2.0)), time(None)), ("2.0 s".to_owned(), "-".to_owned()));
        assert_eq!(percent(0.931), "93.1 %");
    }

    #[test]
    fn facts_fit_into_a_terminal() {
        let facts: Vec<String> = (0..30).map(|at| format!("fact {at}")).collect();
        let text = wrapped(&facts);
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.len() < 80));
        assert_eq!(text.split_whitespace().count(), 60);
    }
}
