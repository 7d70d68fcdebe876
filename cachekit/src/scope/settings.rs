//! A scope's own settings for the shared tier: backend, budget, keys.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use cachekit_io::Backend;

use super::{Scope, current};
use crate::contained::lock;

/// `None` means the setting of the process.
#[derive(Default)]
pub(super) struct Settings {
    backend: Option<Arc<dyn Backend>>,
    budget: Option<Duration>,
    /// What its values are sealed with. Only the sealing code knows the type.
    keys: Option<Arc<dyn Any + Send + Sync>>,
    /// Called with the scope's number when it ends.
    pub(super) at_end: Option<fn(u64)>,
}

impl Scope {
    /// Sets its backend. Returns the previous one.
    pub(crate) fn set_backend(&self, backend: Arc<dyn Backend>) -> Option<Arc<dyn Backend>> {
        lock(&self.0.settings).backend.replace(backend)
    }

    /// Its backend, or none: not that of the process.
    pub(crate) fn backend(&self) -> Option<Arc<dyn Backend>> {
        lock(&self.0.settings).backend.clone()
    }

    pub(crate) fn set_budget(&self, budget: Duration) {
        lock(&self.0.settings).budget = Some(budget);
    }

    /// Sets its keys.
    pub(crate) fn set_keys(&self, keys: Arc<dyn Any + Send + Sync>) {
        let before = lock(&self.0.settings).keys.replace(keys);
        drop(before);
    }
}

/// Its own budget, if it has one.
pub(crate) fn budget() -> Option<Duration> {
    lock(&current()?.0.settings).budget
}

/// Its own keys, if it has any.
pub(crate) fn keys<T: Send + Sync + 'static>() -> Option<Arc<T>> {
    let keys = lock(&current()?.0.settings).keys.clone()?;
    keys.downcast().ok()
}

/// Registers a function to be called with the scope's number when it ends, if this thread is in
/// one.
pub(crate) fn at_end(call: fn(u64)) {
    if let Some(scope) = current() {
        lock(&scope.0.settings).at_end = Some(call);
    }
}
