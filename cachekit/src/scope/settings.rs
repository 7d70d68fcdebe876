//! What a scope has of its own for the shared tier: backend, budget, keys.

use std::any::Any;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use cachekit_io::Backend;

use super::{Scope, current};

/// `None` where the process counts.
#[derive(Default)]
pub(super) struct Settings {
    backend: Option<Arc<dyn Backend>>,
    budget: Option<Duration>,
    /// What its values are sealed with. Of a type that only what seals knows.
    keys: Option<Arc<dyn Any + Send + Sync>>,
    /// Called with the scope's number when it ends.
    pub(super) at_end: Option<fn(u64)>,
}

impl Scope {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives it a backend. Returns the one before.
    pub(crate) fn set_backend(&self, backend: Arc<dyn Backend>) -> Option<Arc<dyn Backend>> {
        self.settings().backend.replace(backend)
    }

    pub(crate) fn set_budget(&self, budget: Duration) {
        self.settings().budget = Some(budget);
    }

    /// Gives it keys.
    pub(crate) fn set_keys(&self, keys: Arc<dyn Any + Send + Sync>) {
        let before = self.settings().keys.replace(keys);
        drop(before);
    }
}

/// The backend of the scope this thread is in, or none; `Err` outside of any.
pub(crate) fn backend() -> Result<Option<Arc<dyn Backend>>, OutOfScope> {
    let scope = current().ok_or(OutOfScope)?;
    Ok(scope.settings().backend.clone())
}

/// This thread is in no scope: the process counts.
pub(crate) struct OutOfScope;

/// Its budget, if it has one of its own.
pub(crate) fn budget() -> Option<Duration> {
    current()?.settings().budget
}

/// Its keys, if it has some of its own.
pub(crate) fn keys<T: Send + Sync + 'static>() -> Option<Arc<T>> {
    let keys = current()?.settings().keys.clone()?;
    keys.downcast().ok()
}

/// Has a function called with the scope's number when it ends, if this thread is in one.
pub(crate) fn at_end(call: fn(u64)) {
    if let Some(scope) = current() {
        scope.settings().at_end = Some(call);
    }
}
