//! What a user of cachekit can rely on, shown through the attributes as a user writes them.
//!
//! One file per topic. Every test has its own scope (`cachekit::testing::isolate`) or its own cache, so
//! all of them run in parallel.

extern crate cachekit as other;

mod allocations;
mod backend_option;
#[cfg(unix)]
mod backends;
mod budget;
mod budget_sums;
mod coherence;
mod coherence_own;
mod coherence_places;
mod coherence_subscriptions;
mod command;
mod companions;
mod companions_in_place;
mod destructors;
mod destructors_cache;
mod disable;
mod executors;
mod fill_lock;
mod forms;
mod forms_async;
mod forms_generic;
mod forms_hygiene;
mod forms_methods;
mod forms_more;
mod forms_references;
mod forms_tracing;
mod fragments;
mod fragments_signatures;
mod futures;
mod generic_executors;
mod hangs;
mod http;
mod init_check;
mod interop;
mod invalidation;
mod io_attribute;
mod io_processes;
mod key_templates;
mod large_values;
mod mixed_use;
mod off;
mod options;
mod outcomes;
mod own_cache;
mod programs;
mod published;
mod recursion;
mod refresh_order;
mod registry;
mod rotation;
mod secure;
mod secure_modes;
mod secure_moves;
mod secure_reentry;
mod secure_start;
mod service;
mod shared_faults;
mod shared_guards;
mod shared_identity;
mod shared_identity_processes;
mod shared_invalidation;
mod shared_late_write;
mod shared_log;
mod shared_order;
mod shared_panics;
mod shared_tier;
mod shared_windows;
mod single_flight;
mod stale;
mod stale_failures;
mod stale_refresh;
mod stale_shared;
mod testing_aids;
mod texts;
mod ttl;
mod ui;
mod unwinding;
mod working_set;

/// The crate where a library would re-export it.
mod reexport {
    pub(crate) mod inside {
        pub(crate) use cachekit::*;
    }
}
