//! Drops dead copies. Their values are dropped in the background, because a destructor is foreign code and an event
//! arrives on the backend's thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::Coherence;
use super::index::{Copied, Reason, Told};
use crate::contained::{contained, lock};
use crate::entry::Resident;
use crate::scope::pending::Guard as PendingGuard;
use crate::shared::outage::say;
use crate::store::Cause;
use crate::workers;

#[derive(Default)]
pub(super) struct Graveyard {
    waiting: Mutex<Waiting>,
    /// Copies are waiting, and the job for them could not be started.
    left: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    dead: Vec<Copied>,
    held: Vec<Resident>,
    /// Still to be logged.
    flushes: Vec<(Reason, u64)>,
    /// A job is scheduled.
    expected: bool,
}

impl Graveyard {
    /// Schedules dead copies to be dropped.
    pub(super) fn bury(&self, coherence: &Arc<Coherence>, told: Told) {
        if told.dead.is_empty() && told.held.is_empty() {
            return;
        }
        let mut waiting = lock(&self.waiting);
        waiting.dead.extend(told.dead);
        waiting.held.extend(told.held);
        if told.dropped > 0 && matches!(told.reason, Reason::Gap | Reason::Cleared) {
            waiting.flushes.push((told.reason, told.dropped));
        }
        let expected = std::mem::replace(&mut waiting.expected, true);
        drop(waiting);
        if !expected {
            Self::order(coherence);
        }
    }

    /// Schedules a job if the last one was rejected.
    pub(super) fn look_after(&self, coherence: &Arc<Coherence>) {
        if self.left.load(Ordering::Relaxed) && self.left.swap(false, Ordering::Relaxed) {
            lock(&self.waiting).expected = true;
            Self::order(coherence);
        }
    }

    fn order(coherence: &Arc<Coherence>) {
        let job = Job(Some((Arc::clone(coherence), coherence.pending.start())));
        workers::finish(Box::new(move || job.run()));
    }
}

/// Dropped before it ran: there was no thread for it.
struct Job(Option<(Arc<Coherence>, PendingGuard)>);

impl Job {
    fn run(mut self) {
        let Some((coherence, _pending)) = self.0.take() else { return };
        let mut waiting = lock(&coherence.graveyard.waiting);
        let Waiting { dead, held, flushes, .. } = std::mem::take(&mut *waiting);
        drop(waiting);
        for (why, dropped) in flushes {
            say_flush(coherence.kind, why, dropped);
        }
        for (store, fate) in dead {
            // The last reference to a value, or to a test scope's store.
            contained(|| {
                if let Some(entry) = fate.entry().filter(|entry| entry.head().is_dead()) {
                    store.take_out(fate.hash(), &entry, Cause::Removed);
                }
                drop(store);
            });
        }
        for entry in held {
            contained(|| drop(entry));
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some((coherence, _)) = self.0.take() {
            lock(&coherence.graveyard.waiting).expected = false;
            coherence.graveyard.left.store(true, Ordering::Relaxed);
        }
    }
}

fn say_flush(backend: &'static str, why: Reason, dropped: u64) {
    say(|| {
        let what = match why {
            Reason::Cleared => "the shared backend was emptied",
            _ => "events of the shared backend may have been lost",
        };
        tracing::info!(
            target: "cachekit",
            backend,
            dropped,
            "{what}: the copies of its values in this process were dropped"
        );
    });
}
