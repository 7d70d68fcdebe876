//! What one call of this thread is to do other than usual: run its function whatever is cached, or refresh an entry.
//!
//! An order says which call it is for. Between the moment it is placed and that call's look-up, other cached functions
//! may be called: by an expression in the attribute, such as `key = canonical(id)`, or by the `Hash` of a key. They leave
//! the order where it is. Only if the body of such a function calls the function that is to run, that call takes the order.

use std::cell::RefCell;

use super::revalidate::Ticket;
use crate::cached_function::CachedFunction;
use crate::sync::per_thread;
use crate::thread_cache::{self, ThreadCache};

/// What is to be done, and by which call.
pub(super) enum Order {
    /// The next call of any cached function runs it.
    Any,
    /// The next call of this function runs it.
    Of(&'static CachedFunction),
    /// The next call for the ticket's entry refreshes it.
    Refresh(Ticket),
}

per_thread! {
    static ORDERED: RefCell<Option<Order>> = RefCell::new(None);
}

/// Replaces the order of this thread. The thread cache is told whether there is one, because each hit asks it.
fn replace(order: Option<Order>) -> Option<Order> {
    let is_placed = order.is_some();
    // While the thread is torn down, the order is dropped.
    let before = ORDERED.try_with(|ordered| ordered.replace(order));
    thread_cache::with(|thread_cache| thread_cache.force(is_placed && before.is_ok()));
    before.ok().flatten()
}

/// The order of this thread, which is no longer placed then.
#[cold]
pub(super) fn take() -> Option<Order> {
    replace(None)
}

/// Places an order again which was for another call than the one that took it.
pub(super) fn put_back(order: Order) {
    replace(Some(order));
}

/// Whether a call of this thread is still to carry out an order.
pub(super) fn is_placed() -> bool {
    thread_cache::with(ThreadCache::is_forced).unwrap_or(false)
}

/// An order that is placed. Dropping this withdraws it, if no call has taken it.
pub(super) struct Placed {
    /// The order that this one came in between of.
    before: Option<Order>,
}

impl Placed {
    pub(super) fn new(order: Order) -> Self {
        // This is the first call that the code under an order for any call makes.
        let before = replace(Some(order)).filter(|before| !matches!(before, Order::Any));
        Self { before }
    }

    /// Withdraws the order, and returns it if no call has taken it.
    pub(super) fn withdraw(mut self) -> Option<Order> {
        let order = replace(self.before.take());
        std::mem::forget(self);
        order
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        let withdrawn = replace(self.before.take());
        // A ticket runs code of its own when it is dropped.
        drop(withdrawn);
    }
}
