//! The memory tier listens to what its backend says of changes: an entry that was deleted or replaced there, by
//! whatever process, is dropped here.
//!
//! There is one subscription for each backend, made when a function first keeps a copy of what belongs there. An
//! entry is entered in an [`Index`](index::Index) before the backend is asked for its value, so that an event finds
//! it whether its value is still on its way or there already; the event kills it, which is what every invalidation
//! does, and what a hit looks at anyway.
//!
//! A process hears of its own writes, too, and an event does not say whose it is. So what was written here is only
//! dropped if the backend has something else now: see [`own`].

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cachekit_io::{Backend, InvalidationEvent, Subscription};

use self::blind::Blind;
use self::bury::Graveyard;
use self::index::{Index, Reason, Told};
use crate::contained::contained;
use crate::entry::Fate;
use crate::scope;
use crate::scope::pending::Pending;
use crate::store::StoreRef;

mod blind;
mod bury;
pub(crate) mod index;
mod own;
#[cfg(test)]
mod tests;

pub(super) use self::own::Own;

/// What one backend says of changes, and the copies that this process has of its values.
pub(crate) struct Coherence {
    index: Index,
    graveyard: Graveyard,
    backend: Weak<dyn Backend>,
    kind: &'static str,
    /// What goes on in the background of the test scope, or of the process.
    pending: Arc<Pending>,
    subscription: Mutex<Option<Subscription>>,
    ended: AtomicBool,
    /// Looks at what may be the echo of an own write.
    looks: AtomicUsize,
    blind: Blind,
}

impl Coherence {
    /// Subscribes to a backend's news. `None` if it tells none.
    pub(super) fn subscribe(backend: &Arc<dyn Backend>) -> Option<Arc<Self>> {
        // A backend that panics tells nothing.
        let told = contained(|| {
            let events = backend.events()?;
            let coherence = Arc::new(Self::new(backend));
            // Weak: the backend must not keep alive what ends the subscription.
            let listener = Arc::downgrade(&coherence);
            let subscription = events.subscribe(Arc::new(move |event: &InvalidationEvent| {
                if let Some(coherence) = listener.upgrade() {
                    coherence.hear(event);
                }
            }));
            *coherence.subscription() = Some(subscription);
            Some(coherence)
        });
        told.flatten()
    }

    fn new(backend: &Arc<dyn Backend>) -> Self {
        Self {
            index: Index::new(),
            graveyard: Graveyard::default(),
            backend: Arc::downgrade(backend),
            kind: backend.backend_type(),
            pending: scope::background(),
            subscription: Mutex::default(),
            ended: AtomicBool::new(false),
            looks: AtomicUsize::new(0),
            blind: Blind::default(),
        }
    }

    fn subscription(&self) -> MutexGuard<'_, Option<Subscription>> {
        self.subscription.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the events of a key end this entry; asked before the backend is asked for its value. Where no event comes
    /// any more, the entry is not kept.
    pub(super) fn cover(self: &Arc<Self>, key: &str, fate: &Arc<Fate>, store: &StoreRef) {
        if !self.index.cover(key, fate, store) {
            fate.kill();
        }
        self.graveyard.look_after(self);
    }

    /// Called by the backend, on a thread of its own: nothing here blocks, and no user code runs.
    fn hear(self: &Arc<Self>, event: &InvalidationEvent) {
        let told = match event {
            InvalidationEvent::Cleared => self.index.flush(Reason::Cleared),
            // What this version does not know of is treated as the worst.
            event => match event.key() {
                Some(key) => self.tell(key),
                None => self.index.flush(Reason::Gap),
            },
        };
        self.bury(told);
    }

    fn tell(self: &Arc<Self>, key: &str) -> Told {
        let mut told = self.index.tell(key);
        for (copy, entry, put) in told.doubted.drain(..) {
            own::look(self, key, (copy, entry), put);
        }
        told
    }

    /// Ends the subscription; what it covered is served no more.
    pub(super) fn end(self: &Arc<Self>) {
        if self.ended.swap(true, Ordering::SeqCst) {
            return;
        }
        let subscription = self.subscription().take();
        contained(|| drop(subscription));
        self.bury(self.index.end());
    }

    /// Has what is dead dropped in the background.
    fn bury(self: &Arc<Self>, told: Told) {
        self.graveyard.bury(self, told);
    }
}
