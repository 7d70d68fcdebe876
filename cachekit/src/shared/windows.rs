//! How long an entry of the shared tier may be served, and as what.
//!
//! Three sources decide: the writer, by the header of the value; the backend, by what it calls stale and how long it
//! vouches for a value; and the reader, by the attribute of its function. The shortest duration counts.

use std::time::Duration;

use cachekit_io::Fetched;

use super::encoding::millis;
use crate::clock::{self, NEVER, Ticks};
use crate::format::frame::Frame;
use crate::read_through::behind::Use;

/// What a call may do with an entry at this time, by its header, by what the backend says, and with the reader's stale
/// window. `None`: it has expired.
pub(crate) fn served_as(
    frame: &Frame<'_>,
    fetched: &Fetched,
    window: Ticks,
    now_ms: u64,
) -> Option<Use> {
    let age_ms = frame.age(now_ms);
    let remaining = left(frame, age_ms).min(vouched(fetched));
    if remaining > 0 {
        // A copy whose freshness the backend bounds is not kept beyond that bound.
        let window = if fetched.fresh_for().is_none() {
            window.min(clock::ticks(Duration::from_millis(frame.stale_ms)))
        } else {
            0
        };
        return Some(Use::Fresh { remaining, window, weight: frame.weight });
    }
    // A document without a header (`interop`) does not say when it was written. That the backend calls it stale does not
    // say for how long it has been: the reader's window may be over.
    if frame.fresh_ms == 0 {
        return None;
    }
    let window_ms = frame.stale_ms.min(millis(window));
    let end = frame.fresh_ms.saturating_add(window_ms);
    (window_ms > 0 && age_ms < end).then_some(Use::Stale)
}

/// How long it is fresh according to the writer.
fn left(frame: &Frame<'_>, age_ms: u64) -> Ticks {
    match frame.fresh_ms {
        0 => NEVER,
        fresh_ms => clock::ticks(Duration::from_millis(fresh_ms.saturating_sub(age_ms))),
    }
}

/// How long the backend vouches for it.
fn vouched(fetched: &Fetched) -> Ticks {
    if fetched.is_fresh() { clock::span(fetched.fresh_for()) } else { 0 }
}
