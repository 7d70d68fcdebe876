//! Room for bytes: taken before there are any, given back when they are gone.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::sync::Notify;

/// So many bytes, and how many of them are taken.
pub(crate) struct Room {
    most: usize,
    used: AtomicUsize,
    /// How many wait: without any, giving back takes no lock.
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

    /// Takes room if `fits` says so of what is taken already.
    pub(crate) fn take_if(&self, bytes: usize, fits: impl Fn(usize) -> bool) -> bool {
        let taken = self.used.fetch_update(SeqCst, SeqCst, |used| {
            if fits(used) { used.checked_add(bytes) } else { None }
        });
        taken.is_ok()
    }

    /// Takes room if what is taken then is not more than `within`. What is larger than that has to be
    /// alone.
    pub(crate) fn take_within(&self, bytes: usize, within: usize) -> bool {
        self.take_if(bytes, |used| used == 0 || used.saturating_add(bytes) <= within)
    }

    /// Waits until [`take_within`](Self::take_within) succeeds.
    pub(crate) async fn wait_within(&self, bytes: usize, within: usize) {
        // Before the last look at what is free: a give-back after it sees that one waits.
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

/// Counts one that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests;
