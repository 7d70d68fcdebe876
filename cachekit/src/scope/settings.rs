//! What a scope has of its own for the shared tier: backend, budget, keys.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use cachekit_io::Backend;
#[cfg(feature = "secure")]
use cachekit_io::envelope::Envelope;

use super::{Scope, current};

/// `None` where the process counts.
#[derive(Default)]
pub(super) struct Settings {
    backend: Option<Arc<dyn Backend>>,
    budget: Option<Duration>,
    #[cfg(feature = "secure")]
    envelope: Option<Envelope>,
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

    #[cfg(feature = "secure")]
    pub(crate) fn set_envelope(&self, envelope: Envelope) {
        let before = self.settings().envelope.replace(envelope);
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
#[cfg(feature = "secure")]
pub(crate) fn envelope() -> Option<Envelope> {
    current()?.settings().envelope.clone()
}

/// Has a function called with the scope's number when it ends, if this thread is in one.
pub(crate) fn at_end(call: fn(u64)) {
    if let Some(scope) = current() {
        scope.settings().at_end = Some(call);
    }
}
