use std::time::Duration;

use bytes::Bytes;
use cachekit_io::Fetched;
use proptest::prelude::*;

use super::windows::served_as;
use crate::clock::{self, NEVER, ticks};
use crate::format::frame::Frame;
use crate::read_through::behind::Use;

#[test]
fn the_budget_of_the_environment_is_whole_milliseconds_or_not_set() {
    let read = super::read_budget;
    assert_eq!(read(""), Ok(None), "as if it were not set");
    assert_eq!(read("250"), Ok(Some(Duration::from_millis(250))));
    for wrong in ["0", "-1", "0.5", "5s", " 5", "86400001"] {
        let error = read(wrong).unwrap_err();
        assert!(
            error.contains("CACHEKIT_SHARED_BUDGET") && error.contains("1 to 86400000"),
            "{error}"
        );
    }
}

#[test]
fn a_frame_has_its_time() {
    let document = Frame::around(&b""[..]);
    let frame = Frame { created_ms: 1_000, fresh_ms: 500, stale_ms: 250, ..document };
    let found = Fetched::fresh(Bytes::new());
    let at = |frame: &Frame<'_>, now| served_as(frame, &found, NEVER, now);
    let millis = |n| ticks(Duration::from_millis(n));
    let fresh = |left| Some(Use::Fresh { remaining: millis(left), window: millis(250), weight: 1 });
    assert_eq!(at(&frame, 1_000), fresh(500));
    assert_eq!(at(&frame, 1_499), fresh(1));
    assert_eq!(at(&frame, 1_500), Some(Use::Stale));
    assert_eq!(at(&frame, 1_749), Some(Use::Stale));
    assert_eq!(at(&frame, 1_750), None);
    assert_eq!(at(&frame, 0), fresh(500), "a clock ahead of ours");
    assert_eq!((frame.age(1_700), frame.age(0)), (700, 0));

    let sharp = Frame { stale_ms: 0, ..frame.clone() };
    assert_eq!(at(&sharp, 1_500), None);
    let endless = Frame { fresh_ms: 0, stale_ms: 0, ..frame.clone() };
    assert_eq!(at(&endless, u64::MAX), Some(Use::Fresh { remaining: NEVER, window: 0, weight: 1 }));
    let bare = Frame::around(&b""[..]);
    let now = bare.created_ms;
    assert_eq!(served_as(&bare, &Fetched::stale(Bytes::new()), NEVER, now), None, "since when?");
    let long = Frame { fresh_ms: u64::MAX, stale_ms: u64::MAX, ..frame };
    let left = at(&long, u64::MAX);
    assert!(matches!(left, Some(Use::Fresh { remaining, .. }) if remaining < NEVER));
}

/// What the backend says of an entry's time: it is stale, fresh for so many milliseconds, or fresh without a bound.
fn backends_word() -> impl Strategy<Value = Fetched> {
    let fresh = Fetched::fresh(Bytes::new());
    let bound = {
        let fresh = fresh.clone();
        (0..4_000_u64).prop_map(move |ms| fresh.clone().with_fresh_for(Duration::from_millis(ms)))
    };
    prop_oneof![Just(Fetched::stale(Bytes::new())), bound, Just(fresh)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    /// Whatever the writer, the backend and the reader say: nothing is served after any of them has forbidden it, now or
    /// from the copy that this process keeps. Errors are the writers with a window of zero.
    #[test]
    fn the_shortest_time_counts(
        fresh_ms in 0..3_000_u64,
        stale_ms in prop_oneof![Just(0), 0..3_000_u64],
        reader_ms in prop_oneof![Just(0), 0..3_000_u64],
        age_ms in 0..8_000_u64,
        found in backends_word(),
    ) {
        // What does not expire has no window.
        let stale_ms = if fresh_ms == 0 { 0 } else { stale_ms };
        let window = ticks(Duration::from_millis(reader_ms));
        let frame = Frame { created_ms: 0, fresh_ms, stale_ms, ..Frame::around(&b""[..]) };
        let (is_fresh, fresh_for) = (found.is_fresh(), found.fresh_for());
        let shorter = stale_ms.min(reader_ms);
        // A millisecond for what rounding loses.
        let millis = |ticks| u64::try_from(clock::duration(ticks).as_millis()).unwrap();
        match served_as(&frame, &found, window, age_ms) {
            None => {
                let fresh = is_fresh && (fresh_ms == 0 || age_ms < fresh_ms) && fresh_for != Some(Duration::ZERO);
                prop_assert!(!fresh, "a fresh value is served");
                let stale = fresh_ms > 0 && age_ms + 1 < fresh_ms + shorter && shorter > 1;
                prop_assert!(!stale, "one in both windows is served");
            }
            Some(Use::Stale) => {
                prop_assert!(shorter > 0 && age_ms < fresh_ms + shorter, "{shorter}");
            }
            Some(Use::Fresh { remaining, window, .. }) => {
                prop_assert!(is_fresh);
                if let Some(bound) = fresh_for {
                    prop_assert!(remaining <= ticks(bound) && window == 0);
                }
                if fresh_ms == 0 {
                    prop_assert!(window == 0);
                } else {
                    prop_assert!(age_ms + millis(remaining) <= fresh_ms);
                    prop_assert!(age_ms + millis(remaining) + millis(window) <= fresh_ms + shorter);
                }
            }
        }
    }
}
