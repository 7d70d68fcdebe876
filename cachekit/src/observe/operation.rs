//! What backends are asked: how long it takes, and what comes of it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use cachekit_io::Backend;

use super::spans::OperationSpan;
use super::{Durations, measures};
use crate::contained::contained;

/// The outcome of an operation that was answered.
pub(crate) const OK: &str = "ok";
/// Its caller was gone before the answer.
const CANCELLED: &str = "cancelled";

/// One operation of a backend. Dropped before its end, it was cancelled.
pub(crate) struct Operation {
    backend: &'static str,
    name: &'static str,
    /// `None`: its time is not measured.
    began: Option<Instant>,
    span: OperationSpan,
    ended: bool,
}

impl Operation {
    pub(crate) fn begins(backend: &Arc<dyn Backend>, operation: cachekit_io::Operation) -> Self {
        // It is the backend's code.
        let backend = contained(|| backend.backend_type()).unwrap_or("unknown");
        let name = operation.as_str();
        let began = measures().then(Instant::now);
        let span = OperationSpan::open(backend, name);
        Self { backend, name, began, span, ended: false }
    }

    /// Has a future run in the operation's span.
    pub(crate) fn within<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.span.within(future)
    }

    pub(crate) fn ended(mut self, outcome: &'static str) {
        self.note(outcome);
    }

    fn note(&mut self, outcome: &'static str) {
        self.ended = true;
        self.span.ended(outcome);
        let Some(began) = self.began else { return };
        let took = began.elapsed();
        let mut known = known();
        let backend = known.entry(self.backend).or_default();
        let durations = Arc::clone(backend.durations.entry((self.name, outcome)).or_default());
        if outcome != OK && outcome != CANCELLED {
            let at = SystemTime::now();
            backend.failure = Some(BackendFailure { operation: self.name, kind: outcome, at });
        }
        drop(known);
        durations.record(took);
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if !self.ended {
            self.note(CANCELLED);
        }
    }
}

/// The last operation of a backend that failed. Without the backend's words: they may hold a secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BackendFailure {
    pub(crate) operation: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) at: SystemTime,
}

/// What is known of the backends of one type.
#[derive(Clone, Default)]
pub(crate) struct Noted {
    /// By operation and outcome.
    pub(crate) durations: BTreeMap<(&'static str, &'static str), Arc<Durations>>,
    pub(crate) failure: Option<BackendFailure>,
}

/// By type of the backend.
type Known = BTreeMap<&'static str, Noted>;

fn known() -> MutexGuard<'static, Known> {
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known of the backends, by type.
pub(crate) fn backends() -> BTreeMap<&'static str, Noted> {
    known().clone()
}
