//! Events about invalidations.

use std::fmt;
use std::sync::Arc;

/// What a subscriber receives; called on any thread on which the event arrives.
///
/// It must return soon, must not block and must not panic: mark the copy as dead, and return. It may
/// call the backend.
pub type InvalidationListener = Arc<dyn Fn(&InvalidationEvent) + Send + Sync>;

/// Sends events when entries are deleted or replaced by any process, so that local copies can be
/// dropped.
///
/// An event is sent after the write took effect, at least once and in no particular order, even for
/// writes and deletes through this very backend. A fill with a fence or under a lock need not be
/// reported to the backend that wrote it, and not to others either if it does not say that it
/// [replaces](crate::SetOptions::replaces) what they may hold. Entries that expire or are evicted need
/// not be reported, but may be. An extra event is harmless. When events may have been lost, the backend sends a
/// [`Gap`](InvalidationEvent::Gap) before it returns anything that is read afterwards.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit_io::{Backend, BackendError, InvalidationEvent, MemoryBackend, SetOptions};
/// use std::sync::{Arc, Mutex};
///
/// # pollster::block_on(async {
/// let backend = MemoryBackend::new();
/// let seen = Arc::new(Mutex::new(Vec::new()));
///
/// let log = Arc::clone(&seen);
/// let subscription = backend
///     .events()
///     .expect("the memory backend tells")
///     .subscribe(Arc::new(move |event: &InvalidationEvent| {
///         log.lock().unwrap().push(event.clone());
///     }));
///
/// backend.set("k", Bytes::from_static(b"v"), &SetOptions::new()).await?;
/// backend.delete("k").await?;
/// drop(subscription);
/// backend.delete("unheard").await?;
///
/// assert_eq!(*seen.lock().unwrap(), [InvalidationEvent::Deleted { key: "k".into() }]);
/// # Ok::<(), BackendError>(())
/// # }).unwrap();
/// ```
pub trait InvalidationEvents: Send + Sync {
    /// Calls `listener` for every event from now on, until the subscription is dropped.
    ///
    /// A backend that must connect first does so in the background and starts with a
    /// [`Gap`](InvalidationEvent::Gap) once it listens.
    fn subscribe(&self, listener: InvalidationListener) -> Subscription;
}

/// What happened to entries that a listener may hold copies of.
///
/// `Debug` shows the length of a key, never the key.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidationEvent {
    /// The key was deleted, whether or not there was an entry. Backends that see a change but
    /// cannot tell which kind send this.
    Deleted {
        /// Which key.
        key: Arc<str>,
    },
    /// An existing entry was overwritten. Backends that cannot tell whether there was one may send
    /// this at each write.
    Replaced {
        /// Which key.
        key: Arc<str>,
    },
    /// Everything was deleted.
    Cleared,
    /// Events may have been lost: treat every copy as outdated.
    Gap,
}

impl InvalidationEvent {
    /// The key it is about; `None` if it is about all of them.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Deleted { key } | Self::Replaced { key } => Some(key),
            Self::Cleared | Self::Gap => None,
        }
    }
}

impl fmt::Debug for InvalidationEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Deleted { .. } => "Deleted",
            Self::Replaced { .. } => "Replaced",
            Self::Cleared => return f.write_str("Cleared"),
            Self::Gap => return f.write_str("Gap"),
        };
        f.debug_struct(name).field("key_len", &self.key().map_or(0, str::len)).finish()
    }
}

/// Keeps a listener subscribed; dropping it ends the subscription.
///
/// A call that is already in flight on another thread may still finish after the drop.
///
/// # Example
///
/// ```
/// use cachekit_io::Subscription;
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use std::sync::Arc;
///
/// let ended = Arc::new(AtomicBool::new(false));
/// let flag = Arc::clone(&ended);
/// let subscription = Subscription::new(move || flag.store(true, Ordering::Relaxed));
/// drop(subscription);
/// assert!(ended.load(Ordering::Relaxed));
/// ```
#[must_use = "dropping a subscription ends it"]
pub struct Subscription {
    end: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Subscription {
    /// A subscription that ends by calling `end`, once.
    pub fn new(end: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self { end: Some(Box::new(end)) }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end();
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}
