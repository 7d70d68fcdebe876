//! How often a body ran.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::ThreadId;

/// Counts the runs of one cached function's body.
///
/// Kept per thread, so that tests which run in parallel in one process do not see each other's calls.
/// Where a body runs on several threads of one test, [`Runs::all`] adds them up; such a test needs a
/// counter that no other test uses.
#[derive(Debug)]
pub struct Runs(LazyLock<Mutex<HashMap<ThreadId, u32>>>);

impl Runs {
    /// A counter, for a `static`.
    #[expect(clippy::new_without_default, reason = "only used in statics")]
    pub const fn new() -> Self {
        Self(LazyLock::new(Mutex::default))
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, HashMap<ThreadId, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one run; returns how many this thread has had.
    pub fn add(&self) -> u32 {
        let mut counts = self.counts();
        let count = counts.entry(std::thread::current().id()).or_default();
        *count += 1;
        *count
    }

    /// Runs on this thread since the last time it asked.
    pub fn take(&self) -> u32 {
        self.counts().remove(&std::thread::current().id()).unwrap_or(0)
    }

    /// Runs on all threads since somebody last asked.
    pub fn all(&self) -> u32 {
        self.counts().drain().map(|(_, count)| count).sum()
    }
}
