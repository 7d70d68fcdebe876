//! `stale = …`: a value past its time is served, and the function runs again behind the caller's back.
//!
//! The call that is served the stale value gets a [`Ticket`] and starts the function with it, in the background.
//! The function's own look-up takes the ticket and goes on as the one refresh of its entry. Where an async
//! function cannot be started, the call itself goes on as the refresh.

use std::any::Any;
use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::Duration;

use super::pauses::{Mark, Pauses};
use crate::background;
use crate::clock;
use crate::entry::{AnyEntry, Body, Owner};
use crate::front;
use crate::site::StoreRef;
use crate::stats::Refusal;
use crate::sync::per_thread;

/// How long an entry is left alone after a refresh that brought nothing: the source may be down, or another
/// process at it.
const PAUSE: Duration = Duration::from_secs(1);

static PAUSES: LazyLock<Pauses> = LazyLock::new(Pauses::default);

per_thread! {
    static ORDERED: RefCell<Option<Ticket>> = RefCell::new(None);
}

/// The right and the duty to refresh one entry. Dropping it says that it failed.
pub struct Ticket {
    /// What was served.
    entry: Arc<AnyEntry>,
    store: StoreRef,
    /// It stands in the store, and the refresh is for as long as it does. Else it came from the shared
    /// tier and never stood here.
    resident: bool,
    /// What was served, if the entry is there for what replaces it.
    before: Option<Arc<dyn Any + Send + Sync>>,
    settled: bool,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}

impl Ticket {
    /// For an entry that expired in this process; its refresh has been claimed.
    pub(crate) fn resident(entry: Arc<AnyEntry>, store: StoreRef) -> Self {
        Self { entry, store, resident: true, before: None, settled: false }
    }

    /// For a value that the shared tier called stale, unless a refresh brought nothing just now.
    pub(crate) fn passing(entry: Arc<AnyEntry>, store: StoreRef) -> Option<Self> {
        let paused = PAUSES.is_on(Mark::of(&entry.head), store.now());
        (!paused).then_some(Self { entry, store, resident: false, before: None, settled: false })
    }

    /// For a call whose entry replaces what was served.
    pub(crate) fn replacing(mut self, before: Arc<dyn Any + Send + Sync>) -> Self {
        self.before = Some(before);
        self
    }

    /// What was served, if the entry does not have it.
    pub(crate) fn before<V: 'static>(&self) -> Option<&V> {
        self.before.as_ref()?.downcast_ref()
    }

    /// The entry, if it is that of a call with this owner and key.
    pub(crate) fn entry_of<K: 'static, V: 'static>(
        &self,
        owner: Owner,
        same: impl FnOnce(&K) -> bool,
    ) -> Option<&Body<K, V>> {
        let body = self.entry.body_as::<K, V>()?;
        (self.entry.head.owner == owner && same(&body.key)).then_some(body)
    }

    /// Whether the entry was invalidated, replaced or evicted since the stale value was served.
    pub(crate) fn is_outdated(&self) -> bool {
        self.resident && self.entry.head.is_dead()
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

    /// What was to be served did not open: the entry goes, and the hit that was counted for it.
    pub(crate) fn void(&self, refusal: Refusal) {
        let entry = &self.entry;
        let same = |other: &AnyEntry| std::ptr::addr_eq(other, std::ptr::from_ref(&**entry));
        self.store.drop_refused(entry.head.hash, refusal, &same);
        self.store.count_miss();
    }

    /// Leaves the entry alone for a while.
    fn pause(&self) {
        let now = self.store.now();
        let again = now.saturating_add(clock::ticks(PAUSE));
        let head = &self.entry.head;
        head.release_refresh(again);
        if !self.resident {
            PAUSES.begin(Mark::of(head), now, again);
        }
    }

    /// Starts a sync function in the background.
    pub fn run<R>(self, call: impl FnOnce() -> R + Send + 'static) {
        // A panic has been reported by the hook; here it is a refresh that failed.
        background::spawn_closure(move || {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(self.carry_out(call))));
        });
    }

    /// Makes a call, here and now, whose look-up takes the ticket.
    pub(crate) fn carry_out<R>(self, call: impl FnOnce() -> R) -> R {
        let _order = Order::place(self);
        call()
    }

    /// Starts an async function in the background.
    pub fn run_async<R, F>(self, call: F)
    where
        F: Future<Output = R> + Send + 'static,
    {
        background::spawn_future(async move {
            let mut call = pin!(call);
            let mut ticket = Some(self);
            poll_fn(move |cx| {
                let polled = catch_unwind(AssertUnwindSafe(|| match ticket.take() {
                    Some(order) => {
                        let _order = Order::place(order);
                        let polled = call.as_mut().poll(cx);
                        // Unless the call's look-up took it, it is for the next poll.
                        ticket = take_order();
                        polled
                    }
                    None => call.as_mut().poll(cx),
                }));
                match polled {
                    Ok(Poll::Pending) => Poll::Pending,
                    Ok(Poll::Ready(_)) | Err(_) => Poll::Ready(()),
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

/// Makes the thread's next cached call take the ticket.
struct Order;

impl Order {
    fn place(ticket: Ticket) -> Self {
        // During thread teardown the ticket is dropped: the refresh failed.
        let _ = ORDERED.try_with(|ordered| ordered.replace(Some(ticket)));
        front::with(|front| front.force(true));
        Self
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        front::with(|front| front.force(false));
        drop(take_order());
    }
}

/// The order for this thread's next cached call, if there is one.
pub(crate) fn take_order() -> Option<Ticket> {
    ORDERED.try_with(|ordered| ordered.borrow_mut().take()).ok().flatten()
}
