//! Entries that a request ends, also if its client hangs up meanwhile.

use std::sync::Arc;

use super::key::Key;
use super::layer::Inner;
use super::stats::count;
use crate::background;

/// Invalidates the entries under its keys, in this process and in the shared tier. If it is dropped before that,
/// because its future was dropped or never made, the entries of this process are removed at once, and those of the
/// tier in the background.
pub(super) struct Ending {
    inner: Arc<Inner>,
    keys: Vec<Key>,
    is_counted: bool,
    is_settled: bool,
}

impl Ending {
    /// The first key is the first to go.
    pub(super) fn new(inner: &Arc<Inner>, keys: Vec<Key>) -> Self {
        Self { inner: Arc::clone(inner), keys, is_counted: false, is_settled: false }
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(super) fn extend(&mut self, keys: Vec<Key>) {
        self.keys.extend(keys);
    }

    /// Nothing is to be ended after all.
    pub(super) fn forgo(mut self) {
        self.is_settled = true;
    }

    /// Ready once all of it is gone.
    pub(super) async fn settle(mut self) {
        self.count();
        self.inner.engine.end_all(&self.keys).await.ignore();
        self.is_settled = true;
    }

    fn count(&mut self) {
        if !std::mem::replace(&mut self.is_counted, true) {
            count(&self.inner.counters.invalidations);
            self.inner.engine.count_invalidation();
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if self.is_settled {
            return;
        }
        self.count();
        let (inner, keys) = (Arc::clone(&self.inner), std::mem::take(&mut self.keys));
        inner.engine.end_here(&keys);
        if inner.engine.may_be_shared() {
            background::spawn_future(async move {
                inner.engine.end_all(&keys).await.ignore();
            });
        }
    }
}
