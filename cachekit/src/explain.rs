//! What would happen to one call, and why: `user::explain(&id)`.

use std::time::Duration;

use crate::stats::Refusal;

mod fields;
mod text;

/// What would happen to one call, and why.
///
/// From `user::explain(…)` of an annotated function, [`Handle::explain`](crate::Handle::explain) of a method, or
/// [`Cache::explain`](crate::Cache::explain). Calling it changes nothing: no hit, no use, no refresh, no run, no write.
/// It reads the shared tier once.
///
/// Printed, it is text for humans; its fields, and `serde::Serialize`, are for programs. It holds neither the arguments
/// nor the value. The [fingerprint](Shared::fingerprint) is part of a hash of the arguments.
///
/// # Example
///
/// ```
/// use cachekit::explain::{Next, ProcessState};
///
/// #[cachekit::cache::local(ttl = 60, if = |n: &u64| *n > 10)]
/// fn square(n: u64) -> u64 { n * n }
///
/// square(9);
/// let explained = square::explain(&9);
/// assert_eq!(explained.next, Next::Process);
/// assert_eq!(explained.process.state, ProcessState::Fresh);
/// assert!(explained.process.left.unwrap().as_secs() >= 59);
///
/// square(2);
/// let explained = square::explain(&2);
/// assert_eq!(explained.next, Next::Runs);
/// assert!(explained.to_string().contains("`if`"), "{explained}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The module and path of the function; `cachekit::Cache` for a cache that is an object.
    pub cache: String,
    /// What the next call gets.
    pub next: Next,
    /// The entry in this process.
    pub process: Process,
    /// The entry in the shared tier.
    pub shared: Shared,
    /// Whether a call runs the function for these arguments now, so that others wait for it.
    pub is_running: bool,
    /// Why the last result for these arguments was not stored; `None` if it was, or if that was too long ago to be known.
    pub not_stored: Option<NotStored>,
    /// How long a run of the function takes on average. Measured only with the feature `metrics` or `axum`, once either
    /// is in use.
    pub cost: Option<Duration>,
}

/// What the next call gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// The value in this process.
    Process,
    /// The same, stale, while the function runs again.
    ProcessStale,
    /// The value in the shared tier.
    Shared,
    /// The same, stale, while the function runs again.
    SharedStale,
    /// The result of the run that is in flight.
    Waits,
    /// The function runs.
    Runs,
    /// The function runs, and nothing is stored: caching is off.
    Off,
    /// An error, and the function does not run: nothing can be sealed, an argument cannot be represented in all
    /// languages, or a sealed entry was refused and the attribute says `on_tamper = error`.
    Refused,
}

/// The entry in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// Whether it can be served.
    pub state: ProcessState,
    /// How much time it has left; for a stale entry, until it may no longer be served. `None`: no expiry, or no entry.
    pub left: Option<Duration>,
    /// How long ago it expired; for a stale or an expired entry.
    pub over: Option<Duration>,
    /// How much of the capacity it takes.
    pub weight: Option<u64>,
}

/// Whether the entry in this process can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessState {
    /// There is none.
    Absent,
    /// Within its TTL.
    Fresh,
    /// Past its TTL, and served while the function runs again: `stale = …`.
    Stale,
    /// Past its TTL.
    Expired,
    /// The shared tier may have changed it: the next call checks there before it serves it again.
    Doubted,
    /// It is sealed, and does not open.
    Refused(Refused),
}

/// The entry in the shared tier.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shared {
    /// What the backend stores for the call.
    pub state: SharedState,
    /// Which kind of backend it is.
    pub backend: Option<&'static str>,
    /// The first sixteen digits of the hash in the storage key, by which it can be found in the backend.
    ///
    /// For a `#[cache::secure]` function in its own format, the hash depends on the key, and reveals nothing about the
    /// arguments. For all others, and with `interop = …`, it is a hash of the arguments without a key (Blake2b, [RFC
    /// 7693]): an attacker with the fingerprint can test guesses of the arguments.
    ///
    /// [RFC 7693]: https://www.rfc-editor.org/rfc/rfc7693
    pub fingerprint: Option<String>,
    /// How long it stays fresh. `None`: no expiry, or it is not fresh.
    pub left: Option<Duration>,
    /// How old the value is.
    pub age: Option<Duration>,
    /// How many bytes are stored.
    pub bytes: Option<usize>,
}

/// What is in the shared tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharedState {
    /// The call uses none: `#[cache::local]`, or no backend is installed.
    NotUsed,
    /// Nothing.
    Absent,
    /// A value within its TTL.
    Fresh,
    /// A value past its TTL that may be served while the function runs again.
    Stale,
    /// A value past its TTL.
    Expired,
    /// Bytes that are not a value of this function: damaged, or of another type or version.
    Unreadable,
    /// It is sealed, and does not open.
    Refused(Refused),
    /// The circuit breaker is open, because the backend failed several times in a row.
    LeftAlone,
    /// The backend did not answer; the kind of its error.
    Failed(&'static str),
    /// An invalidation of it is in flight.
    Overtaken,
    /// Other calls would have the same storage key, so nothing is shared.
    Ambiguous,
    /// Nothing can be sealed for lack of a key, a tenant or a namespace: the function runs at each call, or refuses to.
    Unsealed,
    /// An argument cannot be represented in all languages of `interop = …`, so the call has no key there.
    Unkeyed,
}

/// Why a sealed entry does not open. See [`Refusals`](crate::Refusals).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// Sealed for this entry with a known key, and changed since.
    Tampered,
    /// Sealed with another key, or for another tenant or namespace.
    WrongKey,
    /// Sealed for another entry, function, type or version.
    WrongPlace,
    /// Not sealed in this format.
    Downgraded,
    /// Cut short.
    Damaged,
    /// It opens, but its content cannot be read as this type.
    Unread,
}

/// Why the last result was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotStored {
    /// The attribute's `if` rejected it.
    Condition,
    /// It was an error, and the attribute does not cache errors.
    Error,
    /// It was `None`, which the attribute does not cache.
    None,
    /// Its TTL was zero.
    NoTime,
}

/// A call whose tiers have not been looked at yet.
impl Explanation {
    pub(crate) fn of(cache: String, process: Process, shared: Shared) -> Self {
        Self {
            cache,
            next: Next::Off,
            process,
            shared,
            is_running: false,
            not_stored: None,
            cost: None,
        }
    }

    /// Determines what the next call gets, in the order of a call's own steps. `is_refused`: a call that reaches the
    /// shared tier returns an error, and does not run its function.
    pub(crate) fn concluded(mut self, is_off: bool, is_refused: bool) -> Self {
        self.next = match (self.process.state, self.shared.state) {
            _ if is_off => Next::Off,
            (ProcessState::Fresh, _) => Next::Process,
            (ProcessState::Stale, _) => Next::ProcessStale,
            _ if self.is_running => Next::Waits,
            _ if is_refused => Next::Refused,
            (_, SharedState::Unsealed) => Next::Off,
            (_, SharedState::Fresh) => Next::Shared,
            (_, SharedState::Stale) => Next::SharedStale,
            _ => Next::Runs,
        };
        self
    }
}

impl Process {
    pub(crate) const ABSENT: Self =
        Self { state: ProcessState::Absent, left: None, over: None, weight: None };

    /// Whether a call is served from it.
    pub(crate) fn is_served(&self) -> bool {
        matches!(self.state, ProcessState::Fresh | ProcessState::Stale)
    }
}

impl Shared {
    pub(crate) fn not_used() -> Self {
        Self::state(SharedState::NotUsed)
    }

    pub(crate) fn state(state: SharedState) -> Self {
        Self { state, backend: None, fingerprint: None, left: None, age: None, bytes: None }
    }
}

impl Next {
    /// A fixed lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::ProcessStale => "process_stale",
            Self::Shared => "shared",
            Self::SharedStale => "shared_stale",
            Self::Waits => "waits",
            Self::Runs => "runs",
            Self::Off => "off",
            Self::Refused => "refused",
        }
    }
}

impl ProcessState {
    /// A fixed lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Expired => "expired",
            Self::Doubted => "doubted",
            Self::Refused(refused) => refused.as_str(),
        }
    }
}

impl SharedState {
    /// A fixed lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotUsed => "not_used",
            Self::Absent => "absent",
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Expired => "expired",
            Self::Unreadable => "unreadable",
            Self::Refused(refused) => refused.as_str(),
            Self::LeftAlone => "left_alone",
            Self::Failed(_) => "failed",
            Self::Overtaken => "overtaken",
            Self::Ambiguous => "ambiguous",
            Self::Unsealed => "unsealed",
            Self::Unkeyed => "unkeyed",
        }
    }
}

impl Refused {
    /// A fixed lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tampered => "refused_tampered",
            Self::WrongKey => "refused_wrong_key",
            Self::WrongPlace => "refused_wrong_place",
            Self::Downgraded => "refused_downgraded",
            Self::Damaged => "refused_damaged",
            Self::Unread => "refused_unread",
        }
    }

    const fn why(self) -> &'static str {
        match self {
            Self::Tampered => "it was changed after it was sealed",
            Self::WrongKey => "it was sealed with another key, or for another tenant or namespace",
            Self::WrongPlace => "it was sealed for another entry, function, type or version",
            Self::Downgraded => "it is not sealed in this format",
            Self::Damaged => "it is cut short",
            Self::Unread => "it cannot be read as this type, or there is no key to open it",
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Tampered => Self::Tampered,
            Refusal::WrongKey => Self::WrongKey,
            Refusal::WrongPlace => Self::WrongPlace,
            Refusal::Downgraded => Self::Downgraded,
            Refusal::Damaged => Self::Damaged,
            Refusal::Unread | Refusal::Panicked => Self::Unread,
        }
    }
}

impl NotStored {
    /// A fixed lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Condition => "condition",
            Self::Error => "error",
            Self::None => "none",
            Self::NoTime => "no_time",
        }
    }

    const fn why(self) -> &'static str {
        match self {
            Self::Condition => "the attribute's `if` refused it",
            Self::Error => "it was an error, and errors are not kept without `ttl(err = …)`",
            Self::None => "it was a `None` that the attribute does not keep",
            Self::NoTime => "its time to live was zero",
        }
    }
}

#[cfg(test)]
mod tests;
