//! Numbers for humans, and lines that fit into a terminal.

use std::time::Instant;

/// Facts side by side, in lines of at most 79 columns.
pub(super) fn wrapped(facts: &[String]) -> String {
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

/// The seconds between two snapshots, for rates: never zero.
pub(super) fn seconds_between(before: Instant, now: Instant) -> f64 {
    (now - before).as_secs_f64().max(0.001)
}

/// The period that the numbers cover.
pub(super) fn span(seconds: Option<f64>) -> String {
    match seconds {
        Some(seconds) => format!("the last {seconds:.1} s, per second"),
        None => "all since the start".to_owned(),
    }
}

pub(super) fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

pub(super) fn count(value: f64) -> String {
    // Whole numbers are shown as such; they are far below the precision limit of a float.
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

pub(super) fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = value;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{value:.0} B") } else { format!("{value:.1} {}", units[unit]) }
}

pub(super) fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 0.001 => format!("{:.0} us", seconds * 1e6),
        Some(seconds) if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        Some(seconds) => format!("{seconds:.1} s"),
    }
}

/// How long ago something happened, in its largest unit.
pub(super) fn ago(seconds: f64) -> String {
    let units = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    let (one, unit) = units.into_iter().find(|(one, _)| seconds >= *one).unwrap_or((1.0, "s"));
    format!("{:.0} {unit} ago", (seconds / one).floor())
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
        assert_eq!(
            [0.4, 59.9, 60.0, 7_300.0, 200_000.0].map(ago).join(", "),
            "0 s ago, 59 s ago, 1 min ago, 2 h ago, 2 d ago"
        );
    }

    #[test]
    fn facts_fit_into_a_terminal() {
        let facts: Vec<String> = (0..30).map(|at| format!("fact {at}")).collect();
        let text = wrapped(&facts);
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.len() < 80));
        assert_eq!(text.split_whitespace().count(), 60);
    }
}
