//! Foreign code on threads that others depend on: wakers, destructors, callers' closures.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs foreign code. `None`: it panicked, and the panic hook has reported it.
///
/// The panic's payload is foreign, too: if its destructor panics, that does not propagate either.
pub(crate) fn contained<R>(run: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => Some(done),
        Err(payload) => {
            if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                // All that is known about this payload is that it comes from such a destructor.
                std::mem::forget(again);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests;
