//! The store of a handle, which is made once an operation needs one.

use std::ops::Deref;
use std::sync::OnceLock;

use crate::cached_function::FunctionRef;
use crate::store::StoreRef;

/// The store of a function, in the test scope that the handle was made in or in the process. To ask about a call that was
/// never made makes none.
pub(super) struct Placed {
    function: FunctionRef,
    store: OnceLock<StoreRef>,
}

impl Placed {
    pub(super) fn of(function: FunctionRef) -> Self {
        Self { function, store: function.found_store().map_or_else(OnceLock::new, OnceLock::from) }
    }

    /// The store, if there is one.
    pub(super) fn found(&self) -> Option<&StoreRef> {
        self.store.get()
    }
}

impl Deref for Placed {
    type Target = StoreRef;

    fn deref(&self) -> &StoreRef {
        self.store.get_or_init(|| self.function.process_store())
    }
}
