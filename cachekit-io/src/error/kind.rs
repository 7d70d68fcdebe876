//! What each kind of failure means for the layers above a backend.

use std::fmt;

/// The kinds of failure, by what a caller should do about them.
///
/// | kind | retried | counted by a breaker | fails open |
/// | --- | --- | --- | --- |
/// | [`Transient`](Self::Transient) | yes | yes | yes |
/// | [`Timeout`](Self::Timeout) | yes | yes | yes |
/// | [`QuotaExceeded`](Self::QuotaExceeded) | no | yes | yes |
/// | [`CircuitOpen`](Self::CircuitOpen) | no | no | yes |
/// | [`Backpressure`](Self::Backpressure) | no | no | yes |
/// | [`TooLarge`](Self::TooLarge) | no | no | yes |
/// | [`Unsupported`](Self::Unsupported) | no | no | yes |
/// | [`Superseded`](Self::Superseded) | no | no | yes |
/// | [`Authentication`](Self::Authentication) | no | no | no |
/// | [`Permanent`](Self::Permanent) | no | no | no |
/// | [`InvalidKey`](Self::InvalidKey) | no | no | no |
/// | [`InvalidOption`](Self::InvalidOption) | no | no | no |
/// | [`Configuration`](Self::Configuration) | no | no | no |
///
/// - **Retried**: the same operation may succeed a moment later.
/// - **Counted by a breaker**: the backend itself is in trouble. The other kinds are
///   neutral: neither failures nor successes.
/// - **Fails open**: continuing without the cache fully handles it. A kind that does not fail open
///   is a mistake in the settings or in the calling code, and every further call will repeat it.
///   Explicit calls return it and a check at start-up reports it. An annotated function cannot
///   return it, so it runs and counts the error.
///
/// # Example
///
/// ```
/// use cachekit_io::BackendErrorKind;
///
/// assert!(BackendErrorKind::Timeout.is_retryable());
/// assert!(!BackendErrorKind::CircuitOpen.counts_for_breaker());
/// assert!(!BackendErrorKind::Authentication.fails_open());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// The backend or the connection to it is in trouble right now: connection refused or reset, a
    /// server error, an answer that makes no sense. Retried; counted by a breaker; fails open.
    Transient,
    /// No answer came before the deadline; the operation may or may not have happened. Retried;
    /// counted by a breaker; fails open.
    Timeout,
    /// A quota or balance is spent: the backend refuses until it is replenished. Not retried;
    /// counted by a breaker; fails open.
    QuotaExceeded,
    /// A circuit breaker refused to try. Not retried; not counted by a breaker; fails open.
    CircuitOpen,
    /// Too many calls are already in flight and this one was shed. Not retried; not counted by a
    /// breaker; fails open.
    Backpressure,
    /// The value is larger than the backend accepts. Not retried; not counted by a breaker; fails
    /// open: the value is used and not stored.
    TooLarge,
    /// The backend cannot do this, whatever the key. Not retried; not counted by a breaker; fails
    /// open.
    Unsupported,
    /// A value written under a lock came too late: the lock is gone, or another writer changed the
    /// key since it was acquired. Not retried; not counted by a breaker; fails open: what is stored
    /// is newer.
    Superseded,
    /// The credentials are missing, wrong, or insufficient. Not retried; not counted by a
    /// breaker; does not fail open.
    Authentication,
    /// The backend refused for a reason that will not go away by itself. Not retried; not counted
    /// by a breaker; does not fail open.
    Permanent,
    /// The key cannot be stored there; found before anything was sent. Not retried; not counted by
    /// a breaker; does not fail open.
    InvalidKey,
    /// An option of the call cannot be honoured, such as a TTL of zero; found before
    /// anything was sent. Not retried; not counted by a breaker; does not fail open.
    InvalidOption,
    /// The backend cannot be built from the settings given. Not retried; not counted by a breaker;
    /// does not fail open.
    Configuration,
}

impl BackendErrorKind {
    /// Every kind, in the order of the table above.
    pub const ALL: &'static [Self] = &[
        Self::Transient,
        Self::Timeout,
        Self::QuotaExceeded,
        Self::CircuitOpen,
        Self::Backpressure,
        Self::TooLarge,
        Self::Unsupported,
        Self::Superseded,
        Self::Authentication,
        Self::Permanent,
        Self::InvalidKey,
        Self::InvalidOption,
        Self::Configuration,
    ];

    /// Whether the same operation may succeed when tried again a moment later.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Transient | Self::Timeout)
    }

    /// Whether the backend itself is in trouble.
    pub const fn counts_for_breaker(self) -> bool {
        matches!(self, Self::Transient | Self::Timeout | Self::QuotaExceeded)
    }

    /// Whether continuing without the cache fully handles it.
    pub const fn fails_open(self) -> bool {
        match self {
            Self::Transient
            | Self::Timeout
            | Self::QuotaExceeded
            | Self::CircuitOpen
            | Self::Backpressure
            | Self::TooLarge
            | Self::Unsupported
            | Self::Superseded => true,
            Self::Authentication
            | Self::Permanent
            | Self::InvalidKey
            | Self::InvalidOption
            | Self::Configuration => false,
        }
    }

    /// A fixed lower-case name, fit for a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Timeout => "timeout",
            Self::QuotaExceeded => "quota_exceeded",
            Self::CircuitOpen => "circuit_open",
            Self::Backpressure => "backpressure",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::Superseded => "superseded",
            Self::Authentication => "authentication",
            Self::Permanent => "permanent",
            Self::InvalidKey => "invalid_key",
            Self::InvalidOption => "invalid_option",
            Self::Configuration => "configuration",
        }
    }
}

impl fmt::Display for BackendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transient => "temporary failure",
            Self::Timeout => "no answer in time",
            Self::QuotaExceeded => "quota exceeded",
            Self::CircuitOpen => "circuit breaker is open",
            Self::Backpressure => "too many calls under way",
            Self::TooLarge => "value too large",
            Self::Unsupported => "not supported by this backend",
            Self::Superseded => "superseded by a newer change",
            Self::Authentication => "credentials refused",
            Self::Permanent => "refused",
            Self::InvalidKey => "key not accepted",
            Self::InvalidOption => "option not accepted",
            Self::Configuration => "wrong configuration",
        })
    }
}
