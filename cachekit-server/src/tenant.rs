//! The limits of one tenant, and its usage.

use crate::clock::Timestamp;
use crate::limits::Shares;
use crate::room::Room;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

const DAY_MILLIS: u64 = 86_400_000;

/// Limits of one tenant, all its keys together. An unset limit means unlimited.
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
    /// Requests per second in the long run: 1 to 1,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u32>,
    /// Requests at once: 1 to 1,000,000; without it, as many as per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Requests per day (UTC): at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u64>,
    /// Bytes stored: keys, values and the bookkeeping of entries. At least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
}

impl TenantLimits {
    /// Requests at once.
    pub fn burst(&self) -> u32 {
        self.burst.or(self.requests_per_second).unwrap_or(0).max(1)
    }

    /// Whether a server can enforce them.
    ///
    /// # Errors
    ///
    /// [`TenantLimitsError`] names the limit that is zero or too large. To block a tenant, remove its keys.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_server::TenantLimits;
    ///
    /// let limits = TenantLimits { requests_per_second: Some(0), ..TenantLimits::default() };
    /// let error = limits.check().expect_err("nothing could be asked");
    /// assert_eq!(error.to_string(), "requests_per_second is a number from 1 to 1000000");
    /// ```
    pub fn check(&self) -> Result<(), TenantLimitsError> {
        let most = u64::from(MAX_RATE);
        for (name, limit, most) in [
            ("requests_per_second", self.requests_per_second.map(u64::from), most),
            ("burst", self.burst.map(u64::from), most),
            ("requests_per_day", self.requests_per_day, u64::MAX),
            ("stored_bytes", self.stored_bytes, u64::MAX),
        ] {
            if limit.is_some_and(|limit| limit == 0 || limit > most) {
                return Err(TenantLimitsError { name, most });
            }
        }
        Ok(())
    }

    /// These limits, completed by those of `defaults`.
    pub fn or(self, defaults: Self) -> Self {
        Self {
            requests_per_second: self.requests_per_second.or(defaults.requests_per_second),
            burst: self.burst.or(defaults.burst),
            requests_per_day: self.requests_per_day.or(defaults.requests_per_day),
            stored_bytes: self.stored_bytes.or(defaults.stored_bytes),
        }
    }
}

/// The maximum of [`TenantLimits::requests_per_second`] and [`TenantLimits::burst`].
const MAX_RATE: u32 = 1_000_000;

/// Limits that cannot be enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is a number from 1 to {most}")]
pub struct TenantLimitsError {
    name: &'static str,
    most: u64,
}

/// Why a request is refused before anything is done, with the seconds to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Too many requests per second.
    Rate(u64),
    /// The day's requests are spent.
    Quota(u64),
}

/// The usage of all tenants. It outlives a reload of the key file.
pub(crate) struct Tenants {
    known: RwLock<HashMap<Box<str>, Arc<Account>>>,
    shares: Shares,
}

/// The usage of one tenant.
pub(crate) struct Account {
    name: Box<str>,
    counters: Mutex<Counters>,
    /// Bodies that are being received.
    pub(crate) receiving: Room,
    /// Answers that were not received yet.
    pub(crate) sending: Room,
    /// Connections on which its requests run.
    connections: AtomicUsize,
    max_connections: usize,
}

#[derive(Default)]
struct Counters {
    /// When the bucket would be empty again if it were filled at once, in nanoseconds since 1970.
    full_until: u64,
    day: u64,
    today: u64,
}

impl Tenants {
    pub(crate) fn new(shares: Shares) -> Self {
        Self { known: RwLock::default(), shares }
    }

    /// Counts a request of this tenant, unless it exceeds a limit.
    pub(crate) fn admit(
        &self,
        tenant: &str,
        limits: &TenantLimits,
        now: Timestamp,
    ) -> Result<(), Denied> {
        if limits.requests_per_second.is_none() && limits.requests_per_day.is_none() {
            return Ok(());
        }
        let account = self.account(tenant);
        let mut counters = account.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let full_until = counters.rate(limits, now)?;
        counters.quota(limits, now)?;
        // Charged only now: a refused request costs nothing.
        counters.full_until = full_until;
        counters.today += 1;
        Ok(())
    }

    /// The account of a tenant. Names come from the API keys, which bound the number of accounts.
    pub(crate) fn account(&self, tenant: &str) -> Arc<Account> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = known.get(tenant) {
            return Arc::clone(account);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let account = known
            .entry(tenant.into())
            .or_insert_with(|| Arc::new(Account::new(tenant, &self.shares)));
        Arc::clone(account)
    }
}

impl Account {
    pub(crate) fn new(name: &str, shares: &Shares) -> Self {
        Self {
            name: name.into(),
            counters: Mutex::default(),
            receiving: Room::new(shares.receiving),
            sending: Room::new(shares.sending),
            connections: AtomicUsize::new(0),
            max_connections: shares.connections,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Requests of the tenant begin to run on one more connection. Returns whether they may; the connection is counted
    /// in any case, until [`leave`](Self::leave).
    pub(crate) fn enter(&self) -> bool {
        self.connections.fetch_add(1, Relaxed) < self.max_connections
    }

    pub(crate) fn leave(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }

    /// Whether one more connection would be too many.
    pub(crate) fn is_full(&self) -> bool {
        self.connections.load(Relaxed) > self.max_connections
    }
}

impl Counters {
    /// The bucket after one more request: the generic cell rate algorithm.
    fn rate(&self, limits: &TenantLimits, now: Timestamp) -> Result<u64, Denied> {
        let Some(rate) = limits.requests_per_second else { return Ok(self.full_until) };
        let now = now.as_millis().saturating_mul(1_000_000);
        // Rounded up: never more requests than the rate.
        let interval = 1_000_000_000_u64.div_ceil(u64::from(rate.max(1)));
        let after = self.full_until.max(now).saturating_add(interval);
        let tolerated = now.saturating_add(interval.saturating_mul(u64::from(limits.burst())));
        if after > tolerated {
            let wait = (after - tolerated).div_ceil(1_000_000_000).max(1);
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
