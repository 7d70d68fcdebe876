//! The changes that are still to be published on the channel, because they could not be published together with the
//! change itself.

use super::super::Shared as Backend;
use super::super::failure::{Failure, Then};
use super::message::{CHANNEL, Message};
use super::tracking::{PATIENCE, is_demoted};
use super::{PAUSES, Shared};
use crate::BackendErrorKind;
use ::redis::Value;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many keys may wait to be published. Above that, one message says that everything changed.
const LIMIT: usize = 4096;
/// How many keys are put into one message, if they find room.
const AT_ONCE: usize = 1024;
/// How long what cannot be told is kept.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// For how long nothing is published after the server refused a message.
    pub(super) silence: Duration,
    /// How long a dropped client is kept alive to publish what it could not publish yet.
    pub(super) linger: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);
const USUAL: Patience = Patience { silence: MINUTE, linger: MINUTE };

/// The changes still to be told. A key is in it once, however often it changed.
#[derive(Default)]
pub(super) struct Outbox(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    names: HashSet<Box<str>>,
    /// Everything changed: the names do not matter.
    all: bool,
    /// Whether a task is at work.
    sending: bool,
    silent_until: Option<Instant>,
}

impl Waiting {
    fn add(&mut self, name: &str) {
        if !self.all && self.names.len() >= LIMIT {
            self.all = true;
            self.names = HashSet::new();
        }
        if !self.all {
            self.names.insert(name.into());
        }
    }

    /// Whether nothing is left to be told; then the task counts as ended.
    fn ends(&mut self) -> bool {
        self.sending = self.all || !self.names.is_empty();
        !self.sending
    }
}

impl Outbox {
    /// Takes note of a change, to be told at once and until it was.
    pub(super) fn add(&self, shared: &Arc<Shared>, name: &str) {
        let Some(backend) = shared.backend() else { return };
        if self.note(name) {
            shared.background.spawn(send(Arc::clone(shared), backend, USUAL));
        }
    }

    /// Takes note of a change; whether a task has to be started that tells it.
    pub(super) fn note(&self, name: &str) -> bool {
        let mut waiting = self.lock();
        if waiting.silent_until.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        waiting.add(name);
        !std::mem::replace(&mut waiting.sending, true)
    }

    /// Whether the server refused a message a moment ago.
    pub(super) fn is_silent(&self) -> bool {
        self.lock().silent_until.is_some_and(|until| Instant::now() < until)
    }

    /// The server does not let this user publish. What was and is not told is told in one word afterwards, by the task
    /// that is at work.
    fn refused(&self, silence: Duration) -> Instant {
        let until = Instant::now() + silence;
        let silent_until = Some(until);
        *self.lock() = Waiting { silent_until, all: true, sending: true, ..Waiting::default() };
        until
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells what waits until nothing does. It owns the backend: a client may be dropped right after a delete. It does not while
/// it may not publish.
pub(super) async fn send(mut shared: Arc<Shared>, mut backend: Arc<Backend>, patience: Patience) {
    let mut failures: u32 = 0;
    let mut alone: Option<Instant> = None;
    loop {
        let again = match shared.send_some(&backend).await {
            Ok(true) => return,
            Ok(false) => {
                failures = 0;
                continue;
            }
            Err(Failure { then: Then::Stop, kind, .. }) if kind != BackendErrorKind::Transient => {
                let until = shared.outbox.refused(patience.silence);
                let (background, held) = (shared.background, Arc::downgrade(&backend));
                drop((shared, backend));
                if held.strong_count() == 0 {
                    return;
                }
                background.sleep(until).await;
                let Some(still) = held.upgrade() else { return };
                shared = Arc::clone(&still.events.0);
                backend = still;
                continue;
            }
            Err(_) => {
                failures = failures.saturating_add(1);
                Instant::now() + PAUSES.wait(failures - 1)
            }
        };
        if Arc::strong_count(&backend) > 1 {
            alone = None;
        } else if alone.get_or_insert_with(Instant::now).elapsed() >= patience.linger {
            return;
        }
        shared.background.sleep(again).await;
    }
}

impl Shared {
    /// Publishes as much as one message holds; whether that was all.
    async fn send_some(&self, backend: &Backend) -> Result<bool, Failure> {
        let (message, names, all) = {
            let mut waiting = self.outbox.lock();
            if waiting.ends() {
                return Ok(true);
            }
            let mut names: Vec<_> = waiting.names.iter().take(AT_ONCE).cloned().collect();
            let bytes = names.iter().map(|name| name.as_bytes()).collect();
            let message = if waiting.all { Message::All } else { Message::Changed(bytes) };
            let (message, said) = message.encode(self.channel.sender());
            names.truncate(said);
            // What changes again from here on is told again.
            for name in &names {
                waiting.names.remove(name);
            }
            (message, names, std::mem::take(&mut waiting.all))
        };
        let sent = self.publish(backend, &message).await;
        let mut waiting = self.outbox.lock();
        if sent.is_err() {
            waiting.all |= all;
            for name in &names {
                waiting.add(name);
            }
        }
        sent?;
        Ok(waiting.ends())
    }

    /// Sends a message to all listeners at the channel.
    pub(super) async fn publish(&self, backend: &Backend, message: &[u8]) -> Result<(), Failure> {
        let deadline = Instant::now() + 2 * PATIENCE;
        let publish = async {
            let primaries = backend.topology.primaries().await?;
            let node = fastrand::choice(&primaries).ok_or_else(Failure::malformed)?;
            let mut pipeline = ::redis::pipe();
            // A server that became a replica takes the message and tells no client.
            pipeline.cmd("WAIT").arg(0).arg(0);
            pipeline.cmd("PUBLISH").arg(CHANNEL).arg(message);
            // Only the answer to the message itself says that this user may not publish.
            let connection =
                node.connection().await.map_err(|failure| failure.and_then(Then::Elsewhere))?;
            let answers = connection.many(&pipeline).await;
            match answers.map_err(|error| Failure::of(&error))?.as_slice() {
                [Value::ServerError(error), _] if is_demoted(error) => {
                    backend.topology.doubt(Some(node), true).await;
                    Err(Failure::new(
                        BackendErrorKind::Transient,
                        Then::Demoted,
                        "the server is a replica",
                    ))
                }
                [_, Value::ServerError(error)] => Err(Failure::server(error)),
                _ => Ok(()),
            }
        };
        let slow = || Err(Failure::new(BackendErrorKind::Timeout, Then::Elsewhere, "too slow"));
        self.background.before(deadline, publish).await.unwrap_or_else(slow)
    }
}
