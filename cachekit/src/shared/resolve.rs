//! Which backend a call uses: that of its attribute, the test scope's, the process's, the environment's.

use std::ffi::OsString;
use std::fmt;
use std::sync::{Arc, Once, OnceLock, PoisonError, RwLock};

use cachekit_io::{Backend, BackendError, BackendErrorKind, Operation};

use super::{connect, known, outage};
use crate::site::Tier;
use crate::testing;

/// A kind of backend that environment variables can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The API of cachekit.io.
    CachekitIo,
}

impl Source {
    /// The variables that ask for it, and what connects.
    const ALL: [(Self, &'static [&'static str]); 1] = [(Self::CachekitIo, &["CACHEKIT_API_KEY"])];

    /// Whether this build can connect.
    fn is_built(self) -> bool {
        match self {
            Self::CachekitIo => cfg!(feature = "io"),
        }
    }

    fn connect(self) -> Result<Arc<dyn Backend>, BackendError> {
        match self {
            Self::CachekitIo => connect::cachekit_io(),
        }
    }
}

/// Variables that ask for different backends at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict(Vec<&'static str>);

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} are set at once: keep one, or call `set_default_backend`",
            self.0.join(" and ")
        )
    }
}

/// What the variables ask for, of the backends in `known`.
fn asked_for<S: Copy + PartialEq>(
    known: &[(S, &'static [&'static str])],
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<S>, Conflict> {
    let set = known.iter().filter_map(|&(source, names)| {
        let set = names.iter().find(|name| variable(name).is_some_and(|value| !value.is_empty()));
        set.map(|name| (source, *name))
    });
    let set: Vec<_> = set.collect();
    match set[..] {
        [] => Ok(None),
        [(source, _)] => Ok(Some(source)),
        _ => Err(Conflict(set.into_iter().map(|(_, name)| name).collect())),
    }
}

/// A backend, none, or why there is none where one was asked for.
pub(crate) type Resolved = Result<Option<Arc<dyn Backend>>, BackendError>;

static DEFAULT: RwLock<Option<Arc<dyn Backend>>> = RwLock::new(None);

/// Replaces the process's backend.
pub(super) fn replace(backend: Option<Arc<dyn Backend>>) -> Option<Arc<dyn Backend>> {
    let kept = backend.clone();
    let mut default = DEFAULT.write().unwrap_or_else(PoisonError::into_inner);
    let before = std::mem::replace(&mut *default, backend);
    drop(default);
    if let Some(before) = &before
        && kept.is_none_or(|kept| !std::ptr::addr_eq(Arc::as_ptr(&kept), Arc::as_ptr(before)))
    {
        known::replaced(before, 0);
    }
    before
}

/// The backend for a call on this thread, where its attribute names none.
pub(crate) fn backend(tier: Tier) -> Resolved {
    match testing::backend() {
        testing::ScopeBackend::Scope(backend) => return Ok(backend),
        testing::ScopeBackend::OutOfScope => {}
    }
    let default = DEFAULT.read().unwrap_or_else(PoisonError::into_inner).clone();
    match (default, tier) {
        (Some(backend), _) => Ok(Some(backend)),
        (None, Tier::Local) => Ok(None),
        (None, Tier::Shared | Tier::Secure) => from_environment(),
        (None, Tier::Io) => cachekit_io().map(Some),
    }
}

/// What the environment says for `#[cache]`. Read once.
fn from_environment() -> Resolved {
    static RESOLVED: OnceLock<Resolved> = OnceLock::new();
    static TOLD: Once = Once::new();
    let resolved = RESOLVED
        .get_or_init(|| {
            let known: Vec<_> =
                Source::ALL.into_iter().filter(|(source, _)| source.is_built()).collect();
            match asked_for(&known, |name| std::env::var_os(name)) {
                Ok(None) => Ok(None),
                Ok(Some(Source::CachekitIo)) => cachekit_io().map(Some),
                Err(conflict) => {
                    let error =
                        BackendError::new(BackendErrorKind::Configuration, Operation::Connect);
                    Err(error.with_context(conflict.to_string()))
                }
            }
        })
        .clone();
    tell(&TOLD, resolved.as_ref().err());
    resolved
}

/// The client of cachekit.io. Built once, when it is first needed; a failure lasts.
fn cachekit_io() -> Result<Arc<dyn Backend>, BackendError> {
    static CLIENT: OnceLock<Result<Arc<dyn Backend>, BackendError>> = OnceLock::new();
    static TOLD: Once = Once::new();
    let client = CLIENT.get_or_init(|| Source::CachekitIo.connect()).clone();
    tell(&TOLD, client.as_ref().err());
    client
}

/// Says once in the log why there is no backend although one was asked for.
fn tell(told: &Once, error: Option<&BackendError>) {
    if let Some(error) = error {
        // The text names variables and what they accept, never what they hold.
        told.call_once(|| {
            outage::say(|| {
                tracing::warn!(
                    target: "cachekit",
                    %error,
                    "there is no shared backend: functions that ask for one cache in this process only"
                );
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [(u8, &[&str]); 2] = [(1, &["A_URL", "URL"]), (2, &["B_KEY"])];

    fn with(set: &'static [(&str, &str)]) -> Result<Option<u8>, Conflict> {
        asked_for(&KNOWN, |name| {
            let found = set.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn one_variable_asks_and_two_conflict() {
        assert_eq!(with(&[]), Ok(None));
        assert_eq!(with(&[("URL", "x")]), Ok(Some(1)));
        assert_eq!(with(&[("A_URL", "x"), ("URL", "y")]), Ok(Some(1)), "two names of one thing");
        assert_eq!(with(&[("B_KEY", "x"), ("URL", "")]), Ok(Some(2)), "empty is not set");
        assert_eq!(with(&[("OTHER", "x")]), Ok(None), "what is not built does not ask");
        let conflict = with(&[("B_KEY", "secret"), ("URL", "secret")]).unwrap_err();
        assert!(conflict.to_string().starts_with("URL and B_KEY are set at once"), "{conflict}");
        assert!(!conflict.to_string().contains("secret"));
    }
}
