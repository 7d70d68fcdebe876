//! The store of a handle, created once an operation needs it.

use std::ops::Deref;
use std::sync::OnceLock;

use crate::cached_function::FunctionRef;
use crate::store::StoreRef;

/// The store of a function, in the process or in the test scope in which the handle was created. A query about a
/// function that was never called creates no store.
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
