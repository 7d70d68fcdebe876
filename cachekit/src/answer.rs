//! What the tier behind this process says to one call.

use std::fmt;

use crate::clock::Ticks;
use crate::error::Error;
use crate::shape::Shape;

/// A value that was found there.
pub(crate) struct Found<S: Shape> {
    pub(crate) value: S::Value,
    /// The same for an entry of this process, if it may be kept.
    pub(crate) kept: Option<S::Stored>,
    /// How long it may be served from here: `NEVER` without end, 0 not beyond this call.
    pub(crate) remaining: Ticks,
    /// For how long after that it may be served while the function runs again.
    pub(crate) window: Ticks,
    pub(crate) weight: u64,
}

/// What the tier has for a call.
#[cfg_attr(not(feature = "shared"), allow(dead_code))] // Without a tier nothing but `Run` is answered.
pub(crate) enum Answer<S: Shape> {
    /// A fresh value.
    Fresh(Found<S>),
    /// One that may be served while the function runs again.
    Stale(Found<S>),
    /// Nothing: run the function.
    Run,
    /// Nothing, and another process is about to refresh it: leave it alone.
    StandDown,
    /// An entry that was not sealed for this call, and the function is not to run because of it.
    Refused(Error),
}

/// What became of an entry there that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "shared"), allow(dead_code))]
pub(crate) enum Removal {
    /// The function's values never go there, or no backend is installed.
    NotUsed,
    /// The backend said that the entry is gone.
    Confirmed,
    /// The backend failed, or cannot do it.
    Failed,
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUsed => "not used",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
        })
    }
}
