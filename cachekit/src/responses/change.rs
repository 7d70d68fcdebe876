//! A request that may change what is stored (RFC 9111 §4.4).

use std::sync::Arc;

use http::header::{CONTENT_LOCATION, LOCATION};
use http::{HeaderMap, Response, StatusCode, Uri};

use super::key::Key;
use super::layer::Inner;
use super::stats::count;
use super::target::{self, Resource};
use crate::background;

/// Invalidates what its request may have changed, once the handler has answered. If the handler never answers, because
/// it failed, panicked, or was dropped with its client, it is unknown what it did, so this invalidates too.
pub(super) struct Change {
    inner: Arc<Inner>,
    keys: Vec<Key>,
    /// The hosts at which it may change something.
    hosts: Vec<String>,
    /// Its URI: the base of relative references.
    base: Uri,
    settled: bool,
}

impl Change {
    pub(super) fn new(inner: &Arc<Inner>, keys: Vec<Key>, hosts: Vec<String>, base: Uri) -> Self {
        Self { inner: Arc::clone(inner), keys, hosts, base, settled: false }
    }

    /// Inspects the answer. A refused request has changed nothing.
    pub(super) fn answered<R, E>(mut self, returned: &Result<Response<R>, E>) -> Option<Self> {
        if let Ok(response) = returned {
            if is_refusal(response.status()) {
                self.settled = true;
                return None;
            }
            let named = self.named(response.headers());
            self.keys.extend(named);
        }
        Some(self)
    }

    /// The answer is held back until the entries that it outdates are gone, so that a client can read its own writes.
    pub(super) async fn settle(mut self) {
        count(&self.inner.counters.invalidations);
        self.inner.engine.invalidate_all(&self.keys).await.ignore();
        self.settled = true;
    }

    /// The other targets that the answer says it has changed.
    fn named(&self, headers: &HeaderMap) -> Vec<Key> {
        let uris = [LOCATION, CONTENT_LOCATION].into_iter().flat_map(|name| headers.get_all(name));
        let base = Resource::of(&self.base);
        let named = uris
            .filter_map(|value| target::resolve(base, std::str::from_utf8(value.as_bytes()).ok()?));
        named.flat_map(|uri| self.inner.naming.keys_named(&self.keys, &self.hosts, &uri)).collect()
    }
}

/// Whether a status says that nothing was done. A timeout (408), or a client that hung up (499 of proxies), may have stopped
/// the handler half-way.
fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status.as_u16(), 408 | 499)
}

impl Drop for Change {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        count(&self.inner.counters.invalidations);
        let (inner, keys) = (Arc::clone(&self.inner), std::mem::take(&mut self.keys));
        // In this process it takes effect at once.
        inner.engine.invalidate_here(&keys);
        if inner.engine.may_be_shared() {
            background::spawn_future(async move {
                inner.engine.end_all(&keys).await.ignore();
            });
        }
    }
}
