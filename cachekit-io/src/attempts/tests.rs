use super::*;

const LONG: Duration = Duration::from_secs(3600);
const FULL: Backoff = Backoff::full(Duration::from_millis(100), Duration::from_secs(5));

fn says(again: Again, when: When) -> Says {
    Says { again, when, retry_after: None }
}

fn schedule(at_once: u32, later: u32) -> Schedule {
    Schedule { at_once, later, backoff: FULL }
}

fn waits(
    deadline: Option<Duration>,
    retries: u32,
    retry_after: Option<Duration>,
    jitter: f64,
) -> Vec<u128> {
    let start = Instant::now();
    let deadline = deadline.map(|deadline| start + deadline);
    let mut attempts = Attempts::new(schedule(0, retries), deadline);
    let failed = Says { retry_after, ..says(Again::Unprocessed, When::Later) };
    let (mut now, mut waits) = (start, Vec::new());
    while let Some(next) = attempts.next_at(failed, false, now, jitter) {
        let Next::At(until) = next else { panic!("at once") };
        waits.push(until.duration_since(now).as_millis());
        now = until;
    }
    waits
}

#[test]
fn waits_double_up_to_five_seconds() {
    let long = Some(LONG);
    assert_eq!(waits(long, 8, None, 1.0), [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    assert_eq!(waits(long, 3, None, 0.5), [50, 100, 200]);
    assert_eq!(waits(long, 40, None, 1.0).len(), 40);
    assert_eq!(waits(None, 40, None, 1.0).len(), 40);
}

#[test]
fn half_of_a_window_may_be_waited_in_any_case() {
    let half = Backoff::half(Duration::from_millis(40), Duration::from_millis(500));
    let windows = [(0, 40), (1, 80), (3, 320), (4, 500), (u32::MAX, 500)];
    for (made, window) in windows.map(|(made, millis)| (made, Duration::from_millis(millis))) {
        assert_eq!(half.at(made, 0.0), window / 2);
        assert_eq!(half.at(made, 1.0), window);
        assert!((window / 2..=window).contains(&half.wait(made)));
    }
}

#[test]
fn no_retries_are_none() {
    assert_eq!(waits(Some(LONG), 0, None, 0.0), []);
}

#[test]
fn no_wait_passes_the_deadline() {
    assert_eq!(waits(Some(Duration::from_millis(350)), 9, None, 1.0), [100, 200]);
    // The wait itself must end before it.
    assert_eq!(waits(Some(Duration::from_millis(300)), 9, None, 1.0), [100]);
}

#[test]
fn what_the_service_asks_for_is_waited() {
    let asked = Some(Duration::from_secs(1));
    assert_eq!(waits(Some(LONG), 2, asked, 0.0), [1000, 1000]);
    assert_eq!(waits(Some(Duration::from_millis(900)), 2, asked, 0.0), []);
    // Not less than the backoff.
    assert_eq!(waits(Some(LONG), 1, Some(Duration::ZERO), 1.0), [100]);
    // With nothing to end it, no longer than the longest wait.
    assert_eq!(waits(None, 1, Some(Duration::from_secs(5)), 1.0), [5000]);
    assert_eq!(waits(None, 1, Some(Duration::from_millis(5001)), 1.0), []);
    assert_eq!(waits(None, 1, Some(Duration::MAX), 1.0), []);
}

#[test]
fn what_may_have_been_done_is_repeated_only_where_that_is_the_same() {
    for (again, is_repeatable, repeats) in [
        (Again::Never, true, false),
        (Again::Never, false, false),
        (Again::IfRepeatable, true, true),
        (Again::IfRepeatable, false, false),
        (Again::Unprocessed, true, true),
        (Again::Unprocessed, false, true),
    ] {
        for when in [When::AtOnce, When::Later] {
            let mut attempts = Attempts::new(schedule(1, 1), None);
            let next = attempts.next(says(again, when), is_repeatable, Instant::now());
            assert_eq!(next.is_some(), repeats, "{again:?} {when:?} {is_repeatable}");
        }
    }
}

#[test]
fn repetitions_without_a_wait_are_bounded_and_wait_after_that() {
    let start = Instant::now();
    let mut attempts = Attempts::new(schedule(3, 1), Some(start + LONG));
    let lost = says(Again::Unprocessed, When::AtOnce);
    let nexts: Vec<_> = std::iter::from_fn(|| attempts.next(lost, false, start)).collect();
    assert_eq!(nexts[..3], [Next::Now; 3]);
    assert!(matches!(nexts[3..], [Next::At(_)]), "{nexts:?}");
}

#[test]
fn a_wait_is_no_repetition_without_one() {
    let mut attempts = Attempts::new(schedule(1, 1), None);
    let now = Instant::now();
    let (lost, busy) =
        (says(Again::Unprocessed, When::AtOnce), says(Again::Unprocessed, When::Later));
    assert!(matches!(attempts.next(busy, false, now), Some(Next::At(_))));
    assert_eq!(attempts.next(busy, false, now), None);
    assert_eq!(attempts.next(lost, false, now), Some(Next::Now));
    assert_eq!(attempts.next(lost, false, now), None);
}
