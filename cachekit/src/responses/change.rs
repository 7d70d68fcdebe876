//! A request that may change what is stored (RFC 9111 §4.4).

use std::sync::Arc;

use http::header::{CONTENT_LOCATION, LOCATION};
use http::{HeaderMap, Response, StatusCode, Uri};

use super::ending::Ending;
use super::key::Key;
use super::layer::Inner;
use super::target::{self, Resource};

/// Invalidates what its request may have changed, once the handler has answered. If the handler never answers, because
/// it failed, panicked, or was dropped with its client, it is unknown what it did, so this invalidates too.
pub(super) struct Change {
    inner: Arc<Inner>,
    ending: Ending,
    /// The hosts at which it may change something.
    hosts: Vec<String>,
    /// Its URI: the base of relative references.
    base: Uri,
}

impl Change {
    pub(super) fn new(inner: &Arc<Inner>, keys: Vec<Key>, hosts: Vec<String>, base: Uri) -> Self {
        Self { inner: Arc::clone(inner), ending: Ending::new(inner, keys), hosts, base }
    }

    /// Inspects the answer. A refused request has changed nothing.
    pub(super) fn answered<R, E>(mut self, returned: &Result<Response<R>, E>) -> Option<Self> {
        if let Ok(response) = returned {
            if is_refusal(response.status()) {
                self.ending.forgo();
                return None;
            }
            let named = self.named(response.headers());
            self.ending.extend(named);
        }
        Some(self)
    }

    /// The answer is held back until the entries that it outdates are gone, so that a client can read its own writes.
    pub(super) async fn settle(self) {
        self.ending.settle().await;
    }

    /// The other targets that the answer says it has changed.
    fn named(&self, headers: &HeaderMap) -> Vec<Key> {
        let uris = [LOCATION, CONTENT_LOCATION].into_iter().flat_map(|name| headers.get_all(name));
        let base = Resource::of(&self.base);
        let named = uris
            .filter_map(|value| target::resolve(base, std::str::from_utf8(value.as_bytes()).ok()?));
        let (naming, keys) = (&self.inner.naming, self.ending.keys());
        named.flat_map(|uri| naming.keys_named(keys, &self.hosts, &uri)).collect()
    }
}

/// Whether a status says that nothing was done. A timeout (408), or a client that hung up (499 of proxies), may have stopped
/// the handler half-way.
fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status.as_u16(), 408 | 499)
}
