//! How many requests a connection takes at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Requests that hyper handles, at most as many as the peer allows (RFC 9113 §5.1.2). The others wait here, first
/// come first served.
///
/// hyper would let them wait, too. But when the server goes away, hyper does not report that the first request in
/// its queue was never sent, and such a request would be lost if it must not be sent twice. Requests that wait here
/// know it.
pub(super) struct Room {
    places: Semaphore,
    limit: AtomicUsize,
    /// Seats that disappear when they are released, because the limit was lowered.
    owed: AtomicUsize,
}

/// A seat for one request.
pub(super) struct Seat<'a> {
    room: &'a Room,
    permit: Option<SemaphorePermit<'a>>,
}

/// Unlimited, until the peer's limit is known.
impl Default for Room {
    fn default() -> Self {
        Self {
            places: Semaphore::new(Semaphore::MAX_PERMITS),
            limit: AtomicUsize::new(Semaphore::MAX_PERMITS),
            owed: AtomicUsize::new(0),
        }
    }
}

impl Room {
    pub(super) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Sets the limit, at least one. Called by one task.
    pub(super) fn set_limit(&self, limit: usize) {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        let before = self.limit.load(Ordering::Relaxed);
        if limit == before {
            return;
        }
        self.limit.store(limit, Ordering::Relaxed);
        let more = limit.saturating_sub(before);
        self.places.add_permits(more - self.pay(more));
        let less = before.saturating_sub(limit);
        self.owed.fetch_add(less - self.places.forget_permits(less), Ordering::SeqCst);
    }

    /// No further requests are accepted; waiting ones go elsewhere.
    pub(super) fn close(&self) {
        self.places.close();
    }

    /// Waits for a seat. There is none once the room is closed.
    pub(super) async fn enter(&self) -> Option<Seat<'_>> {
        let permit = match self.places.try_acquire() {
            Ok(permit) => permit,
            Err(_) => self.places.acquire().await.ok()?,
        };
        Some(Seat { room: self, permit: Some(permit) })
    }

    /// Pays off debt with this many seats; returns how many it took.
    fn pay(&self, places: usize) -> usize {
        // Read first: there is hardly ever a debt.
        if self.owed.load(Ordering::SeqCst) == 0 {
            return 0;
        }
        let rest = |owed: usize| Some(owed.saturating_sub(places));
        let owed = self.owed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, rest);
        owed.unwrap_or_else(|owed| owed).min(places)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if self.room.pay(1) > 0
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
        }
    }
}
