//! Events about changes by other clients.
//!
//! With client-side tracking, the server remembers what each connection reads, and sends an event when any of that
//! changes, whichever client changes it and for whatever reason. A connection is used for operations only once
//! tracking is on, so as long as it exists, the server reports changes of everything that was read over it. When it
//! ends, or shows no sign of life, any entry may have changed, and listeners get a gap.
//!
//! If tracking is refused (no permission, no RESP3, a proxy), clients notify each other over a channel. Then there
//! are no events about fills, changes by other programs, expiry or eviction. A fenced write that replaces what other
//! clients may hold says so ([`SetOptions::replaces`](crate::SetOptions::replaces)), and is published.
//!
//! While neither works, a gap follows each operation before the caller has the answer, so nothing is kept. Fills are
//! written all the same, if their fence holds.

mod channel;
mod echo;
mod message;
mod outbox;
mod proof;
mod telling;
mod tracking;

#[cfg(test)]
mod tests;

pub(super) use self::echo::Quiet;
pub(super) use self::telling::{Announced, Telling};

use self::channel::Channel;
use self::echo::Echoes;
use self::outbox::Outbox;
use super::connection::{Connection, ConnectionId, LinkWatcher, PushSink};
use super::keys::Names;
use crate::backoff::Backoff;
use crate::listeners::Listeners;
use crate::runtime::Background;
use crate::{BoxFuture, InvalidationEvent, InvalidationListener, Subscription};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// Before the channel is tried again.
const PAUSES: Backoff = Backoff::half(Duration::from_millis(50), Duration::from_secs(5));

/// What a backend tells its listeners.
#[derive(Clone)]
pub(super) struct Events(Arc<Shared>);

struct Shared {
    listeners: Listeners,
    /// How many there are.
    subscribed: AtomicUsize,
    names: Names,
    background: Background,
    /// The connections in use, by their generation.
    connections: Mutex<HashMap<u64, Known>>,
    /// Held while tracking is turned on or off for all of them.
    switching: tokio::sync::Mutex<()>,
    /// Whether signs of life are asked for.
    watching: AtomicBool,
    echoes: Echoes,
    channel: Channel,
    outbox: Outbox,
    backend: OnceLock<Weak<super::Shared>>,
}

struct Known {
    connection: Weak<Connection>,
    heard: Arc<AtomicBool>,
    /// There was a listener when it was made: nothing is read over it before tracking is on.
    tracks_from_the_start: bool,
}

impl Events {
    pub(super) fn new(names: Names, background: Background) -> Self {
        Self(Arc::new(Shared {
            listeners: Listeners::default(),
            subscribed: AtomicUsize::new(0),
            names,
            background,
            connections: Mutex::default(),
            switching: tokio::sync::Mutex::default(),
            watching: AtomicBool::new(false),
            echoes: Echoes::default(),
            channel: Channel::default(),
            outbox: Outbox::default(),
            backend: OnceLock::new(),
        }))
    }

    /// The backend whose connections are used.
    pub(super) fn belongs_to(&self, backend: Weak<super::Shared>) {
        // It is called once.
        let _ = self.0.backend.set(backend);
    }

    /// Hears of the connections that are made.
    pub(super) fn watcher(&self) -> Arc<dyn LinkWatcher> {
        Arc::new(Watcher(Arc::clone(&self.0)))
    }

    pub(super) fn subscribe(&self, listener: InvalidationListener) -> Subscription {
        let shared = Arc::clone(&self.0);
        let subscription = shared.listeners.subscribe(listener);
        shared.subscribed.fetch_add(1, Ordering::SeqCst);
        shared.background.spawn(Arc::clone(&shared).settle());
        Subscription::new(move || {
            drop(subscription);
            shared.subscribed.fetch_sub(1, Ordering::SeqCst);
            shared.background.spawn(Arc::clone(&shared).settle());
        })
    }

    /// Whether entries that are filled have to be read again in the same step, to be tracked.
    pub(super) fn is_wanted(&self) -> bool {
        self.0.is_wanted()
    }

    /// This connection was used: sends a gap if no event would report changes of what was read or written over it.
    pub(super) fn used(&self, connection: &Connection) {
        let shared = &self.0;
        if shared.is_wanted() && !connection.is_heard() && !shared.channel.is_heard() {
            shared.gap();
        }
    }
}

impl Shared {
    fn is_wanted(&self) -> bool {
        self.subscribed.load(Ordering::SeqCst) > 0
    }

    /// The entry of this name changed.
    fn changed(&self, name: &[u8]) {
        // Other names are of what stands beside entries, or of others' keys.
        let key = std::str::from_utf8(name).ok().and_then(|name| self.names.key(name));
        if let Some(key) = key {
            self.listeners.publish(|| InvalidationEvent::Deleted { key: key.into() });
        }
    }

    fn gap(&self) {
        self.listeners.publish(|| InvalidationEvent::Gap);
    }

    fn backend(&self) -> Option<Arc<super::Shared>> {
        self.backend.get()?.upgrade()
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Known>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What connections report to.
struct Watcher(Arc<Shared>);

impl LinkWatcher for Watcher {
    fn push_sink(&self, connection: &ConnectionId) -> Option<PushSink> {
        let (shared, generation) = (Arc::clone(&self.0), connection.generation);
        Some(Arc::new(move |info| shared.pushed(generation, &info)))
    }

    fn opened<'a>(&'a self, connection: &'a Arc<Connection>) -> BoxFuture<'a, ()> {
        let shared = &self.0;
        let mut connections = shared.connections();
        // Asked with the links locked: a listener that comes later finds the connection among them.
        let wanted = shared.is_wanted();
        let known = Known {
            connection: Arc::downgrade(connection),
            heard: Arc::clone(connection.heard()),
            tracks_from_the_start: wanted,
        };
        // Where there are no push messages, the end of a connection is not reported.
        connections.retain(|_, known| known.connection.strong_count() > 0 || known.is_heard());
        connections.insert(connection.id().generation, known);
        drop(connections);
        Box::pin(async move {
            if wanted {
                shared.switch(connection, true).await;
            }
        })
    }

    fn closed(&self, connection: &ConnectionId) {
        let known = self.0.connections().remove(&connection.generation);
        if let Some(known) = known {
            self.0.lost(&known.heard);
        }
    }
}

impl Known {
    fn is_heard(&self) -> bool {
        self.heard.load(Ordering::SeqCst)
    }
}
