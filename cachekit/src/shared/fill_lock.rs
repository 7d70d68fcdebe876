//! One run of the function among all processes: the lock taken before it, and the wait for its holder.

use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use cachekit_io::{BackendError, BoxFuture, LockToken};

use super::remote_entry::RemoteEntry;
use super::runtime;
use crate::blocking;

/// How long a process may hold the lock: the longest fill for which other processes wait.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A lock that is held. Dropping it releases it.
pub(crate) struct FillLock {
    remote_entry: RemoteEntry,
    token: Option<LockToken>,
    until: Instant,
}

impl FillLock {
    /// The proof of the lock, until the lease is over: after that another process may have had the lock.
    pub(crate) fn token(&self) -> Option<LockToken> {
        self.token.clone().filter(|_| Instant::now() < self.until)
    }
}

impl Drop for FillLock {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.remote_entry.release(token);
        }
    }
}

/// What the backend says to a request for the lock.
pub(crate) type Acquired = Result<Option<LockToken>, BackendError>;

/// A request for the lock, for a [`LEASE`]. Dropped before the answer, it gives back what it may have got. Its answer is
/// a lock that gives itself back, because it may come after its caller has given up.
pub(crate) struct Request {
    remote_entry: RemoteEntry,
    answer: Option<BoxFuture<'static, Acquired>>,
    asked: Instant,
    sent: bool,
}

impl Request {
    pub(crate) fn new(remote_entry: RemoteEntry, answer: BoxFuture<'static, Acquired>) -> Self {
        Self { remote_entry, answer: Some(answer), asked: Instant::now(), sent: false }
    }

    fn granted(&self, token: LockToken) -> FillLock {
        let remote_entry = self.remote_entry.clone();
        FillLock { remote_entry, token: Some(token), until: self.asked + LEASE }
    }
}

impl Future for Request {
    type Output = Result<Option<FillLock>, BackendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out: one that panics is not polled again.
        let Some(mut answer) = self.answer.take() else { return Poll::Pending };
        self.sent = true;
        let polled = answer.as_mut().poll(cx);
        if polled.is_pending() {
            self.answer = Some(answer);
        }
        polled.map_ok(|token| token.map(|token| self.granted(token)))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take().filter(|_| self.sent) {
            self.remote_entry.release_late(answer);
        }
    }
}

/// The pauses between two looks at an entry that another process is filling, until the wait is over.
pub(crate) struct Backoff {
    until: Instant,
    pause: Duration,
    random: RandomState,
    round: u64,
}

impl Backoff {
    pub(crate) fn new(most: Duration) -> Self {
        let until = Instant::now() + most;
        Self { until, pause: FIRST_PAUSE, random: RandomState::new(), round: 0 }
    }

    /// Waits a little longer than the last time. False once the time is up.
    pub(crate) async fn pause(&mut self, blocking: bool) -> bool {
        let now = Instant::now();
        if now >= self.until {
            return false;
        }
        // Between a half and one and a half times, so that processes that began together do not stay in
        // step.
        self.round += 1;
        let share = self.random.hash_one(self.round) % 1000 + 500;
        let pause = self.pause * u32::try_from(share).unwrap_or(1000) / 1000;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        let end = (now + pause).min(self.until);
        if blocking {
            let pause = end.saturating_duration_since(now);
            blocking::parked(|| std::thread::sleep(pause));
        } else {
            runtime::sleep(end).await;
        }
        true
    }
}
