//! The thread that ends the wait for a disk that does not answer.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Condvar, Mutex, PoisonError, Weak};
use std::time::Instant;

/// Called when its time is up.
pub(super) trait Late: Send + Sync {
    fn late(&self);
}

/// Identifies one deadline, to cancel it.
pub(super) type Entry = (Instant, u64);

struct Deadlines {
    pending: BTreeMap<Entry, Weak<dyn Late>>,
    next: u64,
    started: bool,
}

static DEADLINES: Mutex<Deadlines> =
    Mutex::new(Deadlines { pending: BTreeMap::new(), next: 0, started: false });
static EARLIER: Condvar = Condvar::new();

/// Calls `late` at this time, unless the entry is cancelled before. The first call starts the thread.
pub(super) fn set(at: Instant, late: Weak<dyn Late>) -> io::Result<Entry> {
    let mut deadlines = DEADLINES.lock().unwrap_or_else(PoisonError::into_inner);
    if !deadlines.started {
        std::thread::Builder::new().name("cachekit-file-time".to_owned()).spawn(keep)?;
        deadlines.started = true;
    }
    let entry = (at, deadlines.next);
    deadlines.next += 1;
    let first = deadlines.pending.first_key_value().is_none_or(|(earliest, _)| entry < *earliest);
    deadlines.pending.insert(entry, late);
    if first {
        EARLIER.notify_one();
    }
    Ok(entry)
}

/// Cancels a deadline.
pub(super) fn cancel(entry: Entry) {
    let mut deadlines = DEADLINES.lock().unwrap_or_else(PoisonError::into_inner);
    deadlines.pending.remove(&entry);
}

fn keep() {
    let mut deadlines = DEADLINES.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some((&entry, _)) = deadlines.pending.first_key_value() else {
            deadlines = EARLIER.wait(deadlines).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = entry.0.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            let waited = EARLIER.wait_timeout(deadlines, left);
            deadlines = waited.unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        let late = deadlines.pending.remove(&entry);
        // A waker is foreign code: it runs without a lock.
        drop(deadlines);
        if let Some(late) = late.and_then(|late| late.upgrade()) {
            late.late();
        }
        deadlines = DEADLINES.lock().unwrap_or_else(PoisonError::into_inner);
    }
}
