//! Tells of what this backend changes: its own listeners, and other clients over the channel.
//!
//! The message is sent right behind the change, over the same connection: that costs no round trip, and a change that is
//! confirmed has been told, even if the process ends then. What the server does not take is left to the outbox.

use super::super::connection::Connection;
use super::super::failure::Failure;
use super::super::request::Request;
use super::Events;
use super::message::{CHANNEL, Message};
use crate::InvalidationEvent;
use ::redis::{Pipeline, Value};
use futures_util::future::join;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

type MakeEvent = fn(Arc<str>) -> InvalidationEvent;

/// Tells of a change that this backend makes, when it is dropped: the change may have taken effect even if
/// the operation failed or was given up.
#[must_use]
pub(in super::super) struct Telling<'a> {
    events: &'a Events,
    key: &'a str,
    /// What this backend's own listeners are told.
    own: Option<MakeEvent>,
    /// Other clients need not be told any more.
    settled: AtomicBool,
}

impl Events {
    /// This backend is about to delete the key. The event is sent when the guard is dropped, however the operation
    /// ends.
    pub(in super::super) fn deletes<'a>(&'a self, key: &'a str) -> Telling<'a> {
        self.telling(key, Some(|key| InvalidationEvent::Deleted { key }))
    }

    /// This backend is about to overwrite the key.
    pub(in super::super) fn replaces<'a>(&'a self, key: &'a str) -> Telling<'a> {
        self.telling(key, Some(|key| InvalidationEvent::Replaced { key }))
    }

    /// The same with a fence or under a lock. Own listeners are not told of that.
    pub(in super::super) fn overtakes<'a>(&'a self, key: &'a str) -> Telling<'a> {
        self.telling(key, None)
    }

    fn telling<'a>(&'a self, key: &'a str, own: Option<MakeEvent>) -> Telling<'a> {
        Telling { events: self, key, own, settled: AtomicBool::new(false) }
    }

    /// Tells other clients of these changes, over the connection to which they were handed just before. Returns when
    /// the server has answered.
    pub(in super::super) async fn announce(
        &self,
        connection: &Connection,
        tellings: &[&Telling<'_>],
    ) {
        let shared = &self.0;
        if tellings.is_empty() || shared.outbox.is_silent() {
            return;
        }
        let names: Vec<_> =
            tellings.iter().map(|telling| shared.names.entry(telling.key)).collect();
        let mut names: Vec<_> = names.iter().map(|name| name.as_bytes()).collect();
        let (mut messages, mut sizes) = (Pipeline::new(), Vec::new());
        while !names.is_empty() {
            let message = Message::Changed(names.clone());
            let (message, said) = message.encode(shared.channel.sender());
            messages.cmd("PUBLISH").arg(CHANNEL).arg(message);
            sizes.push(said);
            names.drain(..said);
        }
        // Of what is not taken, the outbox finds out why.
        let Ok(answers) = connection.many(&messages).await else { return };
        let mut rest = tellings;
        for (answer, said) in answers.iter().zip(sizes) {
            let (told, others) = rest.split_at(said.min(rest.len()));
            rest = others;
            for telling in told {
                telling.settled.store(matches!(answer, Value::Int(_)), Ordering::Relaxed);
            }
        }
    }
}

impl Telling<'_> {
    /// The channel and the message, for a script that changes the entry and tells of it. `None` if it need not try.
    pub(in super::super) fn message(&self) -> Option<(&'static str, Vec<u8>)> {
        let shared = &self.events.0;
        let name = shared.names.entry(self.key);
        let message = Message::Changed(vec![name.as_bytes()]);
        (!shared.outbox.is_silent()).then(|| (CHANNEL, message.encode(shared.channel.sender()).0))
    }

    /// Other clients were told, or nothing changed.
    pub(in super::super) fn settle(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }

    /// The change may yet happen, or may have happened after it was told.
    pub(in super::super) fn reopen(&self) {
        self.settled.store(false, Ordering::Relaxed);
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        let shared = &self.events.0;
        // A forked child changed nothing: the operation failed. Locks of its parent's threads may stay locked there.
        if !shared.background.is_of_this_process() {
            return;
        }
        if let Some(event) = self.own {
            shared.listeners.publish(|| event(self.key.into()));
        }
        // Clients that track hear it from the server.
        if !self.settled.load(Ordering::Relaxed) {
            shared.outbox.add(shared, &shared.names.entry(self.key));
        }
    }
}

/// A request that changes an entry, with the message about it right behind. Not for scripts: these may have to be sent
/// twice, and then the message would come before the change.
pub(in super::super) struct Announced<'a, R> {
    pub(in super::super) telling: &'a Telling<'a>,
    pub(in super::super) request: R,
}

impl<R> Announced<'_, R> {
    async fn and_tell<T>(
        &self,
        connection: &Connection,
        sent: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let tellings = [self.telling];
        // The first poll hands the request to the connection, before the message.
        let (answer, ()) = join(sent, self.telling.events.announce(connection, &tellings)).await;
        if answer.is_err() {
            self.telling.reopen();
        }
        answer
    }
}

impl<R: Request> Request for Announced<'_, R> {
    type Answer = R::Answer;

    async fn send(&self, connection: &Connection) -> Result<R::Answer, Failure> {
        self.and_tell(connection, self.request.send(connection)).await
    }

    fn written(&self) -> Option<&str> {
        self.request.written()
    }

    async fn send_asking(&self, connection: &Connection) -> Result<R::Answer, Failure> {
        self.and_tell(connection, self.request.send_asking(connection)).await
    }
}
