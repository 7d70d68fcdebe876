//! What a status means to a client.

use crate::BackendErrorKind;

/// Classifies the status of an answer that is not a success.
///
/// | status | kind |
/// | --- | --- |
/// | 401, 403 | `Authentication` |
/// | 412 | `Superseded`: only answers to a `PUT` under a lock |
/// | 413 | `TooLarge` |
/// | 429 with `X-CacheKit-Deny-Reason` | `QuotaExceeded` |
/// | 408, 429, 5xx | `Transient` |
/// | everything else, including redirects | `Permanent` |
///
/// What a `404` means depends on the operation; if it is not a miss, it is `Permanent`.
///
/// # Example
///
/// ```
/// use cachekit_io::BackendErrorKind;
/// use cachekit_io::wire::status::classify;
///
/// assert_eq!(classify(503, false), BackendErrorKind::Transient);
/// assert_eq!(classify(429, true), BackendErrorKind::QuotaExceeded);
/// assert_eq!(classify(302, false), BackendErrorKind::Permanent);
/// ```
pub const fn classify(status: u16, deny_reason: bool) -> BackendErrorKind {
    match status {
        401 | 403 => BackendErrorKind::Authentication,
        412 => BackendErrorKind::Superseded,
        413 => BackendErrorKind::TooLarge,
        429 if deny_reason => BackendErrorKind::QuotaExceeded,
        408 | 429 | 500..=599 => BackendErrorKind::Transient,
        _ => BackendErrorKind::Permanent,
    }
}
