//! What a user of cachekit can rely on, shown through the attributes as a user writes them.
//!
//! One file per topic. Every test has its own scope (`cachekit::testing::isolate`) or its own cache, so
//! all of them run in parallel.

extern crate cachekit as other;

#[cfg(unix)]
mod backends;
mod calls;
mod coherence;
mod command;
mod forms;
mod http;
mod interop;
mod objects;
mod options;
mod published;
#[cfg(unix)]
mod responses;
mod secure;
mod service;
mod shared;
mod stale;
mod testing_aids;
mod texts;

/// The crate where a library would re-export it.
mod reexport {
    pub(crate) mod inside {
        pub(crate) use cachekit::*;
    }
}
