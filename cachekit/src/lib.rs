//! Caching by attribute: put `#[cache(ttl = 60)]` on a function and it is memoized, correctly and fast.
//!
//! ```
//! use cachekit::cache;
//!
//! #[cache(ttl = 60)]
//! fn distance(from: &str, to: &str) -> usize {
//!     // something expensive
//!     from.len().abs_diff(to.len())
//! }
//!
//! distance("Vienna", "Rome");
//! distance("Vienna", "Rome"); // a hit: the body does not run
//! assert_eq!(distance::stats().hits, 1);
//! ```
//!
//! - [`macro@cache`] and [`cache::local`] are the attributes; their pages list every option.
//! - A function `user` gets a companion type `user` with `invalidate`, `refresh`, `peek`, `set`, `contains`,
//!   `key`, `with`, `explain`, `stats`, `clear` and `purge`; a method `get` gets a companion `get_cache` that returns a
//!   [`Handle`].
//! - [`Cache`] is the same cache as an object, for a struct's field or for code without attributes.
//! - [`functions`] lists every annotated function with its policy and counters.
//! - [`testing`] isolates tests from each other and has a mock clock.
//!
//! # What a call does
//!
//! A hit compares the arguments themselves, checks the expiry against a coarse clock and clones the value:
//! no lock, no allocation, no write to memory that another thread reads. On a miss one caller runs the function,
//! however many callers arrive at the same time; the others wait for its result. If it takes longer than 2 seconds (sync)
//! or 5 seconds (async), a waiter runs the function, too. An invalidation takes effect for all threads at once and beats
//! every run that started before it.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | (none) | caching in the process; no HTTP, TLS or cryptography in the dependency tree |
//! | `shared` | `set_default_backend` and `backend = …`: functions share values through a `cachekit_io::Backend` |
//! | `io` | [`cache::io`]: functions share values through cachekit.io; turns `shared` on |
//! | `redis` | Redis and Valkey behind [`macro@cache`]: `CACHEKIT_REDIS_URL`; turns `shared` on |
//! | `file` | a directory of this machine behind [`macro@cache`]: `CACHEKIT_FILE_CACHE_DIR`; turns `shared` on |
//! | `secure` | [`cache::secure`]: values are sealed before they leave the process; turns `shared` on |
//! | `aws-lc-rs` | faster encryption, with a library in C and assembly; turns `secure` on |
//! | `ring` | the same, with the library that `io` and `redis` use for TLS; turns `secure` on |
//! | `interop` | [`interop`]: keys and values that the Python, TypeScript and Rust SDKs share; [`python`] |
//! | `chrono`, `jiff`, `time` | dates of these crates in `interop` keys and values; each turns `interop` on |
//! | `metrics` | `cachekit::metrics`: counters, gauges and histograms for a recorder of the `metrics` facade |
//! | `tracing` | `cachekit::tracing`: spans of calls, of runs and of backends |
//! | `axum` | `cachekit::page`: every function as JSON and as a page, in an axum router |
//! | `tower` | [`responses`]: whole HTTP responses by the rules of RFC 9111, as a `tower::Layer` |
//! | `tokio` | refreshes of async functions (`stale = …`) run on the Tokio runtime of their caller; `shared` turns it on |
//!
//! Features add API; they never change behaviour.
//!
//! # Environment
//!
//! `CACHEKIT_DISABLE`: set to anything but `0`, `false`, `no`, `off` (in any case) or nothing, it makes every cached
//! function run its body at every call, and nothing is stored. Read once, when the first cache is used.
//!
//! With `shared`: `CACHEKIT_SHARED_BUDGET`, the longest wait for the shared tier in milliseconds, unless the program
//! calls `set_shared_budget`. With `io`: `CACHEKIT_API_KEY` and related variables; see [`cache::io`]. With `redis`:
//! `CACHEKIT_REDIS_URL`, then `REDIS_URL`; with `file`: `CACHEKIT_FILE_CACHE_DIR` and related variables. At most one of
//! the `CACHEKIT_` variables may ask for a backend, and the build must have it. With `secure`: `CACHEKIT_MASTER_KEY`
//! and `CACHEKIT_PREVIOUS_MASTER_KEYS`. [`init`] reports what is wrong with any of them.

// If the documentation is built with a nightly compiler, each item says which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Code that only a feature needs is dead without it; builds with all features find code that is never used.
#![cfg_attr(
    not(all(
        feature = "axum",
        feature = "chrono",
        feature = "io",
        feature = "metrics",
        feature = "secure",
        feature = "time",
        feature = "tower",
        feature = "tracing"
    )),
    allow(dead_code, unused_imports)
)]

/// Makes `Debug` show the name of a type and nothing of its content.
macro_rules! opaque {
    ([$($generics:tt)*] $name:literal, $type:ty) => {
        impl<$($generics)*> std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct($name).finish_non_exhaustive()
            }
        }
    };
}

/// Makes a type `Copy` whatever its parameters are: a derive would require it of them, too.
macro_rules! copied {
    ([$($generics:tt)*] $type:ty) => {
        #[allow(clippy::expl_impl_clone_on_copy)]
        impl<$($generics)*> Clone for $type {
            #[inline]
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($generics)*> Copy for $type {}
    };
}

// The steps of an annotated function, in the order of a call.
mod entry;
mod flight;
mod read_through;
mod store;
mod thread_cache;

// The attributes.
mod cached_function;
mod instance;
mod kept;
pub mod key;
mod pinned;
#[doc(hidden)]
pub mod route;
mod rules;
mod scope;
mod sealed;
mod shape;
mod shareable;
mod template;
mod ttl;
mod unwind;
mod workers;

// What users call.
mod background;
mod blocking;
pub mod cache;
#[doc(hidden)]
pub mod companion;
mod contained;
mod error;
mod expiry;
pub mod explain;
mod format;
mod handle;
#[cfg(feature = "interop")]
pub mod interop;
#[cfg(feature = "interop")]
pub mod python;
mod start;
mod stats;
pub mod testing;

#[cfg(feature = "tower")]
pub mod responses;
#[cfg(feature = "secure")]
pub mod secure;
#[cfg_attr(not(feature = "shared"), path = "unshared.rs")]
mod shared;
#[cfg(feature = "shared")]
mod storage_key;

// Records about calls, and the code that uses them.
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg_attr(not(feature = "observe"), path = "observe/disabled.rs")]
mod observe;
mod observer;
#[cfg(feature = "axum")]
pub mod page;
#[cfg(feature = "observe")]
mod report;
#[cfg(feature = "tracing")]
pub mod tracing;

mod clock;
mod counters;
#[cfg_attr(cachekit_model, path = "sync/model.rs")]
mod sync;

#[cfg(all(test, cachekit_model))]
mod model_checks;
#[cfg(all(test, feature = "interop"))]
mod vectors;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use cachekit_macros::cache;

pub use background::set_spawner;
pub use cache::{Cache, CacheBuilder, Item, Iter};
pub use cached_function::{Function, L1, OnTamper, Policy, Tier, TtlPolicy, functions};
pub use equivalent::Equivalent;
pub use error::{Error, ErrorKind, Problem};
pub use expiry::Expiry;
pub use handle::{AsyncHandle, Clear, EntryKey, Handle, Invalidated, Operation};
pub use instance::{Instance, InstanceId};
pub use read_through::{refresh, refresh_async};
#[cfg(feature = "shared")]
pub use shared::{IntoBackend, clear_default_backend, set_default_backend, set_shared_budget};
pub use start::{check, init};
pub use stats::{Refusals, Stats};
pub use store::Cause;
pub use ttl::IntoTtl;

/// Whether `CACHEKIT_DISABLE` turned caching off when it was first read.
pub(crate) fn disabled() -> bool {
    static DISABLED: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        // In any case, like the other switches: what writes environments may write `False`.
        std::env::var_os("CACHEKIT_DISABLE").is_some_and(|value| {
            let no = ["", "0", "false", "no", "off"];
            !no.iter().any(|no| value.eq_ignore_ascii_case(no))
        })
    });
    *DISABLED
}

/// The README and the book: every code block in them is a test.
#[cfg(all(doctest, feature = "io"))]
mod book {
    macro_rules! pages {
        ($($name:ident: $path:literal)*) => {$(
            #[doc = include_str!($path)]
            struct $name;
        )*};
    }

    pages! {
        Readme: "../../README.md"
        CrateReadme: "../README.md"
        Architecture: "../../docs/src/architecture.md"
        Backends: "../../docs/src/backends.md"
        Companions: "../../docs/src/companions.md"
        Configuration: "../../docs/src/configuration.md"
        Failures: "../../docs/src/failures.md"
        Faq: "../../docs/src/faq.md"
        GettingStarted: "../../docs/src/getting-started.md"
        HowACallWorks: "../../docs/src/how-a-call-works.md"
        HttpApi: "../../docs/src/http-api.md"
        Introduction: "../../docs/src/introduction.md"
        OptionsCapacity: "../../docs/src/options/capacity.md"
        OptionsExpiry: "../../docs/src/options/expiry.md"
        OptionsIndex: "../../docs/src/options/index.md"
        OptionsKeys: "../../docs/src/options/keys.md"
        OptionsMethods: "../../docs/src/options/methods.md"
        OptionsNaming: "../../docs/src/options/naming.md"
        OptionsOutcomes: "../../docs/src/options/outcomes.md"
        OptionsStale: "../../docs/src/options/stale.md"
        Observe: "../../docs/src/observe/index.md"
        ObserveExplain: "../../docs/src/observe/explain.md"
        ObserveMetrics: "../../docs/src/observe/metrics.md"
        ObservePage: "../../docs/src/observe/page.md"
        ObserveTracing: "../../docs/src/observe/tracing.md"
        OwnCaches: "../../docs/src/own-caches.md"
        Performance: "../../docs/src/performance.md"
        Recipes: "../../docs/src/recipes.md"
        Testing: "../../docs/src/testing.md"
        Troubleshooting: "../../docs/src/troubleshooting.md"
        TwoTiers: "../../docs/src/two-tiers.md"
    }

    #[cfg(all(feature = "file", unix))]
    pages! {
        FileBackend: "../../docs/src/file-backend.md"
    }

    #[cfg(feature = "secure")]
    pages! {
        Command: "../../docs/src/cli.md"
        OptionsSecure: "../../docs/src/options/secure.md"
        SecurityRotation: "../../docs/src/security/rotation.md"
    }

    #[cfg(feature = "tower")]
    pages! {
        HttpResponses: "../../docs/src/http-responses.md"
    }

    #[cfg(feature = "interop")]
    pages! {
        OptionsSharing: "../../docs/src/options/sharing.md"
    }

    #[cfg(all(feature = "interop", feature = "secure"))]
    pages! {
        Interop: "../../docs/src/interop.md"
    }
}
