//! The code of observers: of subscribers of `tracing`, and of recorders of `metrics`.
//!
//! It is foreign, and runs in the middle of calls. All of it goes through [`tell`], so that wherever that is, it can
//! neither fail the call nor hold it up.

use std::cell::Cell;

use crate::contained::contained;
use crate::sync::per_thread;

per_thread! {
    /// An observer's code runs on this thread.
    static TELLING: Cell<bool> = Cell::new(false);
}

/// Runs an observer's code. `None`: it panicked, which the panic hook has reported.
///
/// A cached call that it makes waits for no other call: that may be the one that the observer is told of. It runs its
/// function beside that one.
pub(crate) fn tell<R>(run: impl FnOnce() -> R) -> Option<R> {
    let _telling = Telling::begin();
    contained(run)
}

/// Whether an observer's code runs on this thread.
pub(crate) fn is_told() -> bool {
    TELLING.try_with(Cell::get).unwrap_or(false)
}

/// Puts back what was the case before.
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
