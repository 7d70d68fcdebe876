//! The shared tier behind the in-process one (feature `shared`).
//!
//! `#[cache]` functions use it once a backend is installed; `#[cache::local]` functions never do.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cachekit_io::Backend;

use crate::scope;

pub(crate) mod backend_option;
mod behind;
mod breaker;
pub(crate) mod coherence;
mod connect;
mod consult;
pub(crate) mod encoding;
pub(crate) mod explain;
pub(crate) mod fill_lock;
mod guard;
pub(crate) mod known;
mod outage;
mod publish;
pub(crate) mod remote_entry;
pub(crate) mod resolve;
mod runtime;
pub(crate) mod sealing;
pub(crate) mod tier;
mod under_way;
mod windows;

#[cfg(test)]
mod tests;

pub use backend_option::IntoBackend;
pub(crate) use remote_entry::RemoteEntry;
pub(crate) use resolve::backend;
use resolve::replace;

/// The longest time that a call waits for the shared tier before its function runs, and again after it.
const DEFAULT_BUDGET: Duration = Duration::from_secs(5);

/// In milliseconds; 0: the default.
static BUDGET: AtomicU64 = AtomicU64::new(0);

/// Installs the backend that `#[cache]` functions share their values through, for the whole process.
///
/// Returns the backend it replaces. Calls in flight keep the backend that they started with. If the replaced
/// backend sends [`events`](Backend::events), this process unsubscribes and drops its copies of that backend's
/// values.
///
/// # Example
///
/// ```
/// use cachekit_io::MemoryBackend;
/// use std::sync::Arc;
///
/// #[cachekit::cache(ttl = 60)]
/// fn square(n: u64) -> u64 { n * n }
///
/// cachekit::set_default_backend(Arc::new(MemoryBackend::new()));
/// square(4);
/// // Another process would find it there: this one forgets its own copy.
/// for function in cachekit::functions() { function.clear_local(); }
/// assert_eq!(square(4), 16);
/// assert_eq!(square::stats().shared_hits, 1);
/// ```
pub fn set_default_backend(backend: Arc<dyn Backend>) -> Option<Arc<dyn Backend>> {
    replace(Some(backend))
}

/// Caches in this process only again. Returns the backend that was installed.
///
/// # Example
///
/// ```
/// assert!(cachekit::clear_default_backend().is_none());
/// ```
pub fn clear_default_backend() -> Option<Arc<dyn Backend>> {
    replace(None)
}

/// Sets how long a call waits for the shared tier, for the whole process; 5 seconds unless set.
///
/// All steps before the function runs share one budget, and those after it share another. A call whose
/// budget is spent continues as if the tier had missed: the function runs, or its result is returned. The
/// budget does not cover the wait for another process that runs the function: the attribute's `fill_lock`
/// bounds that. Less than a millisecond counts as one.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// cachekit::set_shared_budget(Duration::from_millis(250));
/// ```
pub fn set_shared_budget(budget: Duration) {
    let millis = u64::try_from(budget.as_millis()).unwrap_or(u64::MAX).max(1);
    BUDGET.store(millis, Ordering::Relaxed);
}

/// The variable for the budget, in milliseconds.
const VARIABLE: &str = "CACHEKIT_SHARED_BUDGET";

/// The budget in the environment. Read once.
static ENVIRONMENT: LazyLock<Result<Option<Duration>, String>> =
    LazyLock::new(|| match std::env::var_os(VARIABLE) {
        None => Ok(None),
        Some(value) => read_budget(&value.to_string_lossy()),
    });

fn read_budget(value: &str) -> Result<Option<Duration>, String> {
    // Deployment tools set unset variables to the empty string.
    if value.is_empty() {
        return Ok(None);
    }
    match value.parse() {
        Ok(millis @ 1..=86_400_000) => Ok(Some(Duration::from_millis(millis))),
        _ => Err(format!(
            "{VARIABLE} is {value:?}: write whole milliseconds from 1 to 86400000, such as 2000; until then \
             the budget is {} ms",
            DEFAULT_BUDGET.as_millis()
        )),
    }
}

/// What is wrong with the budget that the environment sets.
pub(crate) fn wrong_budget() -> Option<String> {
    ENVIRONMENT.as_ref().err().cloned()
}

/// The budget for calls on this thread.
fn budget() -> Duration {
    if let Some(budget) = scope::settings::budget() {
        return budget;
    }
    match BUDGET.load(Ordering::Relaxed) {
        0 => match &*ENVIRONMENT {
            Ok(budget) => budget.unwrap_or(DEFAULT_BUDGET),
            Err(problem) => {
                static TOLD: AtomicBool = AtomicBool::new(false);
                outage::say_once(&TOLD, || tracing::warn!(target: "cachekit", "{problem}"));
                DEFAULT_BUDGET
            }
        },
        // A deadline must fit into an `Instant`.
        millis => Duration::from_millis(millis.min(86_400_000)),
    }
}
