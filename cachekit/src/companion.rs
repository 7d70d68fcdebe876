//! What the companions of free functions call: each function takes the handle of one call and does one thing.
//!
//! They take it by value. The companion then has nothing left to drop, and costs the compiler little.

// Intended, as explained above.
#![allow(clippy::needless_pass_by_value)]

use crate::explain::Explanation;
use crate::handle::{EntryKey, Handle, Invalidated};

mod generated;
mod visit;

pub use generated::{entries, whole};
pub use visit::{HoldsOk, LookAt, LookAtValue, MakeHandle, Visit, visit, visit_ruled};

/// `f::invalidate(…)`
pub fn invalidate<R>(entry: Handle<R>) -> Invalidated {
    entry.invalidate()
}

/// `f::peek(…)`
pub fn peek<R>(entry: Handle<R>) -> Option<R> {
    entry.peek()
}

/// `f::contains(…)`
pub fn contains<R>(entry: Handle<R>) -> bool {
    entry.contains()
}

/// `f::explain(…)`
pub fn explain<R>(entry: Handle<R>) -> Explanation {
    entry.explain()
}

/// `f::set(…, value)`
pub fn set<R>(entry: Handle<R>, value: R) {
    entry.set(value);
}

/// `f::key(…)`
pub fn key<R>(entry: Handle<R>) -> EntryKey {
    entry.key()
}

/// The same for async functions. They take the call before its store is looked up: nothing happens before the future is
/// polled.
pub mod of_async {
    use crate::cached_function::CachedFunction;
    use crate::explain::Explanation;
    use crate::handle::{AsyncHandle, Clear, EntryKey, Invalidated, Operation, Unplaced};

    /// `f::invalidate(…)`
    pub fn invalidate<R>(call: Unplaced<R>) -> Operation<R, (), Invalidated> {
        Operation::new(call, |handle, ()| handle.0.erased().invalidate(), ())
    }

    /// `f::peek(…)`
    pub fn peek<R: 'static>(call: Unplaced<R>) -> Operation<R, (), Option<R>> {
        let peek = |handle: AsyncHandle<R>, ()| {
            let peeked = handle.0.erased().peek();
            Box::pin(async move { peeked.await.map(|value| *value) }) as _
        };
        Operation::new(call, peek, ())
    }

    /// `f::contains(…)`
    pub fn contains<R>(call: Unplaced<R>) -> Operation<R, (), bool> {
        Operation::new(call, |handle, ()| handle.0.erased().contains(), ())
    }

    /// `f::explain(…)`
    pub fn explain<R>(call: Unplaced<R>) -> Operation<R, (), Explanation> {
        Operation::new(call, |handle, ()| handle.0.erased().explain(), ())
    }

    /// `f::set(…, value)`
    pub fn set<R>(call: Unplaced<R>, value: R) -> Operation<R, R, ()> {
        Operation::new(call, |handle, value| handle.0.erased().set(value), value)
    }

    /// `f::key(…)`
    pub fn key<R>(call: Unplaced<R>) -> EntryKey {
        AsyncHandle::from(call).key()
    }

    /// `f::clear()`
    pub fn clear(function: &'static CachedFunction) -> Clear {
        Clear(function)
    }
}
