//! The grammar of `"1h30m"`: whole numbers with units, in descending order.

use std::time::Duration;

const UNITS: &str =
    "ms, s, m (or min), h, d and w, as in \"250ms\", \"5m\", \"1h30m\" or \"2 days\"";

/// One unit: its number of milliseconds and its accepted spellings.
struct Unit {
    millis: u64,
    spellings: &'static [&'static str],
}

const TABLE: [Unit; 6] = [
    Unit { millis: 604_800_000, spellings: &["w", "week", "weeks"] },
    Unit { millis: 86_400_000, spellings: &["d", "day", "days"] },
    Unit { millis: 3_600_000, spellings: &["h", "hr", "hrs", "hour", "hours"] },
    Unit { millis: 60_000, spellings: &["m", "min", "mins", "minute", "minutes"] },
    Unit { millis: 1_000, spellings: &["s", "sec", "secs", "second", "seconds"] },
    Unit { millis: 1, spellings: &["ms", "milli", "millis", "millisecond", "milliseconds"] },
];

/// Reads a duration, or says in one sentence what is wrong with it.
///
/// Zero is a duration here; each option decides whether it makes sense.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("this duration is empty; the units are {UNITS}"));
    }
    let mut total: u64 = 0;
    let mut previous = u64::MAX;
    while !rest.is_empty() {
        let (number, after) = split_while(rest, |c| c.is_ascii_digit() || c == '_');
        if number.is_empty() {
            return Err(format!("expected a number before `{rest}`; the units are {UNITS}"));
        }
        if after.starts_with('.') {
            return Err("durations are whole numbers: write \"1h30m\" for an hour and a half, \
                        \"1500ms\" for a second and a half"
                .to_owned());
        }
        let (word, after) = split_while(after.trim_start(), char::is_alphabetic);
        let unit = unit(number, word)?;
        if unit.millis >= previous {
            return Err(format!(
                "`{number}{word}` is out of order: units go from large to small, each once, as in \
                 \"1h30m\""
            ));
        }
        previous = unit.millis;
        total = number
            .replace('_', "")
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(unit.millis))
            .and_then(|millis| total.checked_add(millis))
            .ok_or_else(|| {
                format!("`{text}` is too long: it does not fit in 64 bits of milliseconds")
            })?;
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(total))
}

fn unit(number: &str, word: &str) -> Result<&'static Unit, String> {
    if word.is_empty() {
        return Err(format!(
            "`{number}` has no unit: write \"{number}s\" for seconds; the units are {UNITS}"
        ));
    }
    TABLE
        .iter()
        .find(|unit| unit.spellings.contains(&word))
        .ok_or_else(|| format!("unknown unit `{word}`; the units are {UNITS}"))
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}
