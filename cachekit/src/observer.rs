//! The code of observers: of subscribers of `tracing`, and of recorders of `metrics`.
//!
//! It is the program's code, and runs in the middle of calls. All of it runs inside [`tell`], so that it can neither
//! fail a call nor delay it.

use std::cell::Cell;

use crate::contained::contained;
use crate::sync::per_thread;

per_thread! {
    /// An observer's code is running on this thread.
    static TELLING: Cell<bool> = Cell::new(false);
}

/// Runs an observer's code. Returns `None` if it panicked, which the panic hook has reported.
///
/// A cached call that it makes waits for no other call, because that may be the call that the observer is notified
/// of. It runs its function alongside that call.
pub(crate) fn tell<R>(run: impl FnOnce() -> R) -> Option<R> {
    let _telling = Telling::begin();
    contained(run)
}

/// Whether an observer's code is running on this thread.
pub(crate) fn is_told() -> bool {
    TELLING.try_with(Cell::get).unwrap_or(false)
}

/// Restores the previous state.
struct Telling(bool);

impl Telling {
    fn begin() -> Self {
        Self(TELLING.try_with(|telling| telling.replace(true)).unwrap_or(false))
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let _ = TELLING.try_with(|telling| telling.set(self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_that_an_observer_is_told_until_the_outermost_has_been() {
        assert!(!is_told());
        let told = tell(|| {
            assert!(is_told());
            assert_eq!(tell(|| -> u32 { panic!("on purpose") }), None);
            is_told()
        });
        assert_eq!((told, is_told()), (Some(true), false));
    }
}
