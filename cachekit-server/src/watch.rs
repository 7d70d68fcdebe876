//! The state of a connection: what runs on it, when it last made progress, and what its peer has not received.

use crate::limits::Limits;
use crate::room::Room;
use crate::tenant::Account;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

/// How long a connection that has not shown a key yet is spared, even if another one needs its seat.
const STRANGERS_TIME: Duration = Duration::from_secs(1);
/// Answers to requests without a valid key that a connection without one may leave unread. Above that they have no
/// body, because the peer would not read it, and the connection has to end.
const STRANGERS_ANSWERS: usize = 16;
/// This many requests without a valid key end a connection that has shown none.
const STRANGERS_REQUESTS: usize = 100;

/// One connection's progress, shared by its requests.
pub(crate) struct Pulse {
    opened: Instant,
    running: AtomicUsize,
    served: AtomicU64,
    /// Some request showed a valid API key.
    trusted: AtomicBool,
    /// Requests without a valid key before the first one with a valid key: in total, and running now.
    refused: AtomicUsize,
    refusing: AtomicUsize,
    /// The tenant of the first valid key; this connection counts towards its limit.
    owner: OnceLock<Arc<Account>>,
    /// Running requests of the owner.
    entered: AtomicUsize,
    /// The owner has too many connections: this one's requests are refused.
    over: AtomicBool,
    /// Microseconds after `opened`.
    moved: AtomicU64,
    /// When the head of a request began to arrive: microseconds after `opened`, plus one; zero means never.
    heard: AtomicU64,
    owing: Owing,
    /// Answers that wait for space that other connections hold.
    waiting: AtomicUsize,
    /// Space for the answers on this connection.
    pub(crate) sending: Room,
    /// Answers that find no space wait for it one after the other.
    pub(crate) turn: Mutex<()>,
    /// Another connection needs this one's seat.
    dismissed: Notify,
}

/// What a peer has not received, and how long that may last.
struct Owing {
    /// Answers that wait for the peer, and one more while the transport accepts no bytes.
    count: AtomicUsize,
    /// The connection is cut at this time: microseconds after it was opened.
    until: AtomicU64,
    /// When the last answer was received.
    settled: AtomicU64,
    /// In microseconds.
    allowed: u64,
    /// Bytes that earn a second.
    rate: u64,
}

/// What should happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Look again after this long.
    Fine(Duration),
    /// Nothing runs and nothing arrived for too long: close it gracefully.
    Idle,
    /// Something runs, and there was no progress for too long: cut it.
    Stalled,
}

impl Pulse {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        let allowed = micros(limits.stall_timeout);
        Arc::new(Self {
            opened: Instant::now(),
            running: AtomicUsize::new(0),
            served: AtomicU64::new(0),
            trusted: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            refusing: AtomicUsize::new(0),
            owner: OnceLock::new(),
            entered: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            moved: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            owing: Owing {
                count: AtomicUsize::new(0),
                until: AtomicU64::new(allowed),
                settled: AtomicU64::new(0),
                allowed,
                rate: u64::try_from(limits.min_answer_rate).unwrap_or(u64::MAX).max(1),
            },
            waiting: AtomicUsize::new(0),
            sending: Room::new(limits.max_sending_bytes_per_connection),
            turn: Mutex::new(()),
            dismissed: Notify::new(),
        })
    }

    /// Something was received or sent.
    pub(crate) fn beat(&self) {
        self.moved.fetch_max(self.now(), Relaxed);
    }

    /// Bytes arrived while nothing ran: a head begins. Only HTTP/1.1 shows it that simply.
    pub(crate) fn hear(&self) {
        if self.running.load(Relaxed) == 0 && self.heard.load(Relaxed) == 0 {
            self.heard.store(self.now() + 1, Relaxed);
        }
    }

    /// Requests that run.
    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.running.load(Relaxed)
    }

    /// Microseconds after the connection was opened.
    fn now(&self) -> u64 {
        micros(self.opened.elapsed())
    }

    /// A request begins; it runs until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.beat();
        self.running.fetch_add(1, Relaxed);
        self.served.fetch_add(1, Relaxed);
        self.heard.store(0, Relaxed);
        InFlight {
            pulse: Arc::clone(self),
            has_key: AtomicBool::new(false),
            entered: AtomicBool::new(false),
            refused: AtomicBool::new(false),
        }
    }

    /// There is something that the peer must read.
    pub(crate) fn owe(&self) {
        let owing = &self.owing;
        if owing.count.fetch_add(1, Relaxed) == 0 {
            // The used time comes back as time passes, so many short stalls count as one long one.
            let (now, settled) = (self.now(), owing.settled.load(Relaxed));
            let left = owing.until.load(Relaxed).saturating_sub(settled);
            let left = left.saturating_add(now.saturating_sub(settled)).min(owing.allowed);
            owing.until.store(now.saturating_add(left), Relaxed);
        }
    }

    /// The peer received it, or will not get it.
    pub(crate) fn settle(&self) {
        if self.owing.count.fetch_sub(1, Relaxed) == 1 {
            self.owing.settled.store(self.now(), Relaxed);
        }
    }

    /// The peer received bytes that it is owed.
    pub(crate) fn took(&self, bytes: usize) {
        let owing = &self.owing;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let earned = bytes.saturating_mul(1_000_000) / owing.rate;
        let most = self.now().saturating_add(owing.allowed);
        let later = |until: u64| Some(until.saturating_add(earned).min(most).max(until));
        let _ = owing.until.fetch_update(Relaxed, Relaxed, later);
    }

    /// Whether the peer is owed nothing but what the transport holds.
    pub(crate) fn owes_no_answer(&self) -> bool {
        self.owing.count.load(Relaxed) <= 1
    }

    /// An answer waits for other connections: that is not the peer's fault.
    pub(crate) fn pause(&self) -> Paused<'_> {
        self.waiting.fetch_add(1, Relaxed);
        self.settle();
        Paused(self)
    }

    pub(crate) fn verdict(&self, limits: &Limits) -> Verdict {
        let now = self.now();
        // The limit changes with every request: check again before a stall could last too long.
        let again = limits.stall_timeout.min(limits.header_timeout);
        if self.owing.count.load(Relaxed) > 0 {
            let left = self.owing.until.load(Relaxed).saturating_sub(now);
            return match left {
                0 => Verdict::Stalled,
                left => Verdict::Fine(Duration::from_micros(left).min(again)),
            };
        }
        let heard = self.heard.load(Relaxed);
        let (allowed, since, late) = if self.waiting.load(Relaxed) > 0 {
            return Verdict::Fine(again);
        } else if self.running.load(Relaxed) > 0 {
            (limits.stall_timeout, self.moved.load(Relaxed), Verdict::Stalled)
        } else if heard > 0 {
            (limits.header_timeout, heard - 1, Verdict::Stalled)
        } else if self.served.load(Relaxed) == 0 {
            (limits.header_timeout, 0, Verdict::Stalled)
        } else if !self.trusted.load(Relaxed) {
            // Peers without a key do not hold connections for the price of one refused request.
            (limits.header_timeout, self.moved.load(Relaxed), Verdict::Idle)
        } else {
            (limits.idle_timeout, self.moved.load(Relaxed), Verdict::Idle)
        };
        let quiet = Duration::from_micros(now.saturating_sub(since));
        match allowed.checked_sub(quiet) {
            Some(left) if !left.is_zero() => Verdict::Fine(left.min(again)),
            _ => late,
        }
    }

    /// Whether the connection may be closed because another one needs its seat, and since when.
    /// Those without a key go first.
    pub(crate) fn gives_way(&self) -> Option<(bool, Instant)> {
        let trusted = self.trusted.load(Relaxed);
        if !trusted {
            return (self.opened.elapsed() >= STRANGERS_TIME).then_some((false, self.opened));
        }
        let idle = self.running.load(Relaxed) == 0 || self.over.load(Relaxed);
        let since = Duration::from_micros(self.moved.load(Relaxed));
        idle.then(|| (true, self.opened + since))
    }

    /// Tells the connection to end.
    pub(crate) fn dismiss(&self) {
        self.dismissed.notify_one();
    }

    /// Waits until the connection is told to end.
    pub(crate) async fn dismissed(&self) {
        self.dismissed.notified().await;
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
}

/// An answer that waits for other connections.
pub(crate) struct Paused<'a>(&'a Pulse);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.0.owe();
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

/// A request that runs.
pub(crate) struct InFlight {
    pulse: Arc<Pulse>,
    /// It showed a valid API key.
    has_key: AtomicBool,
    /// Counts as a running request of the connection's owner.
    entered: AtomicBool,
    /// Counts as a running request without a key.
    refused: AtomicBool,
}

impl InFlight {
    pub(crate) fn beat(&self) {
        self.pulse.beat();
    }

    pub(crate) fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    pub(crate) fn has_key(&self) -> bool {
        self.has_key.load(Relaxed)
    }

    /// Records that the request has no valid API key. Returns whether its answer may have a body. A connection that
    /// never sent a valid key is ended after a few of these.
    pub(crate) fn refuse(&self) -> bool {
        let pulse = &*self.pulse;
        if pulse.trusted.load(Relaxed) {
            return true;
        }
        self.refused.store(true, Relaxed);
        let unread = pulse.refusing.fetch_add(1, Relaxed) + 1;
        let so_far = pulse.refused.fetch_add(1, Relaxed) + 1;
        if unread > STRANGERS_ANSWERS || so_far >= STRANGERS_REQUESTS {
            pulse.dismiss();
        }
        unread <= STRANGERS_ANSWERS
    }

    /// Records that the request has a valid API key of this tenant: its connection may then be idle for longer.
    /// False if the tenant has requests on too many connections.
    pub(crate) fn trust(&self, account: &Arc<Account>) -> bool {
        let pulse = &*self.pulse;
        self.has_key.store(true, Relaxed);
        pulse.trusted.store(true, Relaxed);
        let owner = pulse.owner.get_or_init(|| Arc::clone(account));
        // A connection with keys of several tenants belongs to a proxy: it counts for the first one.
        if !Arc::ptr_eq(owner, account) {
            return true;
        }
        self.entered.store(true, Relaxed);
        if pulse.entered.fetch_add(1, Relaxed) == 0 {
            pulse.over.store(!owner.enter(), Relaxed);
        }
        if pulse.over.load(Relaxed) && !owner.is_full() {
            pulse.over.store(false, Relaxed);
        }
        !pulse.over.load(Relaxed)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let pulse = &*self.pulse;
        if self.entered.load(Relaxed)
            && pulse.entered.fetch_sub(1, Relaxed) == 1
            && let Some(owner) = pulse.owner.get()
        {
            owner.leave();
        }
        if self.refused.load(Relaxed) {
            pulse.refusing.fetch_sub(1, Relaxed);
        }
        pulse.beat();
        pulse.running.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests;
