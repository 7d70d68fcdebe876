//! Operations that do not change the entry.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use cachekit_io::{Backend, BackendError, BoxFuture, Fetched, Operation};

use super::{Failed, RemoteEntry, answer};
use crate::shared::{budget, known, runtime};
use crate::store::Store;

impl RemoteEntry {
    /// Looks without being part of a call: nothing is counted, and the breaker does not learn the outcome.
    pub(in crate::shared) async fn look_aside(
        &self,
        until: Instant,
    ) -> Result<Option<Fetched>, Failed> {
        let (backend, key, timed) = (Arc::clone(&self.backend), self.key.clone(), self.timed);
        let look = async move { get(timed, &*backend, &key).await };
        answer(if self.blocking {
            runtime::elsewhere(until, look)
        } else {
            runtime::bounded(until, pin!(look)).await
        })
    }

    pub(crate) async fn get(
        &self,
        store: &Store,
        until: Instant,
    ) -> Result<Option<Fetched>, Failed> {
        let timed = self.timed;
        self.ask(store, until, Operation::Get, move |backend, key| get(timed, backend, key)).await
    }

    /// Asks a backend whether it is up and, if copies are kept, whether it sends events about changes.
    /// `Err(None)` means no answer.
    pub(crate) async fn health(
        backend: Arc<dyn Backend>,
        copies: bool,
    ) -> Result<(), Option<BackendError>> {
        let until = Instant::now() + budget();
        if copies {
            // Before anything is sent, so that the subscription also covers the backend's first connection.
            known::of(&backend).listens(&backend);
        }
        let health = pin!(async { backend.health().await });
        match runtime::bounded(until, health).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Some(error)),
            Err(_) => Err(None),
        }
    }
}

fn get<'a>(
    timed: bool,
    backend: &'a dyn Backend,
    key: &'a str,
) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
    if timed { backend.get_timed(key) } else { backend.get(key) }
}
