//! Which faults are due, and what happened so far.

use super::fault::{Effect, Fault};
use super::log::Call;
use crate::listeners::Listeners;
use crate::{BackendError, BackendErrorKind, BoxFuture, Capability, Fetched, Operation};
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The state that the clones of a faulty backend share.
#[derive(Default)]
pub(super) struct Script {
    state: Mutex<State>,
    listeners: Listeners,
    loses_events: AtomicBool,
}

#[derive(Default)]
struct State {
    faults: Vec<Fault>,
    calls: Vec<Call>,
    hidden: Vec<Capability>,
}

/// What should happen to one call.
#[derive(Default)]
pub(super) struct Plan {
    waits: Vec<BoxFuture<'static, ()>>,
    fails: Option<BackendErrorKind>,
    damages: Vec<Arc<dyn Fn(Bytes) -> Bytes + Send + Sync>>,
    /// Confirm the write without carrying it out.
    pub(super) drops_write: bool,
}

impl Script {
    pub(super) fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    pub(super) fn heal(&self) {
        let faults = std::mem::take(&mut self.state().faults);
        drop(faults);
    }

    pub(super) fn hide(&self, capability: Capability) {
        self.state().hidden.push(capability);
    }

    pub(super) fn hides(&self, capability: Capability) -> bool {
        self.state().hidden.contains(&capability)
    }

    /// The listeners of the faulty backend.
    pub(super) fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    pub(super) fn lose_events(&self, lost: bool) {
        self.loses_events.store(lost, Ordering::SeqCst);
    }

    pub(super) fn loses_events(&self) -> bool {
        self.loses_events.load(Ordering::SeqCst)
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    pub(super) fn forget_calls(&self) {
        self.state().calls.clear();
    }

    /// Logs a call and uses up the faults that are due.
    pub(super) fn plan(&self, operation: Operation, keys: &[&str]) -> Plan {
        let mut due = Vec::new();
        {
            let mut state = self.state();
            let mut failed_with = None;
            for fault in &mut state.faults {
                // After one fault that ends the call, the others wait for the next call.
                if failed_with.is_some() || !fault.applies_to(operation) {
                    continue;
                }
                if let Some(remaining) = &mut fault.remaining {
                    *remaining -= 1;
                }
                if let Effect::Fail(kind) = fault.effect {
                    failed_with = Some(kind);
                }
                due.push(fault.effect.clone());
            }
            state.faults.retain(|fault| fault.remaining != Some(0));
            let keys = keys.iter().map(|&key| key.to_owned()).collect();
            state.calls.push(Call { operation, keys, failed_with });
        }
        // Hooks run without a lock: they may look at the log.
        let mut plan = Plan::default();
        for effect in due {
            match effect {
                Effect::Fail(kind) => plan.fails = Some(kind),
                Effect::Wait(hook) => plan.waits.push(hook()),
                Effect::Damage(damage) => plan.damages.push(damage),
                Effect::DropWrite => plan.drops_write = true,
            }
        }
        plan
    }

    /// Logs a call that no fault applies to.
    pub(super) fn note(&self, operation: Operation) {
        self.state().calls.push(Call { operation, keys: Vec::new(), failed_with: None });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    /// Waits, then fails if the plan says so.
    pub(super) async fn begin(&mut self, operation: Operation) -> Result<(), BackendError> {
        for wait in self.waits.drain(..) {
            wait.await;
        }
        match self.fails {
            Some(kind) => {
                Err(BackendError::new(kind, operation).with_context("injected by a test"))
            }
            None => Ok(()),
        }
    }

    /// The value, damaged if the plan says so.
    pub(super) fn value(&self, value: Bytes) -> Bytes {
        self.damages.iter().fold(value, |value, damage| damage(value))
    }

    /// The same for a value that was found.
    pub(super) fn fetched(&self, found: Fetched) -> Fetched {
        if self.damages.is_empty() { found } else { found.map(|value| self.value(value)) }
    }
}
