use super::text::Span;
use super::*;

fn explained() -> Explanation {
    let process = Process {
        state: ProcessState::Fresh,
        left: Some(Duration::from_millis(41_200)),
        over: None,
        weight: Some(3),
    };
    let shared = Shared {
        state: SharedState::Stale,
        backend: Some("redis"),
        fingerprint: Some("9f86d081884c7d65".to_owned()),
        left: None,
        age: Some(Duration::from_secs(7_200)),
        bytes: Some(312),
    };
    let mut explained = Explanation::of("shop::price".to_owned(), process, shared);
    explained.cost = Some(Duration::from_micros(12_400));
    explained.not_stored = Some(NotStored::Error);
    explained.is_running = true;
    explained.concluded(false, false)
}

#[test]
fn people_read_text() {
    assert_eq!(
        explained().to_string(),
        "shop::price: the next call is served from this process\n  \
         this process: fresh, 41.2 s left, weight 3\n  \
         shared tier (redis): stale, 2.0 hours old, 312 bytes\n  \
         storage key: 9f86d081884c7d65…\n  \
         a run is under way\n  \
         the last result was not stored: it was an error, and errors are not kept without `ttl(err = …)`\n  \
         a run takes 12.4 ms on average"
    );
}

#[test]
fn programs_read_fields() {
    let json = serde_json::to_value(explained()).unwrap();
    let expected = serde_json::json!({
        "cache": "shop::price",
        "next": "process",
        "process": {"state": "fresh", "left_seconds": 41.2, "over_seconds": null, "weight": 3},
        "shared": {
            "state": "stale", "error": null, "backend": "redis", "fingerprint": "9f86d081884c7d65",
            "left_seconds": null, "age_seconds": 7200.0, "bytes": 312,
        },
        "is_running": true,
        "not_stored": "error",
        "cost_seconds": 0.0124,
    });
    assert_eq!(json, expected);
}

#[test]
fn the_first_tier_that_can_answer_does() {
    use ProcessState as P;
    use SharedState as S;
    let concluded = |process, shared, is_running, is_refused| {
        let process = Process { state: process, ..Process::ABSENT };
        let mut explained = Explanation::of(String::new(), process, Shared::state(shared));
        explained.is_running = is_running;
        explained.concluded(false, is_refused).next
    };
    for (process, shared, is_running, expected) in [
        (P::Fresh, S::Fresh, false, Next::Process),
        (P::Fresh, S::Fresh, true, Next::Process),
        (P::Stale, S::Fresh, true, Next::ProcessStale),
        (P::Expired, S::Fresh, true, Next::Waits),
        (P::Expired, S::Fresh, false, Next::Shared),
        (P::Doubted, S::Fresh, false, Next::Shared),
        (P::Absent, S::Stale, false, Next::SharedStale),
        (P::Absent, S::Expired, false, Next::Runs),
        (P::Refused(Refused::Tampered), S::Absent, false, Next::Runs),
        (P::Absent, S::Failed("timeout"), false, Next::Runs),
        (P::Absent, S::Unsealed, false, Next::Off),
    ] {
        let next = concluded(process, shared, is_running, false);
        assert_eq!(next, expected, "{process:?} {shared:?}");
    }
    // What refuses a call stands behind this process, and behind a run that others wait for.
    for (process, shared, is_running, expected) in [
        (P::Fresh, S::Unsealed, false, Next::Process),
        (P::Absent, S::Unsealed, true, Next::Waits),
        (P::Absent, S::Unsealed, false, Next::Refused),
        (P::Expired, S::Refused(Refused::Tampered), false, Next::Refused),
        (P::Absent, S::Unkeyed, false, Next::Refused),
    ] {
        let next = concluded(process, shared, is_running, true);
        assert_eq!(next, expected, "{process:?} {shared:?}");
    }
    let off = Explanation::of(String::new(), Process::ABSENT, Shared::not_used());
    assert_eq!(off.concluded(true, true).next, Next::Off);
}

#[test]
fn spans_have_a_unit_that_suits_them() {
    for (span, shown) in [
        (Duration::from_nanos(1_500), "1.5 µs"),
        (Duration::from_millis(2), "2.0 ms"),
        (Duration::from_secs(59), "59.0 s"),
        (Duration::from_secs(300), "5.0 minutes"),
        (Duration::from_secs(86_400), "24.0 hours"),
        (Duration::from_secs(864_000), "10.0 days"),
    ] {
        assert_eq!(Span(span).to_string(), shown);
    }
}
