use super::super::retry::{Attempts, retry_after};
use std::time::{Duration, Instant};

fn waits(
    deadline: Duration,
    retries: u32,
    retry_after: Option<Duration>,
    jitter: f64,
) -> Vec<u128> {
    let start = Instant::now();
    let mut attempts = Attempts::new(start + deadline, retries);
    let mut now = start;
    let mut waits = Vec::new();
    while let Some(until) = attempts.next(now, retry_after, jitter) {
        waits.push(until.duration_since(now).as_millis());
        now = until;
    }
    waits
}

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn waits_double_up_to_five_seconds() {
    assert_eq!(waits(LONG, 8, None, 1.0), [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    assert_eq!(waits(LONG, 3, None, 0.5), [50, 100, 200]);
    assert_eq!(waits(LONG, 40, None, 1.0).len(), 40);
}

#[test]
fn no_retries_are_none() {
    assert_eq!(waits(LONG, 0, None, 0.0), []);
}

#[test]
fn no_wait_passes_the_deadline() {
    assert_eq!(waits(Duration::from_millis(350), 9, None, 1.0), [100, 200]);
    // The wait itself must end before it.
    assert_eq!(waits(Duration::from_millis(300), 9, None, 1.0), [100]);
}

#[test]
fn what_the_service_asks_for_is_waited() {
    let asked = Some(Duration::from_secs(1));
    assert_eq!(waits(LONG, 2, asked, 0.0), [1000, 1000]);
    assert_eq!(waits(Duration::from_millis(900), 2, asked, 0.0), []);
    // Not less than the backoff.
    assert_eq!(waits(LONG, 1, Some(Duration::ZERO), 1.0), [100]);
}

#[test]
fn repetitions_of_what_was_not_sent_are_bounded() {
    let mut attempts = Attempts::new(Instant::now(), 0);
    let repeated = std::iter::from_fn(|| attempts.repeat_unsent().then_some(())).count();
    assert_eq!(repeated, 3);
}

#[test]
fn retry_after_is_digits_only() {
    for (text, expected) in [
        ("0", Some(0)),
        ("2", Some(2)),
        ("120", Some(120)),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        (" 1", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(retry_after(text.as_bytes()), expected.map(Duration::from_secs), "{text:?}");
    }
}
