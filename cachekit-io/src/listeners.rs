//! The listeners that receive invalidation events.

use crate::{InvalidationEvent, InvalidationListener, Subscription};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The subscribed listeners, in the order of subscription.
#[derive(Clone, Default)]
pub(crate) struct Listeners(Arc<Mutex<Registered>>);

#[derive(Default)]
struct Registered {
    listeners: Arc<[(u64, InvalidationListener)]>,
    next: u64,
}

impl Listeners {
    /// Adds a listener until the subscription is dropped.
    pub(crate) fn subscribe(&self, listener: InvalidationListener) -> Subscription {
        let mut registered = self.registered();
        let number = registered.next;
        registered.next += 1;
        let known = registered.listeners.iter().cloned();
        let listeners = known.chain([(number, listener)]).collect();
        registered.listeners = listeners;
        drop(registered);

        let all = self.clone();
        Subscription::new(move || all.remove(number))
    }

    /// Calls all listeners. No lock is held meanwhile, so a listener may subscribe or call the backend.
    pub(crate) fn publish(&self, event: impl FnOnce() -> InvalidationEvent) {
        let listeners = Arc::clone(&self.registered().listeners);
        if listeners.is_empty() {
            return;
        }
        let event = event();
        for (_, listener) in listeners.iter() {
            listener(&event);
        }
    }

    /// How many there are.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn count(&self) -> usize {
        self.registered().listeners.len()
    }

    fn remove(&self, number: u64) {
        let mut registered = self.registered();
        let others = registered.listeners.iter().filter(|(known, _)| *known != number);
        let others = others.cloned().collect();
        let dropped = std::mem::replace(&mut registered.listeners, others);
        // Dropping what the listener captured may do anything, including subscribing.
        drop(registered);
        drop(dropped);
    }

    fn registered(&self) -> MutexGuard<'_, Registered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
