//! Space for bytes: reserved before they arrive, released when they are gone.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::sync::Notify;

/// A number of bytes, and how many of them are reserved.
pub(crate) struct Room {
    most: usize,
    used: AtomicUsize,
    /// How many wait: if none does, a release takes no lock.
    waiting: AtomicUsize,
    freed: Notify,
}

impl Room {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, used: AtomicUsize::new(0), waiting: AtomicUsize::new(0), freed: Notify::new() }
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(SeqCst)
    }

    /// Reserves space if `fits` accepts the amount that is already reserved.
    pub(crate) fn take_if(&self, bytes: usize, fits: impl Fn(usize) -> bool) -> bool {
        let taken = self.used.fetch_update(SeqCst, SeqCst, |used| {
            if fits(used) { used.checked_add(bytes) } else { None }
        });
        taken.is_ok()
    }

    /// Reserves space if no more than `within` is reserved then. A reservation larger than that has
    /// to be the only one.
    pub(crate) fn take_within(&self, bytes: usize, within: usize) -> bool {
        self.take_if(bytes, |used| used == 0 || used.saturating_add(bytes) <= within)
    }

    /// Waits until [`take_within`](Self::take_within) succeeds.
    pub(crate) async fn wait_within(&self, bytes: usize, within: usize) {
        // Before the last check of the free space: a later release sees the waiter.
        self.waiting.fetch_add(1, SeqCst);
        let _waiting = Waiting(&self.waiting);
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if self.take_within(bytes, within) {
                return;
            }
            freed.await;
        }
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.used.fetch_sub(bytes, SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            self.freed.notify_waiters();
        }
    }
}

/// Counts a waiter until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests;
