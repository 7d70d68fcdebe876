//! The channel over which clients tell each other, where the server does not let them track.

use super::super::connection::too_slow;
use super::super::failure::{Failure, Then};
use super::message::{CHANNEL, Message, Sender};
use super::tracking::{ASK_EVERY, PATIENCE};
use super::{PAUSES, Shared};
use crate::BackendErrorKind;
use ::redis::Msg;
use ::redis::aio::{PubSubSink, PubSubStream};
use futures_util::StreamExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;
use tokio::sync::{Notify, watch};

/// Whether the channel is listened at.
pub(super) struct Channel {
    sender: Sender,
    listening: AtomicBool,
    heard: AtomicBool,
    state: watch::Sender<State>,
    /// Has the next attempt to listen begin without a pause.
    hurry: Arc<Notify>,
}

/// How listening goes.
#[derive(Default)]
struct State {
    heard: bool,
    /// How many of this backend's own probes came back.
    returned: u64,
    /// How many attempts to listen failed, and why the last one did.
    failures: u64,
    failure: Option<Failure>,
}

impl Default for Channel {
    fn default() -> Self {
        Self {
            sender: uuid::Uuid::new_v4().into_bytes(),
            listening: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            state: watch::Sender::default(),
            hurry: Arc::default(),
        }
    }
}

impl Channel {
    /// How this backend signs its messages.
    pub(super) fn sender(&self) -> Sender {
        self.sender
    }

    /// Whether messages on the channel arrive here.
    pub(super) fn is_heard(&self) -> bool {
        self.heard.load(Ordering::SeqCst)
    }

    fn set_heard(&self, heard: bool) {
        self.heard.store(heard, Ordering::SeqCst);
        self.state.send_modify(|state| state.heard = heard);
    }
}

impl Shared {
    /// Listens at the channel from now on, while there is a listener.
    pub(super) fn use_channel(self: &Arc<Self>) {
        if !self.channel.listening.swap(true, Ordering::SeqCst) {
            self.background.spawn(listen(Arc::downgrade(self)));
        }
    }

    /// Whether there is a reason to listen.
    fn listens(&self) -> bool {
        self.is_wanted() && self.backend().is_some()
    }

    /// Listens until the subscription is in doubt.
    async fn hear(&self) -> Result<(), Failure> {
        let Some(backend) = self.backend() else { return Ok(()) };
        let primaries = backend.topology.primaries().await?;
        let node = fastrand::choice(&primaries).ok_or_else(Failure::malformed)?;
        let (mut sink, mut stream) = node.listen().await?.split();
        let deadline = Instant::now() + PATIENCE;
        let subscribed = self.background.before(deadline, sink.subscribe(CHANNEL)).await;
        let subscribed = subscribed.ok_or_else(too_slow)?.map_err(|error| Failure::of(&error));
        subscribed.map_err(|failure| {
            forbidden(
                failure,
                "the user may not subscribe (grant +subscribe and &cachekit:rust:invalidate:v1)",
            )
        })?;
        let address = node.address().clone();
        drop((primaries, backend));

        self.probe().await?;
        let deadline = Instant::now() + 2 * PATIENCE;
        loop {
            match self.background.before(deadline, stream.next()).await {
                Some(Some(message)) if self.take(&message) => break,
                Some(Some(_)) => {}
                Some(None) => return Err(lost()),
                None => return Err(unreturned()),
            }
        }
        self.channel.set_heard(true);
        self.gap();
        while self.listens() && self.go_on(&mut sink, &mut stream).await {
            let Some(backend) = self.backend() else { break };
            // After a failover others speak at another server.
            let primaries = backend.topology.primaries();
            let known = self.background.before(Instant::now() + PATIENCE, primaries).await;
            let is_primary = matches!(known, Some(Ok(nodes)) if nodes.iter().any(|node| *node.address() == address));
            if !is_primary {
                break;
            }
        }
        self.channel.set_heard(false);
        self.gap();
        Ok(())
    }

    /// Says something that only this backend itself has to hear.
    pub(super) async fn probe(&self) -> Result<(), Failure> {
        let backend = self.backend().ok_or_else(Failure::malformed)?;
        let (probe, _) = Message::Probe.encode(self.channel.sender);
        let said = self.publish(&backend, &probe).await;
        said.map_err(|failure| {
            forbidden(
                failure,
                "the user may not publish (grant +publish and &cachekit:rust:invalidate:v1)",
            )
        })
    }

    /// Has something said over the channel come back, before the deadline.
    pub(super) async fn round_trip(self: &Arc<Self>, deadline: Instant) -> Result<(), Failure> {
        let mut state = self.channel.state.subscribe();
        let failures = state.borrow_and_update().failures;
        self.use_channel();
        self.channel.hurry.notify_one();
        let answered = async {
            let decided = |state: &State| state.heard || state.failures > failures;
            // It cannot be closed while this borrows the sender.
            let returned = match state.wait_for(decided).await {
                Ok(state) if state.heard => state.returned,
                Ok(state) => return Err(state.failure.clone().unwrap_or_else(unreturned)),
                Err(_) => return Err(unreturned()),
            };
            self.probe().await?;
            // Unless the subscription is lost meanwhile.
            let decided = |state: &State| state.returned > returned || !state.heard;
            match state.wait_for(decided).await {
                Ok(state) if state.returned > returned => Ok(()),
                _ => Err(lost()),
            }
        };
        self.background.before(deadline, answered).await.unwrap_or_else(|| Err(unreturned()))
    }

    /// Takes what arrives for a while; whether it may go on like that.
    async fn go_on(&self, sink: &mut PubSubSink, stream: &mut PubSubStream) -> bool {
        let until = Instant::now() + ASK_EVERY;
        loop {
            match self.background.before(until, stream.next()).await {
                Some(Some(message)) => {
                    self.take(&message);
                }
                Some(None) => return false,
                None => break,
            }
        }
        let ping = sink.ping::<::redis::Value>();
        matches!(self.background.before(Instant::now() + PATIENCE, ping).await, Some(Ok(_)))
    }

    /// Takes a message; whether it is this backend's own probe.
    fn take(&self, message: &Msg) -> bool {
        match Message::decode(message.get_payload_bytes()) {
            // Listeners know of what this backend did since it did it.
            Some((sender, message)) if sender == self.channel.sender => {
                let is_probe = message == Message::Probe;
                if is_probe {
                    self.channel.state.send_modify(|state| state.returned += 1);
                }
                is_probe
            }
            Some((_, Message::Changed(names))) => {
                for name in names {
                    self.changed(name);
                }
                false
            }
            Some((_, Message::Probe)) => false,
            // Something changed, and it is not known what.
            Some((_, Message::All)) | None => {
                self.gap();
                false
            }
        }
    }
}

/// Listens again and again.
async fn listen(shared: Weak<Shared>) {
    let mut failures: u32 = 0;
    loop {
        let Some(this) = shared.upgrade() else { return };
        let background = this.background;
        if !this.listens() {
            // The next connection that may not track asks for it again.
            return this.channel.listening.store(false, Ordering::SeqCst);
        }
        failures = match this.hear().await {
            Ok(()) => 0,
            Err(failure) => {
                this.channel.state.send_modify(|state| {
                    state.failures += 1;
                    state.failure = Some(failure);
                });
                failures.saturating_add(1)
            }
        };
        let until = Instant::now() + PAUSES.wait(failures);
        let hurry = Arc::clone(&this.channel.hurry);
        drop(this);
        background.before(until, hurry.notified()).await;
    }
}

/// The failure with a word on the permission that is missing, if it is one.
fn forbidden(failure: Failure, why: &'static str) -> Failure {
    match failure.kind {
        BackendErrorKind::Authentication => {
            Failure::new(BackendErrorKind::Authentication, Then::Stop, why)
        }
        _ => failure,
    }
}

fn lost() -> Failure {
    Failure::new(BackendErrorKind::Transient, Then::Elsewhere, "the subscription was lost")
}

fn unreturned() -> Failure {
    Failure::new(
        BackendErrorKind::Timeout,
        Then::Elsewhere,
        "what is published there does not come back in time",
    )
}
