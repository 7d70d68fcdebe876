//! How long waiters wait, and what is known of the leader that they wait for.
//!
//! A leader that is a future makes progress only while it is polled. While others wait for it, it is woken
//! now and then (a *knock*). One that is not polled after that is abandoned: it may be in a variable after a
//! `select!` that went on with another branch, and the task that holds it may be the one that waits.

use std::task::Waker;
use std::time::Duration;

/// Milliseconds since some moment of this process.
pub(crate) type Millis = u64;

/// How often the watcher looks, and a waiting thread at its clock.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// Looks at a leader that was knocked at before it counts as polled no more. More than one: an executor may be
/// busy for a moment.
const KNOCKS: u8 = 2;

/// How long waiters leave a thread that runs the function alone before one of them runs it, too: it may be
/// waiting for something that only the thread of a waiter can bring about.
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

/// What is known of a leader that is a future.
#[derive(Default)]
pub(crate) struct Pulse {
    /// It is in its executor's hands, outside of a poll.
    outside: bool,
    /// Wakes it; taken by a knock.
    waker: Option<Waker>,
    /// Looks since the knock.
    knocked: Option<u8>,
    /// It was knocked at and not polled since.
    pub(crate) abandoned: bool,
}

impl Pulse {
    /// A poll begins. Gives the waker, to be dropped without a lock.
    #[must_use]
    pub(crate) fn polled(&mut self) -> Option<Waker> {
        std::mem::take(self).waker
    }

    /// A poll ended without a result.
    pub(crate) fn pending(&mut self, waker: Waker) {
        self.outside = true;
        self.waker = Some(waker);
    }

    /// One look of the watcher. Gives what wakes the leader, if it is to be woken.
    pub(crate) fn look(&mut self) -> Option<Waker> {
        // A poll that lasts is no reason: the leader is at work.
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
