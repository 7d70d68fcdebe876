//! Inputs and outputs of a backend.

use crate::{BackendError, BackendErrorKind, LockToken, Operation};
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Whether an entry is within its TTL or in the stale window after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Freshness {
    /// Within its TTL.
    Fresh,
    /// Past its TTL, kept for the stale window: usable while it is refreshed.
    Stale,
}

/// A value found in a backend, and how fresh it is.
///
/// `Debug` shows the length of the value, never the value.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit_io::Fetched;
/// use std::time::Duration;
///
/// let found = Fetched::fresh(Bytes::from_static(b"v")).with_fresh_for(Duration::from_secs(5));
/// assert_eq!(found.value(), "v");
/// assert_eq!(found.fresh_for(), Some(Duration::from_secs(5)));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Fetched {
    value: Bytes,
    freshness: Freshness,
    fresh_for: Option<Duration>,
}

impl Fetched {
    /// A fresh value without a bound on how long it stays fresh.
    pub fn fresh(value: Bytes) -> Self {
        Self { value, freshness: Freshness::Fresh, fresh_for: None }
    }

    /// A stale value: it is fresh for zero time.
    pub fn stale(value: Bytes) -> Self {
        Self { value, freshness: Freshness::Stale, fresh_for: Some(Duration::ZERO) }
    }

    /// Bounds how long the value stays fresh. A stale value stays stale.
    pub fn with_fresh_for(mut self, bound: Duration) -> Self {
        if self.freshness == Freshness::Fresh {
            self.fresh_for = Some(bound);
        }
        self
    }

    /// The bytes.
    pub fn value(&self) -> &Bytes {
        &self.value
    }

    /// The bytes, without the rest.
    pub fn into_value(self) -> Bytes {
        self.value
    }

    /// The same result with another value: for decorators that open, check or wrap what was stored.
    ///
    /// # Example
    ///
    /// ```
    /// use bytes::Bytes;
    /// use cachekit_io::Fetched;
    ///
    /// let found = Fetched::stale(Bytes::from_static(b"header:body"));
    /// let body = found.map(|value| value.slice(7..));
    /// assert_eq!(body.value(), "body");
    /// assert!(!body.is_fresh());
    /// ```
    pub fn map(self, change: impl FnOnce(Bytes) -> Bytes) -> Self {
        Self { value: change(self.value), ..self }
    }

    /// Whether the value is fresh or stale.
    pub fn freshness(&self) -> Freshness {
        self.freshness
    }

    /// Whether the value is fresh.
    pub fn is_fresh(&self) -> bool {
        self.freshness == Freshness::Fresh
    }

    /// For how much longer the value is fresh at most; `None` if the backend sets no bound.
    pub fn fresh_for(&self) -> Option<Duration> {
        self.fresh_for
    }

    /// How long a local copy may be kept if the caller would keep it for `wanted`; `None` if
    /// no copy may be kept, because the value is stale or about to be.
    ///
    /// # Example
    ///
    /// ```
    /// use bytes::Bytes;
    /// use cachekit_io::Fetched;
    /// use std::time::Duration;
    ///
    /// let (short, long) = (Duration::from_secs(5), Duration::from_secs(60));
    /// let value = Bytes::from_static(b"v");
    /// let bounded = Fetched::fresh(value.clone()).with_fresh_for(short);
    /// assert_eq!(bounded.local_lifetime(long), Some(short));
    /// assert_eq!(Fetched::fresh(value.clone()).local_lifetime(long), Some(long));
    /// assert_eq!(Fetched::stale(value).local_lifetime(long), None);
    /// ```
    pub fn local_lifetime(&self, wanted: Duration) -> Option<Duration> {
        let lifetime = match (self.freshness, self.fresh_for) {
            (Freshness::Stale, _) => Duration::ZERO,
            (Freshness::Fresh, Some(bound)) => bound.min(wanted),
            (Freshness::Fresh, None) => wanted,
        };
        (!lifetime.is_zero()).then_some(lifetime)
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("value_len", &self.value.len())
            .field("freshness", &self.freshness)
            .field("fresh_for", &self.fresh_for)
            .finish()
    }
}

/// How long a value is kept.
///
/// The entry is fresh for `ttl`, then stale for `stale_ttl`, then gone. Without a `ttl` it stays
/// until it is deleted or evicted. Every write replaces both windows.
///
/// # Example
///
/// ```
/// use cachekit_io::SetOptions;
/// use std::time::Duration;
///
/// let options = SetOptions::new()
///     .ttl(Duration::from_secs(60))
///     .stale_ttl(Duration::from_secs(30));
/// assert_eq!(options.ttl, Some(Duration::from_secs(60)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SetOptions {
    /// How long the entry is fresh; `None` means forever.
    pub ttl: Option<Duration>,
    /// How long it may then be served as stale; `None` or zero means not at all.
    pub stale_ttl: Option<Duration>,
    /// The lock under which the value was computed. A backend that supports this refuses the
    /// value ([`Superseded`](BackendErrorKind::Superseded)) once the lock is no longer held, and once
    /// the key was deleted, or written without this lock, since it was acquired. Other backends ignore it.
    pub lock: Option<LockToken>,
    /// Other programs read the value and do not know our layout, so it is stored unchanged. A store that would
    /// otherwise write the stale window into the value drops the entry at the end of [`ttl`](Self::ttl).
    pub verbatim: bool,
    /// What this write replaces may be held as current by other processes. A backend whose processes notify each other
    /// reports a plain write in any case, and a write with a fence or under a lock only with this: most of those fill
    /// an entry that no process has.
    pub replaces: bool,
}

impl SetOptions {
    /// Fresh forever.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fresh for this long.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Stale for this long after the TTL.
    pub fn stale_ttl(mut self, stale_ttl: Duration) -> Self {
        self.stale_ttl = Some(stale_ttl);
        self
    }

    /// Computed under this lock.
    pub fn lock(mut self, lock: LockToken) -> Self {
        self.lock = Some(lock);
        self
    }

    /// Stored unchanged, for programs that do not know our layout.
    pub fn verbatim(mut self) -> Self {
        self.verbatim = true;
        self
    }

    /// Replaces what other processes may hold as current.
    pub fn replacing(mut self) -> Self {
        self.replaces = true;
        self
    }

    /// Checks options that no backend can honour; backends call it before they send anything.
    ///
    /// # Errors
    ///
    /// [`BackendErrorKind::InvalidOption`] for a TTL of zero and for a stale window
    /// without a TTL.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::{Operation, SetOptions};
    /// use std::time::Duration;
    ///
    /// let nothing = SetOptions::new().ttl(Duration::ZERO);
    /// assert!(nothing.validate(Operation::Set).unwrap_err().is_invalid_option());
    /// ```
    pub fn validate(&self, operation: Operation) -> Result<(), BackendError> {
        let refused = match (self.ttl, self.stale_ttl) {
            (Some(Duration::ZERO), _) => "a time to live of zero",
            (None, Some(stale_ttl)) if !stale_ttl.is_zero() => {
                "a stale window without a time to live"
            }
            _ => return Ok(()),
        };
        Err(BackendError::new(BackendErrorKind::InvalidOption, operation).with_context(refused))
    }
}

/// The answer of a backend that is up.
///
/// # Example
///
/// ```
/// use cachekit_io::Health;
/// use std::time::Duration;
///
/// let health = Health::new("redis", Duration::from_millis(2)).with_detail("entries", "17");
/// assert_eq!(health.detail("entries"), Some("17"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The kind of backend that answered, such as `memory`.
    pub backend_type: Cow<'static, str>,
    /// How long the answer took.
    pub latency: Duration,
    /// Further details, as names and values fit for a log: no secrets.
    pub details: Vec<(Cow<'static, str>, String)>,
}

impl Health {
    /// A backend of this type answered after this long.
    pub fn new(backend_type: impl Into<Cow<'static, str>>, latency: Duration) -> Self {
        Self { backend_type: backend_type.into(), latency, details: Vec::new() }
    }

    /// Adds one more fact.
    pub fn with_detail(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.details.push((name.into(), value.into()));
        self
    }

    /// The fact of this name.
    pub fn detail(&self, name: &str) -> Option<&str> {
        let found = self.details.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}
