//! Which backend a call uses: that of its attribute, the test scope's, the process's, the environment's.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};

use cachekit_io::{Backend, BackendError, BackendErrorKind, Operation};

use super::connect::connect;
use super::{known, outage};
use crate::scope;
use crate::site::Tier;

/// A kind of backend that environment variables can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The API of cachekit.io.
    CachekitIo,
    /// Redis or Valkey.
    Redis,
    /// A directory of this machine.
    File,
}

impl Source {
    /// Each with the variable that asks for it.
    const ALL: [(Self, &'static str); 3] = [
        (Self::CachekitIo, "CACHEKIT_API_KEY"),
        (Self::Redis, "CACHEKIT_REDIS_URL"),
        (Self::File, "CACHEKIT_FILE_CACHE_DIR"),
    ];

    /// Whether this build can connect.
    fn is_built(self) -> bool {
        match self {
            Self::CachekitIo => cfg!(feature = "io"),
            Self::Redis => cfg!(feature = "redis"),
            Self::File => cfg!(all(feature = "file", unix)),
        }
    }

    /// What a build needs for it.
    pub(super) fn needs(self) -> &'static str {
        match self {
            Self::CachekitIo => "the feature `io` of cachekit",
            Self::Redis => "the feature `redis` of cachekit",
            Self::File => "the feature `file` of cachekit, on Unix",
        }
    }
}

/// The variable that many programs know: it asks only where nothing of ours does.
const FALLBACK: &str = "REDIS_URL";

/// Why the variables lead to no backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// They ask for different backends at once.
    Conflict(Vec<&'static str>),
    /// This build cannot connect to what the variable asks for.
    NotBuilt(Source, &'static str),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(names) => write!(
                f,
                "{} are set at once: keep one, or call `set_default_backend`",
                names.join(" and ")
            ),
            Self::NotBuilt(source, name) => write!(f, "{name} needs {}", source.needs()),
        }
    }
}

/// What the variables ask for.
///
/// A variable of ours that asks for what is not built is refused, not ignored: its operator would take the
/// program's own memory for the backend. `REDIS_URL` may be meant for something else.
fn asked_for(
    is_built: impl Fn(Source) -> bool,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Source>, Refused> {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let set: Vec<_> = Source::ALL.into_iter().filter(|(_, name)| is_set(name)).collect();
    match set[..] {
        [] => Ok((is_built(Source::Redis) && is_set(FALLBACK)).then_some(Source::Redis)),
        [(source, _)] if is_built(source) => Ok(Some(source)),
        [(source, name)] => Err(Refused::NotBuilt(source, name)),
        _ => Err(Refused::Conflict(set.into_iter().map(|(_, name)| name).collect())),
    }
}

/// A backend, none, or why there is none where one was asked for.
pub(crate) type Resolved = Result<Option<Arc<dyn Backend>>, BackendError>;

static DEFAULT: RwLock<Option<Arc<dyn Backend>>> = RwLock::new(None);

/// How often that was replaced; changed under its lock.
static CHANGES: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// What this thread found there, and at which change. Threads that ask all the time would get in each other's way
    /// at the lock. Weak, so that no thread keeps alive a backend that was replaced.
    static LAST: RefCell<(u64, Option<Weak<dyn Backend>>)> = const { RefCell::new((0, None)) };
}

/// Notes that there is no backend, unless one was installed meanwhile. The environment has none.
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

/// The backend for a call on this thread, where its attribute names none.
pub(crate) fn backend(tier: Tier) -> Resolved {
    if let Ok(backend) = scope::settings::backend() {
        return Ok(backend);
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
        (None, Tier::Io) => cachekit_io().map(Some),
    }
}

/// What the environment says for `#[cache]`. Read once.
fn from_environment() -> Resolved {
    static RESOLVED: OnceLock<Resolved> = OnceLock::new();
    static TOLD: AtomicBool = AtomicBool::new(false);
    let resolved = RESOLVED
        .get_or_init(|| {
            match asked_for(Source::is_built, |name| std::env::var_os(name)) {
                Ok(None) => Ok(None),
                // `#[cache::io]` functions have the same one.
                Ok(Some(Source::CachekitIo)) => cachekit_io().map(Some),
                Ok(Some(source)) => connect(source).map(Some),
                Err(refused) => {
                    let error =
                        BackendError::new(BackendErrorKind::Configuration, Operation::Connect);
                    Err(error.with_context(refused.to_string()))
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
    static TOLD: AtomicBool = AtomicBool::new(false);
    let client = CLIENT.get_or_init(|| connect(Source::CachekitIo)).clone();
    tell(&TOLD, client.as_ref().err());
    client
}

/// Says once in the log why there is no backend although one was asked for.
fn tell(told: &AtomicBool, error: Option<&BackendError>) {
    if let Some(error) = error {
        // The text names variables and what they accept, never what they hold.
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

    type Asked = Result<Option<Source>, Refused>;

    fn with(built: &[Source], set: &'static [(&str, &str)]) -> Asked {
        asked_for(
            |source| built.contains(&source),
            |name| {
                let found = set.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| OsString::from(value))
            },
        )
    }

    const EVERYTHING: [Source; 3] = [Source::CachekitIo, Source::Redis, Source::File];
    const KEY: (&str, &str) = ("CACHEKIT_API_KEY", "5ecret");
    const URL: (&str, &str) = ("CACHEKIT_REDIS_URL", "5ecret");
    const DIRECTORY: (&str, &str) = ("CACHEKIT_FILE_CACHE_DIR", "5ecret");
    const COMMON: (&str, &str) = ("REDIS_URL", "5ecret");

    #[test]
    fn one_variable_asks() {
        assert_eq!(with(&EVERYTHING, &[]), Ok(None));
        assert_eq!(with(&EVERYTHING, &[KEY]), Ok(Some(Source::CachekitIo)));
        assert_eq!(with(&EVERYTHING, &[URL]), Ok(Some(Source::Redis)));
        assert_eq!(with(&EVERYTHING, &[DIRECTORY]), Ok(Some(Source::File)));
        assert_eq!(
            with(&EVERYTHING, &[DIRECTORY, (KEY.0, "")]),
            Ok(Some(Source::File)),
            "empty is not set"
        );
        assert_eq!(with(&EVERYTHING, &[("OTHER", "x")]), Ok(None));
    }

    #[test]
    fn two_variables_conflict_whatever_is_built() {
        for built in [&EVERYTHING[..], &EVERYTHING[..1], &[]] {
            let conflict = with(built, &[DIRECTORY, KEY, COMMON]).unwrap_err();
            assert_eq!(conflict, Refused::Conflict(vec![KEY.0, DIRECTORY.0]));
            let said = conflict.to_string();
            let names = "CACHEKIT_API_KEY and CACHEKIT_FILE_CACHE_DIR are set at once";
            assert!(said.starts_with(names) && !said.contains("5ecret"), "{said}");
        }
        let all = with(&EVERYTHING, &[KEY, URL, DIRECTORY]);
        assert_eq!(all, Err(Refused::Conflict(vec![KEY.0, URL.0, DIRECTORY.0])));
    }

    #[test]
    fn the_common_variable_asks_last_and_never_conflicts() {
        assert_eq!(with(&EVERYTHING, &[COMMON]), Ok(Some(Source::Redis)));
        assert_eq!(with(&EVERYTHING, &[COMMON, DIRECTORY]), Ok(Some(Source::File)));
        assert_eq!(with(&EVERYTHING, &[COMMON, KEY]), Ok(Some(Source::CachekitIo)));
        assert_eq!(with(&EVERYTHING, &[COMMON, URL]), Ok(Some(Source::Redis)));
        // It may be meant for another part of the program.
        assert_eq!(with(&[Source::File], &[COMMON]), Ok(None));
    }

    #[test]
    fn what_is_not_built_is_refused_by_the_name_of_its_feature() {
        for (source, set, feature) in [
            (Source::CachekitIo, &[KEY], "CACHEKIT_API_KEY needs the feature `io`"),
            (Source::Redis, &[URL], "CACHEKIT_REDIS_URL needs the feature `redis`"),
            (Source::File, &[DIRECTORY], "CACHEKIT_FILE_CACHE_DIR needs the feature `file`"),
        ] {
            let refused = with(&[], set).unwrap_err();
            assert_eq!(refused, Refused::NotBuilt(source, set[0].0));
            assert!(refused.to_string().starts_with(feature), "{refused}");
        }
    }
}
