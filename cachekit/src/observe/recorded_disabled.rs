//! No recorder in this build: the feature `metrics` is off.

/// Where times go besides our own tables: nowhere.
#[derive(Default)]
pub(crate) struct Recorded;

#[allow(clippy::unused_self)] // As the other build has it.
impl Recorded {
    #[inline]
    pub(super) fn record(&self, _seconds: f64, _longest: f64) {}
}
