//! Copies of the shared tier's values that may be out of date.

use super::{ALIVE, Head, OUTDATED};
use crate::sync::atomic::Ordering;

/// Published, and perhaps out of date: a look at the shared tier decides. Readers treat it as absent; an invalidation
/// finds it like any other.
const DOUBTED: u8 = 2;

impl Head {
    /// Takes a servable entry out of service. False if it was not servable.
    pub(crate) fn doubt(&self) -> bool {
        self.state.compare_exchange(ALIVE, DOUBTED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Puts it back, unless it was invalidated, replaced or evicted meanwhile.
    pub(crate) fn trust(&self) -> bool {
        self.state.compare_exchange(DOUBTED, ALIVE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends the copy, and not what it is a copy of. True if it was not ended before.
    pub(crate) fn outdate(&self) -> bool {
        self.state.fetch_max(OUTDATED, Ordering::AcqRel) < OUTDATED
    }
}
