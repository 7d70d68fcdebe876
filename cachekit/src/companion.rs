//! What the companions of free functions call: each takes the handle of one call and does one thing.
//!
//! They take it by value. The companion has nothing left to drop then, and costs the compiler little.

// That is the point, as said above.
#![allow(clippy::needless_pass_by_value)]

use crate::handle::{EntryKey, Handle, Invalidated};

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

/// `f::set(…, value)`
pub fn set<R>(entry: Handle<R>, value: R) {
    entry.set(value);
}

/// `f::key(…)`
pub fn key<R>(entry: Handle<R>) -> EntryKey {
    entry.key()
}

/// The same for async functions.
pub mod of_async {
    use crate::handle::{AsyncHandle, EntryKey, Invalidated};

    /// `f::invalidate(…)`
    pub async fn invalidate<R>(entry: AsyncHandle<R>) -> Invalidated {
        entry.invalidate().await
    }

    /// `f::peek(…)`
    pub async fn peek<R>(entry: AsyncHandle<R>) -> Option<R> {
        entry.peek().await
    }

    /// `f::contains(…)`
    pub async fn contains<R>(entry: AsyncHandle<R>) -> bool {
        entry.contains().await
    }

    /// `f::set(…, value)`
    pub async fn set<R>(entry: AsyncHandle<R>, value: R) {
        entry.set(value).await;
    }

    /// `f::key(…)`
    pub fn key<R>(entry: AsyncHandle<R>) -> EntryKey {
        entry.key()
    }
}
