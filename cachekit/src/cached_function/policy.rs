//! What an attribute says.

use std::time::Duration;

/// Which tiers a function's values may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tier {
    /// `#[cache::local]`: this process only.
    Local,
    /// `#[cache]`: also the shared backend, if one is installed.
    Shared,
    /// `#[cache::io]`: also the shared backend, which is the cachekit.io API unless another is installed.
    Io,
    /// `#[cache::secure]`: also the shared backend, if one is installed; everything that goes there is
    /// sealed.
    Secure,
}

/// What a `#[cache::secure]` function keeps in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum L1 {
    /// `l1 = sealed`, the default: the sealed bytes, opened and decoded at each hit.
    Sealed,
    /// `l1 = typed`: the values themselves, like all other functions.
    Typed,
    /// `l1 = off`: nothing. Concurrent callers still share one run.
    Off,
}

/// What a `#[cache::secure]` function does when the shared tier answers with an entry that was not sealed for
/// the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnTamper {
    /// `on_tamper = recompute`, the default: runs, and overwrites the entry.
    Recompute,
    /// `on_tamper = error`: returns an error of kind [`Refused`](crate::ErrorKind::Refused).
    Error,
}

/// What the attribute says about expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TtlPolicy {
    /// Entries do not expire.
    Never,
    /// Every entry lives this long.
    Fixed(Duration),
    /// Computed for each entry.
    Dynamic,
}

/// What the attribute says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // A list of what was written.
pub struct Policy {
    /// How long entries live.
    pub ttl: TtlPolicy,
    /// How much the cache holds, in entries or in weight; `None` is the default of 10,000 entries.
    pub capacity: Option<u64>,
    /// Whether entries have their own weight.
    pub weighted: bool,
    /// Whether results are only stored under a condition.
    pub conditional: bool,
    /// The schema version of the values.
    pub version: u32,
    /// The namespace in the shared tier.
    pub namespace: Option<&'static str>,
    /// Whether the function is `async`.
    pub is_async: bool,
    /// Whether the entries live in a [`crate::Cache`] that the attribute names.
    pub own_cache: bool,
    /// Whether the attribute names a backend.
    pub own_backend: bool,
    /// How long after their TTL values are served while the function runs again.
    pub stale: Option<Duration>,
    /// How long unused values stay.
    pub idle: Option<Duration>,
    /// How long a call waits for another process that runs the function; `None`: not at all, each process
    /// runs its own.
    pub fill_lock: Option<Duration>,
    /// What is kept in this process; anything but `Typed` only for `#[cache::secure]`.
    pub l1: L1,
    /// What a refused entry causes; for `#[cache::secure]`.
    pub on_tamper: OnTamper,
    /// The operation of `interop = …`, by which other languages find the function's entries.
    pub interop: Option<&'static str>,
    /// Whether other functions of the program may have the same operation: `interop = shared(…)`.
    pub interop_shared: bool,
    /// Whether the attribute says what the type parameters of the `impl` mean for that operation.
    pub interop_types: bool,
}

/// An attribute without options.
pub const POLICY: Policy = Policy {
    ttl: TtlPolicy::Never,
    capacity: None,
    weighted: false,
    conditional: false,
    version: 0,
    namespace: None,
    is_async: false,
    own_cache: false,
    own_backend: false,
    stale: None,
    idle: None,
    fill_lock: Some(Duration::from_secs(5)),
    l1: L1::Typed,
    on_tamper: OnTamper::Recompute,
    interop: None,
    interop_shared: false,
    interop_types: false,
};

/// What the attributes set, one after the other.
macro_rules! setters {
    ($($setter:ident($field:ident: $type:ty);)*) => {
        #[doc(hidden)]
        #[allow(missing_docs)] // Called by generated code: each sets one field.
        impl Policy {
            $(
                #[must_use]
                pub const fn $setter(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

setters! {
    with_ttl(ttl: TtlPolicy);
    with_capacity(capacity: Option<u64>);
    with_weighted(weighted: bool);
    with_conditional(conditional: bool);
    with_version(version: u32);
    with_namespace(namespace: Option<&'static str>);
    with_is_async(is_async: bool);
    with_own_cache(own_cache: bool);
    with_own_backend(own_backend: bool);
    with_stale(stale: Option<Duration>);
    with_idle(idle: Option<Duration>);
    with_fill_lock(fill_lock: Option<Duration>);
    with_l1(l1: L1);
    with_on_tamper(on_tamper: OnTamper);
    with_interop(interop: Option<&'static str>);
    with_interop_shared(interop_shared: bool);
    with_interop_types(interop_types: bool);
}
