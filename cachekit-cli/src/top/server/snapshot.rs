//! The state of a source at one moment. Counters only grow, until the source restarts.

use std::time::Instant;

/// A moment of a source.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::top) struct Snapshot {
    pub(super) at: Instant,
    /// What it says about itself, such as its version.
    pub(super) notes: Vec<(&'static str, String)>,
    /// Current amounts.
    pub(super) levels: Vec<(&'static str, Level)>,
    /// What is counted.
    pub(super) counters: Vec<(&'static str, Counter)>,
    /// Look-ups that found a value, and all look-ups.
    pub(super) found: f64,
    pub(super) looked_up: f64,
    pub(super) operations: Vec<Operation>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Level {
    Count(f64),
    Bytes(f64),
    /// This much of that maximum.
    BytesOf(f64, f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Counter {
    Events(f64),
    Bytes(f64),
}

/// One kind of request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) requests: f64,
    /// Answered with 4xx, except misses.
    pub(super) refused: f64,
    /// Answered with 5xx.
    pub(super) failed: f64,
    pub(super) seconds: f64,
    /// Upper bounds in seconds, and how many requests took no longer; the last bound is infinite.
    pub(super) buckets: Vec<(f64, f64)>,
}
