//! Limits that are reached: counted each time, logged once for each state.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// A limit is no longer reached after this many calm ticks; there is about one in a second.
const CALM_TICKS: u32 = 60;

/// A limit that a peer can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Connections,
    TenantConnections,
    AddressConnections,
    Receiving,
    TenantReceiving,
    Sending,
    TenantSending,
    ConnectionSending,
}

impl Limit {
    pub(crate) const ALL: [Self; 8] = [
        Self::Connections,
        Self::TenantConnections,
        Self::AddressConnections,
        Self::Receiving,
        Self::TenantReceiving,
        Self::Sending,
        Self::TenantSending,
        Self::ConnectionSending,
    ];

    /// What is limited, and whose it is, for labels.
    pub(crate) const fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Connections => ("connections", "all"),
            Self::TenantConnections => ("connections", "account"),
            Self::AddressConnections => ("connections", "address"),
            Self::Receiving => ("receiving_bytes", "all"),
            Self::TenantReceiving => ("receiving_bytes", "account"),
            Self::Sending => ("sending_bytes", "all"),
            Self::TenantSending => ("sending_bytes", "account"),
            Self::ConnectionSending => ("sending_bytes", "connection"),
        }
    }

    /// The name, which is that of the field of `Limits`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "max_connections",
            Self::TenantConnections => "max_connections_per_tenant",
            Self::AddressConnections => "max_connections_per_address",
            Self::Receiving => "max_receiving_bytes",
            Self::TenantReceiving => "max_receiving_bytes_per_tenant",
            Self::Sending => "max_sending_bytes",
            Self::TenantSending => "max_sending_bytes_per_tenant",
            Self::ConnectionSending => "max_sending_bytes_per_connection",
        }
    }
}

/// How often each limit was reached, and whether it is now.
#[derive(Default)]
pub(crate) struct Alarms([Alarm; Limit::ALL.len()]);

#[derive(Default)]
struct Alarm {
    reached: AtomicU64,
    /// The state that was logged.
    on: AtomicBool,
    /// `reached` at the last tick.
    seen: AtomicU64,
    calm: AtomicU32,
}

impl Alarms {
    /// Counts that a limit was reached, by this tenant if it is known.
    pub(crate) fn raise(&self, limit: Limit, tenant: Option<&str>) {
        if self.0[limit as usize].raise() {
            let name = limit.name();
            // A connection with many large answers at once is no trouble: they come one after the other.
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
            let alarm = &self.0[limit as usize];
            if alarm.tick() {
                let reached = alarm.reached.load(Relaxed);
                tracing::info!(limit = limit.name(), reached, "a limit is no longer reached");
            }
        }
    }
}

impl Alarm {
    /// Whether a state begins that has to be logged.
    fn raise(&self) -> bool {
        self.reached.fetch_add(1, Relaxed);
        !self.on.load(Relaxed) && !self.on.swap(true, Relaxed)
    }

    /// Whether the state ended.
    fn tick(&self) -> bool {
        if !self.on.load(Relaxed) {
            return false;
        }
        let reached = self.reached.load(Relaxed);
        if self.seen.swap(reached, Relaxed) != reached {
            self.calm.store(0, Relaxed);
            return false;
        }
        let calm = self.calm.fetch_add(1, Relaxed) + 1;
        calm >= CALM_TICKS && self.on.swap(false, Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_told_once_and_ends_when_it_was_calm() {
        let alarm = Alarm::default();
        assert!(!alarm.tick());
        assert!(alarm.raise());
        for _ in 0..3 * CALM_TICKS {
            assert!(!alarm.raise(), "it is known");
            assert!(!alarm.tick(), "it goes on");
        }
        let ends = (0..2 * CALM_TICKS).filter(|_| alarm.tick()).count();
        assert_eq!(ends, 1);
        assert!(alarm.raise(), "another one");
    }

    #[test]
    fn every_limit_has_its_own_place() {
        for (at, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, at, "{}", limit.name());
        }
    }
}
