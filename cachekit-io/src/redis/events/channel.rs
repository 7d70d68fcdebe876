//! The channel over which clients tell each other, where the server does not let them track.

use super::super::failure::Failure;
use super::super::link::too_slow;
use super::Shared;
use super::message::{CHANNEL, Message, Sender};
use super::tracking::{ASK_EVERY, PATIENCE};
use ::redis::Msg;
use ::redis::aio::{PubSubSink, PubSubStream};
use futures_util::StreamExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Whether the channel is listened at.
pub(super) struct Channel {
    sender: Sender,
    listening: AtomicBool,
    heard: AtomicBool,
}

impl Default for Channel {
    fn default() -> Self {
        Self {
            sender: uuid::Uuid::new_v4().into_bytes(),
            listening: AtomicBool::new(false),
            heard: AtomicBool::new(false),
        }
    }
}

impl Channel {
    /// Who this backend is.
    pub(super) fn sender(&self) -> Sender {
        self.sender
    }

    /// Whether what is said arrives here.
    pub(super) fn is_heard(&self) -> bool {
        self.heard.load(Ordering::SeqCst)
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
        subscribed.ok_or_else(too_slow)?.map_err(|error| Failure::of(&error))?;
        let address = node.address().clone();
        drop((primaries, backend));

        let (probe, _) = Message::Probe.encode(self.channel.sender);
        self.publish(&probe).await?;
        let deadline = Instant::now() + 2 * PATIENCE;
        loop {
            match self.background.before(deadline, stream.next()).await {
                Some(Some(message)) if self.take(&message) => break,
                Some(Some(_)) => {}
                // What is said does not come back.
                _ => return Err(too_slow()),
            }
        }
        self.channel.heard.store(true, Ordering::SeqCst);
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
        self.channel.heard.store(false, Ordering::SeqCst);
        self.gap();
        Ok(())
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
            Some((sender, message)) if sender == self.channel.sender => message == Message::Probe,
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
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(this) = shared.upgrade() else { return };
        let background = this.background;
        if !this.listens() {
            // The next connection that may not track asks for it again.
            return this.channel.listening.store(false, Ordering::SeqCst);
        }
        pause = match this.hear().await {
            Ok(()) => FIRST_PAUSE,
            Err(_) => (2 * pause).min(LONGEST_PAUSE),
        };
        drop(this);
        background.sleep(Instant::now() + pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}
