//! An entry that may be outdated: it is served by nothing until a look at the shared tier has decided.

use super::{ALIVE, Head};
use crate::sync::atomic::Ordering;

/// Published, and perhaps outdated. Readers treat it as absent; who invalidates it finds it like any other.
const DOUBTED: u8 = 3;

impl Head {
    /// Takes a servable entry out of service. False if it was not servable.
    pub(crate) fn doubt(&self) -> bool {
        self.state.compare_exchange(ALIVE, DOUBTED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Puts it back, unless it was invalidated, replaced or evicted meanwhile.
    pub(crate) fn trust(&self) -> bool {
        self.state.compare_exchange(DOUBTED, ALIVE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}
