//! JSON bodies. Unknown fields are ignored when read, and none are written, because published
//! clients refuse fields that they do not know.

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

/// Requests a lock: body of `POST …/lock`.
///
/// # Example
///
/// ```
/// use cachekit_io::wire::body::LockRequest;
///
/// let body = serde_json::to_string(&LockRequest { timeout_ms: 5000 })?;
/// assert_eq!(body, r#"{"timeout_ms":5000}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRequest {
    /// How long the lock is held unless it is released, in milliseconds.
    #[serde(deserialize_with = "whole")]
    pub timeout_ms: u64,
}

/// Answers [`LockRequest`], always with `200`.
///
/// # Example
///
/// ```
/// use cachekit_io::wire::body::LockResponse;
///
/// let contested: LockResponse = serde_json::from_str(r#"{"lock_id":null}"#)?;
/// assert_eq!(contested.lock_id, None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockResponse {
    /// The lock, or `None` if it is held.
    #[serde(default)]
    pub lock_id: Option<String>,
}

impl std::fmt::Debug for LockResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Any client that knows the id can release the lock.
        let lock_id = self.lock_id.as_ref().map(|_| "..");
        f.debug_struct("LockResponse").field("lock_id", &lock_id).finish()
    }
}

/// The answer of `GET …/ttl`.
///
/// # Example
///
/// ```
/// use cachekit_io::wire::body::TtlResponse;
///
/// assert_eq!(serde_json::to_string(&TtlResponse { ttl: None })?, r#"{"ttl":null}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TtlResponse {
    /// Seconds until the entry is gone, stale window included and rounded up; `None` if it does not
    /// expire.
    pub ttl: Option<u64>,
}

/// The body of `PATCH …/ttl`.
///
/// # Example
///
/// ```
/// use cachekit_io::wire::body::TtlRequest;
///
/// let wanted: TtlRequest = serde_json::from_str(r#"{"ttl":60}"#)?;
/// assert_eq!(wanted.ttl, 60);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TtlRequest {
    /// The new TTL in seconds, from now.
    #[serde(deserialize_with = "whole")]
    pub ttl: u64,
}

/// The answer of `DELETE` and `PATCH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Always true, because failures have their own status.
    pub success: bool,
}

/// The answer of `GET /v1/cache/health`.
///
/// # Example
///
/// ```
/// use cachekit_io::wire::body::HealthResponse;
///
/// let health: HealthResponse =
///     serde_json::from_str(r#"{"status":"ok","cache_entries":3,"active_locks":0}"#)?;
/// assert_eq!(health.cache_entries, Some(3));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthResponse {
    /// `ok`.
    #[serde(default)]
    pub status: String,
    /// Entries of the caller's tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_entries: Option<u64>,
    /// Locks that the caller's tenant holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_locks: Option<u64>,
    /// The server's version, if it reports one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A whole number. JSON has only one kind of number: some writers send `60.0` for sixty.
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Whole(u64),
        Float(f64),
    }
    match Number::deserialize(from)? {
        Number::Whole(number) => Ok(number),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // Checked just above; values larger than every `u64` become the largest.
        Number::Float(number) if number >= 0.0 && number.fract() == 0.0 => Ok(number as u64),
        Number::Float(_) => Err(D::Error::custom("a whole number is needed")),
    }
}
