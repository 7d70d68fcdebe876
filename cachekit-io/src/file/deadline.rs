//! The thread that ends the wait for a disk that does not answer.

use crate::contained::contained;
use crate::per_process::PerProcess;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

/// Called when its time is up.
pub(super) trait Late: Send + Sync {
    fn late(&self);
}

/// When, and a number that no other deadline of the process has.
type At = (Instant, u64);

/// Identifies one deadline, to cancel it.
pub(super) struct Entry {
    at: At,
    of: &'static Deadlines,
}

#[derive(Default)]
struct Deadlines {
    list: Mutex<List>,
    earlier: Condvar,
}

#[derive(Default)]
struct List {
    pending: BTreeMap<At, Weak<dyn Late>>,
    next: u64,
    started: bool,
}

static DEADLINES: PerProcess<Deadlines> = PerProcess::new();

/// Calls `late` at this time, unless the entry is cancelled before. The first call starts the thread.
pub(super) fn set(at: Instant, late: Weak<dyn Late>) -> io::Result<Entry> {
    let of = DEADLINES.get();
    let mut list = of.lock();
    if !list.started {
        std::thread::Builder::new()
            .name("cachekit-file-time".to_owned())
            .spawn(move || of.keep())?;
        list.started = true;
    }
    let at = (at, list.next);
    list.next += 1;
    let first = list.pending.first_key_value().is_none_or(|(earliest, _)| at < *earliest);
    list.pending.insert(at, late);
    if first {
        of.earlier.notify_one();
    }
    Ok(Entry { at, of })
}

/// Cancels a deadline.
pub(super) fn cancel(entry: &Entry) {
    // A forked child must not touch the list of its parent: it may be locked, and no thread unlocks it.
    if std::ptr::eq(entry.of, DEADLINES.get()) {
        entry.of.lock().pending.remove(&entry.at);
    }
}

impl Deadlines {
    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self) {
        let mut list = self.lock();
        loop {
            let Some((&at, _)) = list.pending.first_key_value() else {
                list = self.earlier.wait(list).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = at.0.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                let waited = self.earlier.wait_timeout(list, left);
                list = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let late = list.pending.remove(&at);
            // A waker is foreign code: it runs without a lock.
            drop(list);
            // As does the destructor of what waited, if this is the last to hold it.
            contained(|| {
                if let Some(late) = late.and_then(|late| late.upgrade()) {
                    late.late();
                }
            });
            list = self.lock();
        }
    }
}
