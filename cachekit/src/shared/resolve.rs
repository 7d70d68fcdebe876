//! Which backend a call uses: that of its attribute, of the test scope, of the process, or of the environment.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};

use cachekit_io::env::{Refused, Source, asked_for};
use cachekit_io::per_process::PerProcess;
use cachekit_io::{Backend, BackendError, BackendErrorKind, Operation};

use super::connect::connect;
use super::{known, outage};
use crate::cached_function::Tier;
use crate::scope;

/// Whether this build can connect.
fn is_built(source: Source) -> bool {
    match source {
        Source::CachekitIo => cfg!(feature = "io"),
        Source::Redis => cfg!(feature = "redis"),
        Source::File => cfg!(all(feature = "file", unix)),
    }
}

/// What a build needs for it.
pub(super) fn needs(source: Source) -> &'static str {
    match source {
        Source::CachekitIo => "the feature `io` of cachekit",
        Source::Redis => "the feature `redis` of cachekit",
        Source::File => "the feature `file` of cachekit, on Unix",
    }
}

/// Why the variables name no usable backend, and what to do about it in a program.
fn why(refused: &Refused) -> String {
    match refused {
        Refused::Conflict(_) => format!("{refused}, or call `set_default_backend`"),
        Refused::NotBuilt(source) => format!("{} needs {}", source.variable(), needs(*source)),
    }
}

/// A backend; no backend; or why there is no backend although one was requested.
pub(crate) type Resolved = Result<Option<Arc<dyn Backend>>, BackendError>;

static DEFAULT: RwLock<Option<Arc<dyn Backend>>> = RwLock::new(None);

/// How often that was replaced; changed under its lock.
static CHANGES: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// What this thread found there, and at which change. Without it, threads would contend for the lock
    /// all the time. Weak, so that no thread keeps alive a backend that was replaced.
    static LAST: RefCell<(u64, Option<Weak<dyn Backend>>)> = const { RefCell::new((0, None)) };
}

/// Records that there is no backend, unless one was installed meanwhile. The environment has none.
fn note_nowhere() {
    let default = DEFAULT.read().unwrap_or_else(PoisonError::into_inner);
    scope::note_nowhere(default.is_none());
}

/// The process's backend.
fn default_backend() -> Option<Arc<dyn Backend>> {
    let changes = CHANGES.load(Ordering::Acquire);
    let last = LAST.try_with(|last| match &*last.borrow() {
        (at, Some(backend)) if *at == changes => backend.upgrade(),
        _ => None,
    });
    if let Ok(Some(backend)) = last {
        return Some(backend);
    }
    let default = DEFAULT.read().unwrap_or_else(PoisonError::into_inner);
    let (changes, backend) = (CHANGES.load(Ordering::Relaxed), default.clone());
    drop(default);
    let seen = (changes, backend.as_ref().map(Arc::downgrade));
    let _ = LAST.try_with(|last| last.replace(seen));
    backend
}

/// Replaces the process's backend.
pub(super) fn replace(backend: Option<Arc<dyn Backend>>) -> Option<Arc<dyn Backend>> {
    let kept = backend.clone();
    let mut default = DEFAULT.write().unwrap_or_else(PoisonError::into_inner);
    let before = std::mem::replace(&mut *default, backend);
    // Until a call has checked the environment.
    scope::note_nowhere(false);
    CHANGES.fetch_add(1, Ordering::Release);
    drop(default);
    if let Some(before) = &before
        && kept.is_none_or(|kept| !std::ptr::addr_eq(Arc::as_ptr(&kept), Arc::as_ptr(before)))
    {
        known::replaced(before, 0);
    }
    before
}

/// The backend for a call on this thread whose attribute names none.
pub(crate) fn backend(tier: Tier) -> Resolved {
    if let Some(scope) = scope::current() {
        return Ok(scope.backend());
    }
    match (default_backend(), tier) {
        (Some(backend), _) => Ok(Some(backend)),
        (None, Tier::Local) => Ok(None),
        (None, Tier::Shared | Tier::Secure) => {
            let resolved = from_environment();
            if matches!(resolved, Ok(None)) && !scope::is_nowhere() {
                note_nowhere();
            }
            resolved
        }
        (None, Tier::Io) => cachekit_io(),
    }
}

/// What was found in the environment, which is read once.
#[derive(Default)]
struct Found {
    found: OnceLock<Resolved>,
    told: AtomicBool,
}

/// The backend of the environment for `#[cache]`.
fn from_environment() -> Resolved {
    // A backend of the parent has its threads and connections, so a forked child connects by itself.
    static RESOLVED: PerProcess<Found> = PerProcess::new();
    let Found { found, told } = RESOLVED.get();
    let resolved = found
        .get_or_init(|| {
            match asked_for(is_built, |name| std::env::var_os(name)) {
                Ok(None) => Ok(None),
                // `#[cache::io]` functions have the same client.
                Ok(Some(Source::CachekitIo)) => cachekit_io(),
                Ok(Some(source)) => connect(source).map(Some),
                Err(refused) => {
                    let error =
                        BackendError::new(BackendErrorKind::Configuration, Operation::Connect);
                    Err(error.with_context(why(&refused)))
                }
            }
        })
        .clone();
    tell(told, resolved.as_ref().err());
    resolved
}

/// The client of cachekit.io. Built once, when it is first needed; a failure lasts.
fn cachekit_io() -> Resolved {
    static CLIENT: PerProcess<Found> = PerProcess::new();
    let Found { found, told } = CLIENT.get();
    let client = found.get_or_init(|| connect(Source::CachekitIo).map(Some)).clone();
    tell(told, client.as_ref().err());
    client
}

/// Logs once why there is no backend although one was requested.
fn tell(told: &AtomicBool, error: Option<&BackendError>) {
    if let Some(error) = error {
        // The text names variables and what they accept, never their values.
        outage::say_once(told, || {
            tracing::warn!(
                target: "cachekit",
                %error,
                "there is no shared backend: functions that ask for one cache in this process only"
            );
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do() {
        let conflict = Refused::Conflict(vec![Source::CachekitIo, Source::File]);
        assert_eq!(
            why(&conflict),
            "CACHEKIT_API_KEY and CACHEKIT_FILE_CACHE_DIR are set at once: keep one, or call `set_default_backend`"
        );
        for (source, said) in [
            (Source::CachekitIo, "CACHEKIT_API_KEY needs the feature `io` of cachekit"),
            (Source::Redis, "CACHEKIT_REDIS_URL needs the feature `redis` of cachekit"),
            (Source::File, "CACHEKIT_FILE_CACHE_DIR needs the feature `file` of cachekit, on Unix"),
        ] {
            assert_eq!(why(&Refused::NotBuilt(source)), said);
        }
    }
}
