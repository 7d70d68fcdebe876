//! In place of `sampling.rs` where no hit has a span.

pub(super) struct Sampling;

impl Sampling {
    pub(super) const fn new() -> Self {
        Self
    }

    #[inline]
    #[allow(clippy::unused_self)] // As the other build has it.
    pub(super) fn is_on(&self) -> bool {
        false
    }

    #[allow(clippy::unused_self)] // As the other build has it.
    pub(super) fn read(&self) {}
}
