//! What every request reports about its process.

use crate::contained::contained;
use crate::wire::header;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Counts of look-ups since the process started, for the service's statistics.
///
/// # Example
///
/// ```
/// use cachekit_io::http::SessionMetrics;
///
/// let metrics = SessionMetrics::new(90, 6, 4);
/// assert_eq!(metrics.l1_hits, 90);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionMetrics {
    /// Answered by the cache in the process.
    pub l1_hits: u64,
    /// Answered by the shared cache.
    pub l2_hits: u64,
    /// Answered by neither.
    pub misses: u64,
}

impl SessionMetrics {
    /// These counts.
    pub const fn new(l1_hits: u64, l2_hits: u64, misses: u64) -> Self {
        Self { l1_hits, l2_hits, misses }
    }

    /// The share of the process's own hits, with three decimals.
    fn l1_hit_rate(self) -> String {
        let all = u128::from(self.l1_hits) + u128::from(self.l2_hits) + u128::from(self.misses);
        // Rounded half up, in whole thousandths: no float, so no surprise.
        let thousandths = match all {
            0 => 0,
            all => (u128::from(self.l1_hits) * 2000 + all) / (2 * all),
        };
        format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
    }
}

/// Returns the counts when called; see [`CachekitIoBuilder::session_metrics`].
///
/// [`CachekitIoBuilder::session_metrics`]: super::CachekitIoBuilder::session_metrics
pub type SessionMetricsProvider = Arc<dyn Fn() -> SessionMetrics + Send + Sync>;

/// Whether there is a cache in the process, and what counts for it.
#[derive(Clone, Default)]
pub(super) struct L1 {
    pub(super) enabled: bool,
    pub(super) provider: Option<SessionMetricsProvider>,
}

impl L1 {
    /// Adds the headers that change from request to request.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let Some(provider) = self.provider.as_ref().filter(|_| self.enabled) else { return };
        // A counter that panics must not fail the request.
        let Some(metrics) = contained(|| provider()) else {
            headers.insert(
                HeaderName::from_static(header::L1_STATUS),
                HeaderValue::from_static(header::L1_DISABLED),
            );
            return;
        };
        let counts = [
            (header::L1_HITS, metrics.l1_hits),
            (header::L2_HITS, metrics.l2_hits),
            (header::MISSES, metrics.misses),
        ];
        for (name, count) in counts {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(count));
        }
        if let Ok(rate) = HeaderValue::try_from(metrics.l1_hit_rate()) {
            headers.insert(HeaderName::from_static(header::L1_HIT_RATE), rate);
        }
    }

    /// The value of the status header.
    pub(super) fn status(&self) -> &'static str {
        if self.enabled { header::L1_MISS } else { header::L1_DISABLED }
    }
}

impl fmt::Debug for L1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("L1")
            .field("enabled", &self.enabled)
            .field("provider", &self.provider.is_some())
            .finish()
    }
}

/// One per process: clients of the same process are one session.
pub(super) struct Session {
    pub(super) id: HeaderValue,
    pub(super) start: HeaderValue,
}

impl Session {
    pub(super) fn current() -> &'static Self {
        static SESSION: OnceLock<Session> = OnceLock::new();
        SESSION.get_or_init(|| {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let millis = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
            let id = Uuid::new_v4().hyphenated().to_string();
            Self {
                id: HeaderValue::try_from(id).expect("a UUID is hexadecimal digits and hyphens"),
                start: HeaderValue::from(millis),
            }
        })
    }
}
