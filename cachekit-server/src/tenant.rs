//! What one tenant may do, and how much of it is spent.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

const DAY_MILLIS: u64 = 86_400_000;

/// Limits of one tenant, all its keys together. What is not set is not limited.
///
/// # Example
///
/// ```
/// use cachekit_server::TenantLimits;
///
/// let limits = TenantLimits { requests_per_second: Some(100), ..TenantLimits::default() };
/// assert_eq!(limits.burst(), 100);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantLimits {
    /// Requests per second in the long run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u32>,
    /// Requests at once; without it, as many as per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Requests per day (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u64>,
    /// Bytes stored: keys, values and the book-keeping of entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
}

impl TenantLimits {
    /// Requests at once.
    pub fn burst(&self) -> u32 {
        self.burst.or(self.requests_per_second).unwrap_or(0).max(1)
    }

    /// These limits, and those of `defaults` where these say nothing.
    pub fn or(self, defaults: Self) -> Self {
        Self {
            requests_per_second: self.requests_per_second.or(defaults.requests_per_second),
            burst: self.burst.or(defaults.burst),
            requests_per_day: self.requests_per_day.or(defaults.requests_per_day),
            stored_bytes: self.stored_bytes.or(defaults.stored_bytes),
        }
    }
}

/// Why a request is refused before anything is done, with the seconds to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Too many requests per second.
    Rate(u64),
    /// The day's requests are spent.
    Quota(u64),
}

/// What all tenants spent. It outlives a reload of the key file.
#[derive(Default)]
pub(crate) struct Tenants(RwLock<HashMap<Box<str>, Arc<Spent>>>);

#[derive(Default)]
struct Spent(Mutex<Counters>);

#[derive(Default)]
struct Counters {
    /// When the bucket would be empty again if it were filled at once, in microseconds since 1970.
    full_until: u64,
    day: u64,
    today: u64,
}

impl Tenants {
    /// Counts a request of this tenant, unless it is one too many.
    pub(crate) fn admit(
        &self,
        tenant: &str,
        limits: &TenantLimits,
        now: Timestamp,
    ) -> Result<(), Denied> {
        if limits.requests_per_second.is_none() && limits.requests_per_day.is_none() {
            return Ok(());
        }
        let spent = self.spent(tenant);
        let mut counters = spent.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full_until = counters.rate(limits, now)?;
        counters.quota(limits, now)?;
        // Spent only now: a refused request costs nothing.
        counters.full_until = full_until;
        counters.today += 1;
        Ok(())
    }

    fn spent(&self, tenant: &str) -> Arc<Spent> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(spent) = known.get(tenant) {
            return Arc::clone(spent);
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(tenant.into()).or_default())
    }
}

impl Counters {
    /// The bucket after one more request: the generic cell rate algorithm.
    fn rate(&self, limits: &TenantLimits, now: Timestamp) -> Result<u64, Denied> {
        let Some(rate) = limits.requests_per_second else { return Ok(self.full_until) };
        let now = now.as_millis().saturating_mul(1000);
        let interval = 1_000_000 / u64::from(rate.max(1));
        let after = self.full_until.max(now).saturating_add(interval);
        let tolerated = now.saturating_add(interval * u64::from(limits.burst()));
        if after > tolerated {
            let wait = (after - tolerated).div_ceil(1_000_000).max(1);
            return Err(Denied::Rate(wait));
        }
        Ok(after)
    }

    fn quota(&mut self, limits: &TenantLimits, now: Timestamp) -> Result<(), Denied> {
        let day = now.as_millis() / DAY_MILLIS;
        if day != self.day {
            (self.day, self.today) = (day, 0);
        }
        match limits.requests_per_day {
            Some(quota) if self.today >= quota => {
                let left = DAY_MILLIS - now.as_millis() % DAY_MILLIS;
                Err(Denied::Quota(left.div_ceil(1000)))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
