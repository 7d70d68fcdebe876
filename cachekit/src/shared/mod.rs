//! The shared tier behind the in-process one (feature `shared`).
//!
//! `#[cache]` functions use it once a backend is installed; `#[cache::local]` functions never do.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use cachekit_io::Backend;

use crate::testing;

pub(crate) mod codec;
pub(crate) mod frame;
pub(crate) mod key;

#[cfg(test)]
mod tests;

static DEFAULT: RwLock<Option<Arc<dyn Backend>>> = RwLock::new(None);

/// Installs the backend that `#[cache]` functions share their values through, for the whole process.
///
/// Returns the one it replaces. Calls that are running keep the backend they started with.
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

/// Goes back to caching in this process only. Returns the backend that was installed.
///
/// # Example
///
/// ```
/// assert!(cachekit::clear_default_backend().is_none());
/// ```
pub fn clear_default_backend() -> Option<Arc<dyn Backend>> {
    replace(None)
}

fn replace(backend: Option<Arc<dyn Backend>>) -> Option<Arc<dyn Backend>> {
    let mut default = DEFAULT.write().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *default, backend)
}

/// The backend for a call on this thread: the test scope's, or the process's.
pub(crate) fn backend() -> Option<Arc<dyn Backend>> {
    match testing::backend() {
        testing::ScopeBackend::OutOfScope => {
            DEFAULT.read().unwrap_or_else(PoisonError::into_inner).clone()
        }
        testing::ScopeBackend::Scope(backend) => backend,
    }
}

/// What became of an entry in the shared tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// The function's values never go there, or no backend is installed.
    NotUsed,
    /// The backend said that the entry is gone.
    Confirmed,
    /// The backend failed, or cannot do it.
    Failed,
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUsed => "not used",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
        })
    }
}
