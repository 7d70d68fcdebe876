//! Limits that were reached: counted each time, logged once for each state of a limit and a tenant.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A limit counts as no longer reached after this many calm ticks; there is about one tick a second.
const CALM_TICKS: u32 = 60;

/// A limit that a peer can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Connections,
    TenantConnections,
    AddressConnections,
    /// The system's limit for everything that the process has open.
    OpenFiles,
    Receiving,
    TenantReceiving,
    Sending,
    TenantSending,
    ConnectionSending,
    TenantRate,
    TenantDay,
    TenantStored,
    TenantLocks,
}

impl Limit {
    pub(crate) const ALL: [Self; 13] = [
        Self::Connections,
        Self::TenantConnections,
        Self::AddressConnections,
        Self::OpenFiles,
        Self::Receiving,
        Self::TenantReceiving,
        Self::Sending,
        Self::TenantSending,
        Self::ConnectionSending,
        Self::TenantRate,
        Self::TenantDay,
        Self::TenantStored,
        Self::TenantLocks,
    ];

    /// What is limited, and to whom the limit applies, for labels.
    pub(crate) const fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Connections => ("connections", "all"),
            Self::TenantConnections => ("connections", "account"),
            Self::AddressConnections => ("connections", "address"),
            Self::OpenFiles => ("open_files", "all"),
            Self::Receiving => ("receiving_bytes", "all"),
            Self::TenantReceiving => ("receiving_bytes", "account"),
            Self::Sending => ("sending_bytes", "all"),
            Self::TenantSending => ("sending_bytes", "account"),
            Self::ConnectionSending => ("sending_bytes", "connection"),
            Self::TenantRate => ("requests_per_second", "account"),
            Self::TenantDay => ("requests_per_day", "account"),
            Self::TenantStored => ("stored_bytes", "account"),
            Self::TenantLocks => ("locks", "account"),
        }
    }

    /// The name: the field of `Limits` or `TenantLimits`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "max_connections",
            Self::TenantConnections => "max_connections_per_tenant",
            Self::AddressConnections => "max_connections_per_address",
            Self::OpenFiles => "open_files",
            Self::Receiving => "max_receiving_bytes",
            Self::TenantReceiving => "max_receiving_bytes_per_tenant",
            Self::Sending => "max_sending_bytes",
            Self::TenantSending => "max_sending_bytes_per_tenant",
            Self::ConnectionSending => "max_sending_bytes_per_connection",
            Self::TenantRate => "requests_per_second",
            Self::TenantDay => "requests_per_day",
            Self::TenantStored => "stored_bytes",
            Self::TenantLocks => "max_locks_per_tenant",
        }
    }
}

/// How often each limit was reached, and which tenants are at it now.
#[derive(Default)]
pub(crate) struct Alarms([Alarm; Limit::ALL.len()]);

#[derive(Default)]
struct Alarm {
    reached: AtomicU64,
    /// The states that were logged, by tenant; the empty name is not a tenant's. A state that ended is removed. Names
    /// come from the API keys, so they bound the number of states.
    states: Mutex<HashMap<Box<str>, State>>,
}

/// One tenant, or all of them, at one limit.
#[derive(Default)]
struct State {
    reached: u64,
    /// `reached` at the last tick.
    seen: u64,
    calm: u32,
}

impl Alarms {
    /// Counts that a limit was reached, by this tenant if it is known.
    pub(crate) fn raise(&self, limit: Limit, tenant: Option<&str>) {
        if self.0[limit as usize].raise(tenant) {
            let name = limit.name();
            // A connection with many large answers at once is normal: they are sent one after the other.
            if limit == Limit::ConnectionSending {
                tracing::info!(limit = name, tenant, "a limit is reached");
            } else {
                tracing::warn!(limit = name, tenant, "a limit is reached");
            }
        }
    }

    pub(crate) fn reached(&self, limit: Limit) -> u64 {
        self.0[limit as usize].reached.load(Relaxed)
    }

    /// A second passed.
    pub(crate) fn tick(&self) {
        for limit in Limit::ALL {
            for (tenant, reached) in self.0[limit as usize].tick() {
                let tenant = Some(&*tenant).filter(|name| !name.is_empty());
                let name = limit.name();
                tracing::info!(limit = name, tenant, reached, "a limit is no longer reached");
            }
        }
    }
}

impl Alarm {
    fn states(&self) -> MutexGuard<'_, HashMap<Box<str>, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a state begins that must be logged.
    fn raise(&self, tenant: Option<&str>) -> bool {
        self.reached.fetch_add(1, Relaxed);
        let name = tenant.unwrap_or_default();
        let mut states = self.states();
        if let Some(state) = states.get_mut(name) {
            state.reached += 1;
            return false;
        }
        states.insert(name.into(), State { reached: 1, ..State::default() });
        true
    }

    /// The states that ended, and how often the limit was reached in each.
    fn tick(&self) -> Vec<(Box<str>, u64)> {
        let mut states = self.states();
        states
            .extract_if(|_, state| state.tick())
            .map(|(name, state)| (name, state.reached))
            .collect()
    }
}

impl State {
    /// Whether the state ended.
    fn tick(&mut self) -> bool {
        if self.seen != self.reached {
            (self.seen, self.calm) = (self.reached, 0);
            return false;
        }
        self.calm += 1;
        self.calm >= CALM_TICKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_told_once_and_ends_when_it_was_calm() {
        let alarm = Alarm::default();
        assert!(alarm.tick().is_empty());
        assert!(alarm.raise(None));
        for _ in 0..3 * CALM_TICKS {
            assert!(!alarm.raise(None), "it is known");
            assert!(alarm.tick().is_empty(), "it goes on");
        }
        let ended: Vec<_> = (0..2 * CALM_TICKS).flat_map(|_| alarm.tick()).collect();
        assert_eq!(ended, [("".into(), u64::from(3 * CALM_TICKS + 1))]);
        assert!(alarm.raise(None), "another one");
    }

    #[test]
    fn each_tenant_has_a_state_of_its_own() {
        let alarm = Alarm::default();
        assert!(alarm.raise(Some("one")));
        assert!(alarm.raise(Some("other")), "one tenant's state does not hide another's");
        assert!(!alarm.raise(Some("one")));
        let ended: Vec<_> = (0..2 * CALM_TICKS)
            .flat_map(|_| {
                alarm.raise(Some("other"));
                alarm.tick()
            })
            .collect();
        assert_eq!(ended, [("one".into(), 2)]);
        assert!(alarm.raise(Some("one")) && !alarm.raise(Some("other")));
        assert_eq!(alarm.states().len(), 2, "what ended takes no room");
    }

    #[test]
    fn every_limit_has_its_own_place() {
        for (at, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, at, "{}", limit.name());
        }
    }
}
