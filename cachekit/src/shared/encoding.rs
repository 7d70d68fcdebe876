//! A value on its way out: encoded, with how long it may be served.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::{self, Ticks};
use crate::format::codec::{self, Proof};
use crate::format::frame::{Frame, now_ms};
use crate::rules::Verdict;
use crate::shape::Shape;

/// How a value becomes bytes and comes back, as plain function pointers: one per type, not one per function.
pub(crate) struct Encoding<V> {
    pub(crate) encode: fn(&V, codec::Proof) -> Option<codec::Encoded>,
    pub(crate) decode: fn(codec::EncodedRef<'_>) -> Result<Option<V>, codec::Panicked>,
}

impl<V> Clone for Encoding<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Encoding<V> {}

impl<V> Encoding<V> {
    pub(crate) fn of() -> Self
    where
        V: Serialize + DeserializeOwned + 'static,
    {
        Self { encode: codec::encode, decode: codec::decode }
    }

    pub(crate) fn frame(
        &self,
        value: &V,
        (verdict, window): Windows,
        proof: Proof,
    ) -> Option<Frame<'static>> {
        let encoded = (self.encode)(value, proof)?;
        let ttl = lifetime(&verdict);
        let fresh_ms =
            ttl.map_or(0, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1));
        Some(Frame {
            created_ms: now_ms(),
            fresh_ms,
            stale_ms: if ttl.is_some() { millis(window) } else { 0 },
            weight: verdict.weight,
            codec: encoded.stamp,
            payload: encoded.bytes.into(),
        })
    }
}

/// What became of a result's judgement, and for how long it may be served after its time.
pub(crate) type Windows = (Verdict, Ticks);

/// How long a value is fresh; `None` without end.
pub(crate) fn lifetime(verdict: &Verdict) -> Option<Duration> {
    (verdict.ttl != clock::NEVER).then(|| clock::duration(verdict.ttl))
}

/// A value on its way to where it is kept.
pub(crate) struct Prepared<S: Shape> {
    /// For an entry of this process, if it may be kept there.
    pub(crate) kept: Option<S::Stored>,
    /// For the shared tier, if it goes there.
    pub(crate) bytes: Option<Bytes>,
    pub(crate) windows: Windows,
    /// When the time for the steps after the function is up, if it goes there.
    pub(crate) until: Option<Instant>,
}

pub(crate) fn millis(span: Ticks) -> u64 {
    u64::try_from(clock::duration(span).as_millis()).unwrap_or(u64::MAX)
}
