//! What the companions of free functions call: each function takes the handle of one call and does one thing.
//!
//! They take it by value. The companion then has nothing left to drop, and costs the compiler little.

// Intended, as explained above.
#![allow(clippy::needless_pass_by_value)]

use crate::explain::Explanation;
use crate::handle::{EntryKey, Handle, Invalidated};

mod visit;

pub use visit::{LookAt, LookAtValue, MakeHandle, Visit, visit, visit_ruled};

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

/// The same for async functions. They take the function that makes the handle, and the arguments: nothing happens
/// before the future is polled.
pub mod of_async {
    use crate::cached_function::CachedFunction;
    use crate::explain::Explanation;
    use crate::handle::{AsyncHandle, EntryKey, Invalidated, Operation, function_clear};

    /// `f::invalidate(…)`
    pub fn invalidate<A, R>(
        handle: fn(A) -> AsyncHandle<R>,
        arguments: A,
    ) -> Operation<A, R, (), Invalidated> {
        Operation::new(handle, arguments, |handle, ()| handle.0.erased().invalidate(), ())
    }

    /// `f::peek(…)`
    pub fn peek<A, R: 'static>(
        handle: fn(A) -> AsyncHandle<R>,
        arguments: A,
    ) -> Operation<A, R, (), Option<R>> {
        let peek = |handle: AsyncHandle<R>, ()| {
            let peeked = handle.0.erased().peek();
            Box::pin(async move { peeked.await.map(|value| *value) }) as _
        };
        Operation::new(handle, arguments, peek, ())
    }

    /// `f::contains(…)`
    pub fn contains<A, R>(
        handle: fn(A) -> AsyncHandle<R>,
        arguments: A,
    ) -> Operation<A, R, (), bool> {
        Operation::new(handle, arguments, |handle, ()| handle.0.erased().contains(), ())
    }

    /// `f::explain(…)`
    pub fn explain<A, R>(
        handle: fn(A) -> AsyncHandle<R>,
        arguments: A,
    ) -> Operation<A, R, (), Explanation> {
        Operation::new(handle, arguments, |handle, ()| handle.0.erased().explain(), ())
    }

    /// `f::set(…, value)`
    pub fn set<A, R>(
        handle: fn(A) -> AsyncHandle<R>,
        arguments: A,
        value: R,
    ) -> Operation<A, R, R, ()> {
        Operation::new(handle, arguments, |handle, value| handle.0.erased().set(value), value)
    }

    /// `f::key(…)`
    pub fn key<A, R>(handle: fn(A) -> AsyncHandle<R>, arguments: A) -> EntryKey {
        handle(arguments).key()
    }

    /// `f::clear()`
    // Async, so that nothing happens before it is awaited; it exists once, because it depends on no type.
    #[allow(clippy::unused_async)]
    pub async fn clear(function: &'static CachedFunction) -> Invalidated {
        function_clear(function)
    }
}
