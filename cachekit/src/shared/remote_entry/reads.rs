//! What a backend is asked without changing the entry.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use cachekit_io::{Backend, BackendError, BoxFuture, Fetched, Operation};

use super::{Failed, RemoteEntry, said};
use crate::shared::{budget, known, runtime};
use crate::store::Store;

/// What a look came to that is no part of a call.
pub(in crate::shared) enum Looked {
    Found(Fetched),
    Nothing,
    /// The kind of the error.
    Failed(&'static str),
}

impl RemoteEntry {
    /// Looks without being part of a call: nothing is counted, and the breaker learns nothing.
    pub(in crate::shared) async fn look_aside(&self, until: Instant) -> Looked {
        let (backend, key, timed) = (Arc::clone(&self.backend), self.key.clone(), self.timed);
        let look = async move { get(timed, &*backend, &key).await };
        let reply = if self.blocking {
            runtime::elsewhere(until, look)
        } else {
            runtime::bounded(until, pin!(look)).await
        };
        match reply {
            Ok(Ok(Some(fetched))) => Looked::Found(fetched),
            Ok(Ok(None)) => Looked::Nothing,
            failed => Looked::Failed(said(&failed)),
        }
    }

    pub(crate) async fn get(
        &self,
        store: &Store,
        until: Instant,
    ) -> Result<Option<Fetched>, Failed> {
        let timed = self.timed;
        self.ask(store, until, Operation::Get, move |backend, key| get(timed, backend, key)).await
    }

    /// Asks a backend whether it is up and, where copies are kept, whether it tells of changes. `Err(None)`: no
    /// answer.
    pub(crate) async fn health(
        backend: Arc<dyn Backend>,
        copies: bool,
    ) -> Result<(), Option<BackendError>> {
        let until = Instant::now() + budget();
        if copies {
            // Before anything is sent: what a backend tells from then on is told of its first connection, too.
            known::of(&backend).listens(&backend);
        }
        let answer = pin!(async { backend.health().await });
        match runtime::bounded(until, answer).await {
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
