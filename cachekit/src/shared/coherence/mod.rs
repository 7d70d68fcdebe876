//! The memory tier receives its backend's events about changes: an entry that any process deleted or replaced there
//! is dropped here.
//!
//! There is one subscription for each backend, created when a function first keeps a copy of one of its values. An
//! entry is registered in an [`Index`](index::Index) before its value is requested from the backend, so that an
//! event finds it whether its value is still in transit or already here. The event kills the entry, as every
//! invalidation does; every hit checks for that anyway.
//!
//! A process also receives events about its own writes, and an event does not say who caused it. So an entry that
//! was written here is only dropped if the backend has another value now: see [`own`].

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use cachekit_io::{Backend, InvalidationEvent, Subscription};

use self::blind::Blind;
use self::bury::Graveyard;
use self::index::{Index, Reason, Told};
use crate::contained::{contained, lock};
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

/// The events of one backend, and the copies of its values in this process.
pub(crate) struct Coherence {
    index: Index,
    graveyard: Graveyard,
    backend: Weak<dyn Backend>,
    kind: &'static str,
    /// The background work of the test scope, or of the process.
    pending: Arc<Pending>,
    subscription: Mutex<Option<Subscription>>,
    ended: AtomicBool,
    /// Looks at entries whose event may be the echo of an own write.
    looks: AtomicUsize,
    blind: Blind,
}

impl Coherence {
    /// Subscribes to a backend's events. `None` if it sends none.
    pub(super) fn subscribe(backend: &Arc<dyn Backend>) -> Option<Arc<Self>> {
        // A backend that panics sends no events.
        let told = contained(|| {
            let events = backend.events()?;
            let coherence = Arc::new(Self::new(backend));
            // Weak: the backend must not keep alive the object whose drop ends the subscription.
            let listener = Arc::downgrade(&coherence);
            let subscription = events.subscribe(Arc::new(move |event: &InvalidationEvent| {
                if let Some(coherence) = listener.upgrade() {
                    coherence.hear(event);
                }
            }));
            *lock(&coherence.subscription) = Some(subscription);
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

    /// Makes the events of a key kill this entry; called before its value is requested from the backend. If no
    /// events arrive any more, the entry is not kept.
    pub(super) fn cover(self: &Arc<Self>, key: &str, fate: &Arc<Fate>, store: &StoreRef) {
        if !self.index.cover(key, fate, store) {
            fate.kill();
        }
        self.graveyard.look_after(self);
    }

    /// Called by the backend, on its own thread: nothing here blocks, and no user code runs.
    fn hear(self: &Arc<Self>, event: &InvalidationEvent) {
        let told = match event {
            InvalidationEvent::Cleared => self.index.flush(Reason::Cleared),
            // An event that this version does not know is treated as the worst case.
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

    /// Ends the subscription; the copies that it covered are no longer served.
    pub(super) fn end(self: &Arc<Self>) {
        if self.ended.swap(true, Ordering::SeqCst) {
            return;
        }
        let subscription = lock(&self.subscription).take();
        contained(|| drop(subscription));
        self.bury(self.index.end());
    }

    /// Drops dead copies in the background.
    fn bury(self: &Arc<Self>, told: Told) {
        self.graveyard.bury(self, told);
    }
}
