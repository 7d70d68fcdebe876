//! The clock of waiters that are futures: a thread that runs while there are any.
//!
//! A leader that is a future makes progress only while it is polled. While others wait for it, it is woken
//! now and then (a *knock*). One that is not polled after that is abandoned: it may be in a variable after a
//! `select!` that went on with another branch, and the task that holds it may be the one that waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::Waker;
use std::time::Duration;

use super::wait::{Wait, Wakers};
use super::{Flights, Row};
use crate::sync::lock;

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

/// Looks without a waiter after which the watcher's thread ends.
const IDLE_LOOKS: u8 = 8;

#[cfg(not(cachekit_model))]
pub(super) fn now() -> Millis {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Time does not pass in the model: its tests call [`Flights::tick`].
#[cfg(cachekit_model)]
pub(super) fn now() -> Millis {
    0
}

static RUNNING: AtomicBool = AtomicBool::new(false);

/// Has the waiters watched from now on.
pub(super) fn begin() {
    if cfg!(any(test, cachekit_model)) {
        // Unit tests tick by hand.
        return;
    }
    // The waiter's waker is in its place. Either the watcher sees that in its last look, or we see that it ended.
    fence(Ordering::SeqCst);
    if !RUNNING.load(Ordering::SeqCst) && !RUNNING.swap(true, Ordering::SeqCst) {
        let thread = std::thread::Builder::new().name("cachekit-watch".into());
        if thread.spawn(watch).is_err() {
            // No thread to be had. The next waiter that is polled tries again.
            RUNNING.store(false, Ordering::SeqCst);
        }
    }
}

fn watch() {
    let mut idle = 0;
    loop {
        std::thread::sleep(TICK);
        // A waker that panics is its executor's affair, and must not end the others' watch.
        let used = catch_unwind(|| Flights::global().tick(now())).unwrap_or(true);
        idle = if used { 0 } else { idle + 1 };
        if idle < IDLE_LOOKS {
            continue;
        }
        RUNNING.store(false, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if !Flights::global().is_waited_for() || RUNNING.swap(true, Ordering::SeqCst) {
            return;
        }
        idle = 0;
    }
}

/// What is known of a leader that is a future.
#[derive(Default)]
pub(super) struct Pulse {
    /// It is in its executor's hands, outside of a poll.
    outside: bool,
    /// Wakes it; taken by a knock.
    waker: Option<Waker>,
    /// Looks since the knock.
    knocked: Option<u8>,
    /// It was knocked at and not polled since.
    pub(super) abandoned: bool,
}

impl Pulse {
    /// A poll begins. Gives the waker, to be dropped without a lock.
    #[must_use]
    pub(super) fn polled(&mut self) -> Option<Waker> {
        std::mem::take(self).waker
    }

    /// A poll ended without a result.
    pub(super) fn pending(&mut self, waker: Waker) {
        self.outside = true;
        self.waker = Some(waker);
    }

    /// One look of the watcher. Gives what wakes the leader, if it is to be woken.
    fn look(&mut self) -> Option<Waker> {
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

impl Flights {
    /// One look at every flight that is waited for. True if there is one.
    pub(crate) fn tick(&self, now: Millis) -> bool {
        let mut used = false;
        for shard in &self.shards {
            let (knocks, waits) = look(&mut lock(&shard.rows));
            used |= !waits.is_empty();
            // Foreign code, and none of our locks is held.
            for waker in knocks {
                let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
            }
            for (wait, abandoned) in waits {
                let wakers: Wakers = wait.tick(now, abandoned);
                let _ = catch_unwind(AssertUnwindSafe(|| wakers.wake()));
            }
        }
        used
    }

    fn is_waited_for(&self) -> bool {
        let waited = |row: &Row| row.wait.as_ref().is_some_and(|wait| wait.is_used());
        self.shards.iter().any(|shard| lock(&shard.rows).iter().any(waited))
    }
}

/// Whom to wake, and whether each wait has a leader left that moves.
fn look(rows: &mut [Row]) -> (Vec<Waker>, Vec<(Arc<Wait>, bool)>) {
    let mut knocks = Vec::new();
    let mut waits: Vec<(Arc<Wait>, bool)> = Vec::new();
    for row in rows {
        let Some(wait) = row.wait.as_ref().filter(|wait| wait.is_used()) else { continue };
        knocks.extend(row.pulse.look());
        if row.pulse.abandoned {
            // Callers that come from here on need not wait for that to be found out again.
            row.joinable = false;
        }
        match waits.iter_mut().find(|(known, _)| Arc::ptr_eq(known, wait)) {
            Some((_, abandoned)) => *abandoned &= row.pulse.abandoned,
            None => waits.push((Arc::clone(wait), row.pulse.abandoned)),
        }
    }
    (knocks, waits)
}
