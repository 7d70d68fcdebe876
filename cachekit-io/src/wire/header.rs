//! Header names, in lower case as HTTP/2 requires.

/// TTL of a `PUT`, in whole seconds.
pub const TTL: &str = "x-cachekit-ttl";
/// The older name of [`TTL`]. Clients do not send it; servers accept it until version 2.0 of the
/// protocol, if [`TTL`] is missing.
pub const LEGACY_TTL: &str = "x-ttl";
/// How long a value may be served stale after its TTL, in whole seconds. Only together with [`TTL`].
pub const STALE_TTL: &str = "x-cachekit-stale-ttl";
/// `fresh` or `stale`; on an answer to `GET`.
pub const FRESHNESS: &str = "x-cachekit-freshness";
/// Whole seconds for which a copy may be kept; on an answer to `GET`.
pub const FRESH_FOR: &str = "x-cachekit-fresh-for";
/// With a `429`: a quota is spent, and trying again does not help.
pub const DENY_REASON: &str = "x-cachekit-deny-reason";
/// Names the lock that a `DELETE …/lock` releases. On a `PUT`, an extension of our server: the lock under
/// which the value was computed; `412` if it is no longer held, or the key changed since it was acquired.
pub const LOCK_ID: &str = "x-cachekit-lock-id";
/// On the answer to a `DELETE …/lock`, an extension of our server: [`LOCK_RELEASED`] or [`LOCK_NOT_HELD`].
/// The status is `200` for both.
pub const LOCK_RELEASE: &str = "x-cachekit-lock-release";
/// Whether the caller looked into its own cache first: [`L1_MISS`] or [`L1_DISABLED`].
pub const L1_STATUS: &str = "x-cachekit-l1-status";
/// A random id of the calling process.
pub const SESSION_ID: &str = "x-cachekit-session-id";
/// When the calling process started, in milliseconds since 1970.
pub const SESSION_START: &str = "x-cachekit-session-start";
/// Hits in the caller's own cache since it started.
pub const L1_HITS: &str = "x-cachekit-l1-hits";
/// Hits in the shared cache since the caller started.
pub const L2_HITS: &str = "x-cachekit-l2-hits";
/// Misses since the caller started.
pub const MISSES: &str = "x-cachekit-misses";
/// Share of the look-ups that the caller's own cache answered, with three decimals.
pub const L1_HIT_RATE: &str = "x-cachekit-l1-hit-rate";

/// A value of [`LOCK_RELEASE`]: the id held the lock, which is free now.
pub const LOCK_RELEASED: &str = "released";
/// A value of [`LOCK_RELEASE`]: the lease had expired or was released before; nothing changed.
pub const LOCK_NOT_HELD: &str = "not-held";
/// A value of [`L1_STATUS`]: there is a cache in the process and it did not have the value.
pub const L1_MISS: &str = "miss";
/// A value of [`L1_STATUS`]: there is no cache in the process.
pub const L1_DISABLED: &str = "disabled";
/// A value of [`FRESHNESS`].
pub const FRESH: &str = "fresh";
/// A value of [`FRESHNESS`].
pub const STALE: &str = "stale";
/// The type of every cached body.
pub const OCTET_STREAM: &str = "application/octet-stream";
/// The type of the other bodies.
pub const JSON: &str = "application/json";
