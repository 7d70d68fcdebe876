//! A value to be written: encoded, with the duration for which it may be served.

use std::time::Duration;

use crate::clock::{self, Ticks};
use crate::format::encoded::Proof;
use crate::format::frame::{Frame, now_ms};
use crate::read_through::behind::Encoder;
use crate::rules::Verdict;

/// A value behind its header. `None` if it does not serialize.
pub(crate) fn frame(value: &Encoder<'_>, verdict: Verdict, proof: Proof) -> Option<Frame<'static>> {
    let value = value(proof)?;
    let ttl = lifetime(&verdict);
    let fresh_ms = ttl.map_or(0, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1));
    Some(Frame {
        created_ms: now_ms(),
        fresh_ms,
        stale_ms: if ttl.is_some() { millis(verdict.window) } else { 0 },
        weight: verdict.weight,
        value,
    })
}

/// How long a value is fresh; `None` without expiry.
pub(crate) fn lifetime(verdict: &Verdict) -> Option<Duration> {
    (verdict.ttl != clock::NEVER).then(|| clock::duration(verdict.ttl))
}

pub(crate) fn millis(span: Ticks) -> u64 {
    u64::try_from(clock::duration(span).as_millis()).unwrap_or(u64::MAX)
}
