//! The data to report for every annotated function, for metrics and for the page.

use std::collections::BTreeMap;

use crate::cached_function::{Function, functions};
use crate::observe::{Cause, Observed, Outcome};
use crate::stats::Stats;
use crate::store::{Calls, StoreRef};

/// The data to report for one function, or for several if the compiler's paths do not distinguish them.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) functions: Vec<Function>,
    pub(crate) stats: Stats,
    pub(crate) calls: Calls,
    /// Of all instantiations that were called.
    pub(crate) stores: Vec<StoreRef>,
}

impl Report {
    fn add(&mut self, function: Function) {
        for store in function.definition().stores() {
            self.stats += store.stats();
            self.calls += store.calls();
            self.stores.push(store);
        }
        self.functions.push(function);
    }

    pub(crate) fn observed(&self) -> impl Iterator<Item = &Observed> {
        self.stores.iter().map(|store| store.observed())
    }

    /// Runs with this outcome and cause.
    pub(crate) fn fills(&self, outcome: Outcome, cause: Cause) -> u64 {
        self.observed().map(|observed| observed.fills(outcome, cause)).sum()
    }

    /// Calls that are waiting for another call's run.
    pub(crate) fn waiters(&self) -> u64 {
        self.observed().map(Observed::waiters).sum()
    }
}

/// Every annotated function by its label: in this thread's test scope, or in the process.
pub(crate) fn all() -> BTreeMap<String, Report> {
    let mut reports = BTreeMap::<String, Report>::new();
    for function in functions() {
        reports.entry(function.definition().label()).or_default().add(function);
    }
    reports
}
