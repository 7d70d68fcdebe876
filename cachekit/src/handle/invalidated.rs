//! What an invalidation achieved.

use crate::read_through::behind::Removal;

/// What an invalidation achieved.
///
/// In the process it always takes effect at once, and it beats every fill that started before it.
/// [`is_confirmed`](Self::is_confirmed) says whether the shared tier has removed the entry, too.
///
/// # Example
///
/// ```
/// #[cachekit::cache::local]
/// fn price(item: u32) -> u32 { item * 100 }
///
/// price(1);
/// let done = price::invalidate(&1);
/// assert!(done.was_cached() && done.is_confirmed());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the shared tier may not have confirmed the invalidation: check `is_confirmed()`, or say `.ignore()`"]
pub struct Invalidated {
    pub(crate) removed: u64,
    pub(crate) shared: Removal,
}

impl Invalidated {
    /// Whether this process held an entry.
    pub fn was_cached(&self) -> bool {
        self.removed > 0
    }

    /// How many entries this process held.
    pub fn removed(&self) -> u64 {
        self.removed
    }

    /// Whether no tier can serve the old value any more: there is no shared tier, or it confirmed the
    /// removal.
    ///
    /// This does not cover the in-process tiers of other machines.
    pub fn is_confirmed(&self) -> bool {
        self.shared != Removal::Failed
    }

    /// Declares that the result does not matter here.
    pub fn ignore(self) {}
}
