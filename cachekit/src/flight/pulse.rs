//! How long waiters wait, and what is known about the leader that they wait for.
//!
//! A leader that is a future makes progress only while it is polled. While others wait for it, it is woken now
//! and then (a *knock*). One that is not polled after a knock is abandoned: it may be in a variable after a
//! `select!` that took another branch, and the task that holds it may be the one that waits.

use std::task::Waker;
use std::time::Duration;

/// Milliseconds since an arbitrary moment of this process.
pub(crate) type Millis = u64;

/// How often the watcher looks at leaders, and a waiting thread at its clock.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// How many looks after a knock it takes until a leader counts as no longer polled. More than one: an executor
/// may be busy for a moment.
const KNOCKS: u8 = 2;

/// How long waiters let a thread run the function alone before one of them runs it, too: the thread may be
/// waiting for something that only a waiter's thread can provide.
pub(super) const PATIENCE_WITH_THREADS: Millis = 2_000;

/// The same for a future that is polled.
pub(super) const PATIENCE_WITH_FUTURES: Millis = 5_000;

/// Time does not pass in the model: its tests tick by hand.
pub(crate) fn now() -> Millis {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    if cfg!(cachekit_model) {
        return 0;
    }
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// What is known about a leader that is a future.
#[derive(Default)]
pub(crate) struct Pulse {
    /// Its executor holds it, outside of a poll.
    outside: bool,
    /// Wakes it; taken by a knock.
    waker: Option<Waker>,
    /// How many looks there were since the knock.
    knocked: Option<u8>,
    /// It was knocked at and has not been polled since.
    pub(crate) abandoned: bool,
}

impl Pulse {
    /// Records that a poll begins. Returns the waker, to be dropped without a lock.
    #[must_use]
    pub(crate) fn polled(&mut self) -> Option<Waker> {
        std::mem::take(self).waker
    }

    /// Records that a poll ended without a result.
    pub(crate) fn pending(&mut self, waker: Waker) {
        self.outside = true;
        self.waker = Some(waker);
    }

    /// One look of the watcher. Returns the leader's waker if the leader must be woken.
    pub(crate) fn look(&mut self) -> Option<Waker> {
        // A long poll is no reason: the leader is working.
        if !self.outside {
            return None;
        }
        match &mut self.knocked {
            None => self.knocked = Some(0),
            Some(looks) => {
                *looks = looks.saturating_add(1);
                self.abandoned |= *looks >= KNOCKS;
            }
        }
        self.waker.take()
    }
}
