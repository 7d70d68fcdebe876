//! Foreign code whose panic does not propagate, and locks that one has poisoned.

use std::panic::{AssertUnwindSafe, catch_unwind};
// Plain std on purpose: what the model checker explores has `crate::sync::lock`.
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Locks a mutex whether or not a panic poisoned it. No foreign code runs while data is inconsistent.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::contained;

    /// Panics as it is dropped, with as many more of its kind.
    struct Bomb(u32);

    impl Drop for Bomb {
        fn drop(&mut self) {
            match self.0.checked_sub(1) {
                Some(left) => panic_any(Bomb(left)),
                None => panic!("the last one"),
            }
        }
    }

    #[test]
    fn no_panic_gets_through_whatever_it_carries() {
        assert_eq!(contained(|| 7), Some(7));
        assert_eq!(contained(|| -> u32 { panic!("on purpose") }), None);
        for more in 0..4 {
            assert_eq!(contained(|| -> u32 { panic_any(Bomb(more)) }), None, "{more}");
        }
    }
}
