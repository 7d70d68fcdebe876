//! Client-side tracking: the server sends events about changes of everything that a connection read.

use super::super::cluster::{is_cut_off, state_command};
use super::super::connection::Connection;
use super::super::failure::{Failure, Then};
use super::Shared;
use crate::InvalidationEvent;
use ::redis::{PushInfo, PushKind, Value};
use futures_util::future::join_all;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often a connection is pinged while there is a listener. If a connection breaks silently, changes go
/// unnoticed for at most this plus the patience.
pub(super) const ASK_EVERY: Duration = Duration::from_secs(1);
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

impl Shared {
    /// Handles a push message of a server.
    pub(super) fn pushed(&self, generation: u64, info: &PushInfo) {
        // The end of the connection is handled elsewhere.
        if info.kind != PushKind::Invalidate {
            return;
        }
        match info.data.as_slice() {
            [Value::Array(names)] => {
                for name in names {
                    match name {
                        Value::BulkString(name) if self.echoes.keep(generation, name) => {}
                        Value::BulkString(name) => self.changed(name),
                        // An event about an unknown key.
                        _ => self.gap(),
                    }
                }
            }
            // All keys: FLUSHALL, FLUSHDB, or a replica that starts over.
            [Value::Nil] => self.listeners.publish(|| InvalidationEvent::Cleared),
            _ => self.gap(),
        }
    }

    /// Turns tracking on or off, depending on whether there is a listener.
    pub(super) async fn settle(self: Arc<Self>) {
        let _one_at_a_time = self.switching.lock().await;
        let wanted = self.is_wanted();
        let connections: Vec<_> = {
            let mut all = self.connections();
            if !wanted {
                all.values_mut().for_each(|known| known.tracks_from_the_start = false);
            }
            // The others turn tracking on themselves, before they are used.
            let used_before = all.values().filter(|known| !known.tracks_from_the_start);
            used_before.filter_map(|known| known.connection.upgrade()).collect()
        };
        let differing = connections
            .iter()
            .filter(|connection| connection.is_heard() != wanted && !connection.is_closed());
        let switched = join_all(differing.map(|connection| self.switch(connection, wanted))).await;
        if wanted {
            if !self.watching.swap(true, Ordering::SeqCst) {
                self.background.spawn(watch(Arc::downgrade(&self)));
            }
            // No server sends events about what was read over these connections before. A connection that is
            // opened from now on tracks before it is used.
            if !switched.is_empty() {
                self.gap();
            }
        }
    }

    /// Turns tracking on or off for a connection. If that fails without a clear answer, the connection is
    /// closed.
    pub(super) async fn switch(self: &Arc<Self>, connection: &Arc<Connection>, on: bool) {
        let mut command = ::redis::cmd("CLIENT");
        command.arg("TRACKING").arg(if on { "ON" } else { "OFF" });
        if on && !connection.takes_pushes() {
            return self.use_channel();
        }
        if !on {
            connection.heard().store(false, Ordering::SeqCst);
        }
        let asked = connection.ask(&command);
        match self.background.before(Instant::now() + PATIENCE, asked).await {
            Some(Ok(_)) => connection.heard().store(on, Ordering::SeqCst),
            Some(Err(Failure { then: Then::Stop, .. })) if on => self.use_channel(),
            _ => connection.close(),
        }
    }

    /// No more events arrive over a connection.
    pub(super) fn lost(&self, heard: &AtomicBool) {
        if heard.swap(false, Ordering::SeqCst) {
            self.gap();
        }
    }

    /// Checks whether the server still sends all events.
    pub(super) async fn check(&self, connection: &Connection) {
        // A primary answers at once. A server that became a replica answers with an error: it may
        // have lost its primary, and then receives no changes. Neither does a primary that the rest of its Cluster has
        // replaced, and it does not know that: it only knows that it is cut off.
        let backend = self.backend();
        let cluster = backend.as_ref().and_then(|backend| backend.topology.cluster());
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("WAIT").arg(0).arg(0);
        if cluster.is_some() {
            pipeline.add_command(state_command());
        }
        let asked = connection.many(&pipeline);
        let answers = self.background.before(Instant::now() + PATIENCE, asked).await;
        let answers = answers.and_then(Result::ok).unwrap_or_default();
        let is_primary = match answers.first() {
            Some(Value::ServerError(error)) => !is_demoted(error),
            answer => answer.is_some(),
        };
        let is_alone = match cluster.filter(|_| answers.get(1).is_some_and(is_cut_off)) {
            Some(cluster) => {
                // If most of the primaries say so, none is replaced, and copies are as good as before.
                self.background.before(Instant::now() + PATIENCE, cluster.refresh()).await;
                !cluster.has_failed()
            }
            None => false,
        };
        if !is_primary || is_alone || connection.is_closed() {
            connection.close();
            self.lost(connection.heard());
        }
    }
}

/// Whether a refusal of `WAIT` means that the server is a replica.
pub(super) fn is_demoted(error: &::redis::ServerError) -> bool {
    error.code() == "ERR" && error.details().is_some_and(|details| details.contains("replica"))
}

/// Pings all connections while there is a listener.
async fn watch(shared: Weak<Shared>) {
    loop {
        let Some(this) = shared.upgrade() else { return };
        let background = this.background;
        if !this.is_wanted() {
            this.watching.store(false, Ordering::SeqCst);
            // A listener may have subscribed meanwhile, and have found this task still running.
            if !this.is_wanted() || this.watching.swap(true, Ordering::SeqCst) {
                return;
            }
        }
        let heard: Vec<_> = this
            .connections()
            .values()
            .filter(|known| known.is_heard())
            .map(|known| (known.connection.upgrade(), Arc::clone(&known.heard)))
            .collect();
        let events = &this;
        join_all(heard.iter().map(|(connection, heard)| async move {
            match connection {
                Some(connection) => events.check(connection).await,
                None => events.lost(heard),
            }
        }))
        .await;
        drop((heard, this));
        background.sleep(Instant::now() + ASK_EVERY).await;
    }
}
