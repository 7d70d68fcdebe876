//! A program's view as text for humans, and as JSON for programs. Every name is foreign text and is escaped.

use super::Failed;
use super::view::{Row, Used, View};
use crate::escape::escape;
use crate::top::units::{ago, count, percent, span, time, wrapped};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// This many of the last failures are shown: the newest.
const FAILURES: usize = 3;

/// Lines of at most 80 columns for usual numbers. Short columns come first, because a terminal cuts off the end.
pub(in crate::top) fn text(name: &str, view: &View) -> String {
    let each = if view.seconds.is_some() { "/s" } else { "" };
    let mut text = format!("{}  {}\n", escape(name), span(view.seconds));
    let called = view.functions.iter().filter(|row| row.hit_ratio.is_some()).count();
    text.push_str(&wrapped(&[
        format!("hits {}", view.hit_ratio.map_or("-".to_owned(), percent)),
        format!("calls {}{each}", count(view.calls)),
        format!("functions {}", view.functions.len()),
        format!("called {called}"),
    ]));
    if !view.backends.is_empty() {
        let _ =
            writeln!(text, "\n{:<26}{:>8}{:>12}  LAST FAILURE", "BACKEND", "BREAKER", "OPERATIONS");
    }
    for used in &view.backends {
        let _ = writeln!(
            text,
            "{:<26}{:>8}{:>12}  {}",
            fitted(&used.name, 25),
            fitted(&used.breaker, 7),
            count(used.operations),
            used.last_failure.as_ref().map_or("-".to_owned(), failed),
        );
    }
    let mut failures: Vec<(&Row, &Failed)> =
        view.functions.iter().filter_map(|row| Some((row, row.last_failure.as_ref()?))).collect();
    failures.sort_by(|(_, a), (_, b)| a.seconds_ago.total_cmp(&b.seconds_ago));
    if !failures.is_empty() {
        text.push_str("\nLAST FAILURES OF FUNCTIONS\n");
    }
    for (row, failure) in failures.into_iter().take(FAILURES) {
        let _ = writeln!(text, "{:<46}  {}", fitted(&row.cache, 45), failed(failure));
    }
    let _ = writeln!(
        text,
        "\n{:<26}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "FUNCTION", "RATIO", "HITS", "MISSES", "FAILED", "P50", "P99"
    );
    for row in &view.functions {
        let _ = writeln!(
            text,
            "{:<26}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}",
            fitted(&row.cache, 25),
            row.hit_ratio.map_or("-".to_owned(), percent),
            count(row.hits),
            count(row.misses),
            count(row.failed),
            time(row.median),
            time(row.p99),
        );
    }
    if view.functions.is_empty() {
        text.push_str("the program has no annotated function\n");
    }
    text
}

fn failed(failed: &Failed) -> String {
    format!("{}, {}", fitted(&failed.what, 25), ago(failed.seconds_ago))
}

/// A name in this many columns; of a long name only the end, which distinguishes it from its neighbours.
fn fitted(name: &str, columns: usize) -> String {
    let name = escape(name);
    match name.chars().count().checked_sub(columns) {
        None | Some(0) => name,
        Some(over) => format!("…{}", name.chars().skip(over + 1).collect::<String>()),
    }
}

/// The same numbers under names with units. `null` means unknown.
pub(in crate::top) fn json(name: &str, view: &View) -> Value {
    let row = |row: &Row| {
        json!({
            "cache": row.cache,
            "hit_ratio": row.hit_ratio,
            "hits": row.hits,
            "misses": row.misses,
            "failed": row.failed,
            "entries": row.entries,
            "fill_p50_seconds": row.median,
            "fill_p99_seconds": row.p99,
            "last_failure": failure(row.last_failure.as_ref()),
        })
    };
    let used = |used: &Used| {
        json!({
            "backend": used.name,
            "breaker": used.breaker,
            "operations": used.operations,
            "last_failure": failure(used.last_failure.as_ref()),
        })
    };
    json!({
        "source": name,
        "kind": "program",
        "span_seconds": view.seconds,
        "hit_ratio": view.hit_ratio,
        "calls": view.calls,
        "functions": view.functions.iter().map(row).collect::<Vec<_>>(),
        "backends": view.backends.iter().map(used).collect::<Vec<_>>(),
    })
}

fn failure(failed: Option<&Failed>) -> Value {
    failed.map_or(
        Value::Null,
        |failed| json!({ "what": failed.what, "seconds_ago": failed.seconds_ago }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        let row = |cache: &str, seconds_ago: Option<f64>| Row {
            cache: cache.to_owned(),
            hit_ratio: Some(0.5),
            hits: 1234.5,
            misses: 12345.0,
            failed: 0.5,
            entries: 7,
            median: Some(0.1234),
            p99: Some(12.0),
            last_failure: seconds_ago
                .map(|seconds_ago| Failed { what: "panic".to_owned(), seconds_ago }),
        };
        View {
            seconds: Some(2.0),
            calls: 1.0,
            hit_ratio: Some(0.5),
            functions: vec![
                row("shop::orders::a_module_with_a_long_name::price", Some(4_000.0)),
                row("evil\u{1b}]0;title\u{7}\n\u{202e}", Some(5.0)),
                row("a", Some(1.0)),
                row("b", Some(100.0)),
                row("c", None),
            ],
            backends: vec![Used {
                name: "\u{9b}31mredis".to_owned(),
                breaker: "open\u{8}".to_owned(),
                operations: 3.0,
                last_failure: Some(Failed { what: "get: \u{1b}[2J".to_owned(), seconds_ago: 60.0 }),
            }],
        }
    }

    #[test]
    fn a_name_from_elsewhere_does_nothing_to_the_terminal() {
        let text = text("http://h/\u{1b}c", &view());
        assert!(text.chars().all(|it| it == '\n' || !it.is_control()), "{text}");
        assert!(!text.contains('\u{202e}') && text.contains("\\u{1b}]0;title"), "{text}");
        // It is one line, whatever is in it.
        assert_eq!(text.lines().filter(|line| line.contains("1234.5")).count(), 5, "{text}");
    }

    #[test]
    fn the_end_of_a_long_name_is_shown_and_the_newest_failures() {
        let text = text("http://h", &view());
        assert!(text.contains("\n…_with_a_long_name::price"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() < 80), "{text}");
        let (_, failures) = text.split_once("LAST FAILURES OF FUNCTIONS\n").expect("failures");
        let shown: Vec<_> = failures.lines().take_while(|line| !line.is_empty()).collect();
        assert_eq!(shown.len(), FAILURES);
        assert!(shown[0].starts_with("a ") && shown[0].ends_with("panic, 1 s ago"), "{shown:?}");
        assert!(shown[2].starts_with("b ") && shown[2].ends_with("1 min ago"), "{shown:?}");
    }
}
