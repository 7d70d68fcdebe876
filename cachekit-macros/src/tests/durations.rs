use std::time::Duration;

use crate::duration::parse;

#[test]
fn units_and_their_combinations() {
    for (text, millis) in [
        ("250ms", 250),
        ("30s", 30_000),
        ("5m", 300_000),
        ("5min", 300_000),
        ("1h30m", 5_400_000),
        ("1h 30m", 5_400_000),
        ("2 days", 172_800_000),
        ("1w", 604_800_000),
        (" 1d12h ", 129_600_000),
        ("1_000 ms", 1_000),
        ("1w1d1h1m1s1ms", 694_861_001),
        ("0s", 0),
    ] {
        assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
    }
}

#[test]
fn what_is_not_a_duration_and_why() {
    for (text, why) in [
        ("", "empty"),
        ("  ", "empty"),
        ("60", "`60` has no unit: write \"60s\""),
        ("5 parsecs", "unknown unit `parsecs`; the units are ms, s, m"),
        ("5M", "unknown unit `M`"),
        ("5ns", "unknown unit `ns`"),
        ("m", "expected a number before `m`"),
        ("1h-5m", "expected a number before `-5m`"),
        ("1.5h", "whole numbers"),
        ("30m1h", "`1h` is out of order"),
        ("5m5m", "`5m` is out of order"),
        ("99999999999999999999s", "too long"),
        ("9999999999999999w", "too long"),
        ("五s", "expected a number"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.contains(why), "{text}: {error}");
    }
}
