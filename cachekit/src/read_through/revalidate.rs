//! `stale = …`: a stale value is served, and the function runs again in the background.
//!
//! The call that is served the stale value gets a [`Ticket`] and starts the function with it, in the background.
//! The function's own look-up takes the ticket and continues as the one refresh of its entry. If an async
//! function cannot be started, the call itself continues as the refresh.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::Duration;

use super::order::{Order, Placed};
use super::pauses::{Mark, Pauses};
use crate::background;
use crate::clock;
use crate::contained::contained;
use crate::entry::{AnyEntry, Resident};
use crate::stats::Refusal;
use crate::store::{Store, StoreRef};

/// How long an entry is not refreshed after a failed refresh: the source may be down, or another
/// process may be refreshing it.
const PAUSE: Duration = Duration::from_secs(1);

static PAUSES: LazyLock<Pauses> = LazyLock::new(Pauses::default);

/// The right and the duty to refresh one entry. Dropping it reports a failure.
pub struct Ticket {
    hash: u64,
    /// The entry that was served.
    entry: Resident,
    store: StoreRef,
    /// The entry is in the store, and the refresh is valid as long as it is. Otherwise it came from the shared
    /// tier and never was in the store.
    resident: bool,
    settled: bool,
}

opaque!([] "Ticket", Ticket);

impl Ticket {
    /// For an entry that expired in this process; its refresh has been claimed.
    pub(crate) fn resident(hash: u64, entry: Resident, store: StoreRef) -> Self {
        Self { hash, entry, store, resident: true, settled: false }
    }

    /// For a value that the shared tier called stale, unless a refresh just failed.
    pub(crate) fn passing(hash: u64, entry: Resident, store: StoreRef) -> Option<Self> {
        let ticket = Self { hash, entry, store, resident: false, settled: false };
        if PAUSES.is_on(ticket.mark(), ticket.store.now()) {
            // It was not the refresh's fault.
            let mut ticket = ticket;
            ticket.settled = true;
            return None;
        }
        Some(ticket)
    }

    fn mark(&self) -> Mark {
        Mark { store: self.store.number(), hash: self.hash }
    }

    /// The entry that was served.
    pub(crate) fn entry(&self) -> &dyn AnyEntry {
        &*self.entry
    }

    /// Whether it is for the entry of this key in this store.
    pub(crate) fn is_for<K: 'static, V: 'static>(
        &self,
        store: &Store,
        same: impl FnOnce(&K) -> bool,
    ) -> bool {
        std::ptr::eq(&raw const *self.store, store) && self.entry.of_key::<K, V>(same).is_some()
    }

    /// Whether the entry was invalidated or replaced, or has expired, since the stale value was served. If it only made
    /// room, its refresh is worth as much as before.
    pub(crate) fn is_outdated(&self) -> bool {
        let head = self.entry.head();
        self.resident && head.is_dead() && !head.is_evicted()
    }

    pub(crate) fn is_resident(&self) -> bool {
        self.resident
    }

    /// The new value is stored.
    pub(crate) fn stored(mut self) {
        self.settled = true;
        self.store.count_refresh();
        self.store.tell_refresh(true);
    }

    /// Nothing had to be done, or another call has done it.
    pub(crate) fn moot(mut self) {
        self.settled = true;
        self.pause();
    }

    /// Nothing was tried: the next call may.
    #[cfg(feature = "tower")]
    pub(crate) fn untried(mut self) {
        self.settled = true;
        self.entry.head().release_refresh(self.store.now());
    }

    /// The stale value did not open: the entry is dropped, and the call is a miss, which no look-up has counted.
    pub(crate) fn void(&self, refusal: Refusal) {
        let entry = &self.entry;
        let same = |other: &dyn AnyEntry| std::ptr::addr_eq(other, std::ptr::from_ref(&**entry));
        self.store.drop_refused(self.hash, refusal, &same);
        self.store.count_unopened();
    }

    /// Pauses refreshes of the entry for a while.
    fn pause(&self) {
        let now = self.store.now();
        let again = now.saturating_add(clock::ticks(PAUSE));
        self.entry.head().release_refresh(again);
        if !self.resident {
            PAUSES.begin(self.mark(), now, again);
        }
    }

    /// Starts a sync function in the background.
    pub fn run<R>(self, call: impl FnOnce() -> R + Send + 'static) {
        // A panic has been reported by the hook; here it is a refresh that failed.
        background::spawn_closure(move || {
            contained(|| drop(self.carry_out(call)));
        });
    }

    /// Makes a call, here and now, whose look-up takes the ticket.
    pub(crate) fn carry_out<R>(self, call: impl FnOnce() -> R) -> R {
        let _placed = Placed::new(Order::Refresh(self));
        call()
    }

    /// Starts an async function in the background.
    pub fn run_async<R, F>(self, call: F)
    where
        F: Future<Output = R> + Send + 'static,
    {
        background::spawn_future(async move {
            let mut call = pin!(call);
            let mut order = Some(Order::Refresh(self));
            poll_fn(move |cx| {
                let polled = contained(|| match order.take() {
                    Some(placed) => {
                        let placed = Placed::new(placed);
                        let polled = call.as_mut().poll(cx);
                        // Unless the call's look-up took it, it is for the next poll.
                        order = placed.withdraw();
                        polled
                    }
                    None => call.as_mut().poll(cx),
                });
                match polled {
                    Some(Poll::Pending) => Poll::Pending,
                    Some(Poll::Ready(_)) | None => Poll::Ready(()),
                }
            })
            .await;
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            self.store.count_failed_refresh();
            self.store.tell_refresh(false);
            self.pause();
        }
    }
}
