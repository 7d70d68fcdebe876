//! Caching by attribute: put `#[cache(ttl = 60)]` on a function and it is memoized.
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

// What an annotated function runs through, in the order of a call.
mod entry;
mod flight;
mod front;
mod read_through;
mod store;

// What the attributes say.
mod instance;
pub mod key;
mod rules;
mod shape;
mod shareable;
mod site;
mod ttl;

// What people call.
mod builder;
mod handle;
mod object;
mod stats;
pub mod testing;

#[cfg(feature = "shared")]
mod shared;

mod clock;
mod counters;
mod sync;

#[cfg(all(test, cachekit_model))]
mod model;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use cachekit_macros::cache;

pub mod cache {
    //! The attributes beside `#[cache]`. `use cachekit::cache;` imports the attribute and this module: they
    //! share the name.

    pub use cachekit_macros::local;
}

pub use builder::CacheBuilder;
pub use equivalent::Equivalent;
pub use handle::{AsyncHandle, EntryKey, Handle, Invalidated};
pub use instance::{Instance, InstanceId};
pub use object::Cache;
pub use read_through::{refresh, refresh_async};
#[cfg(feature = "shared")]
pub use shared::{clear_default_backend, set_default_backend};
pub use site::{Function, Policy, Tier, TtlPolicy, functions};
pub use stats::Stats;
pub use ttl::IntoTtl;

/// Whether `CACHEKIT_DISABLE` switched caching off when the process first asked.
pub(crate) fn disabled() -> bool {
    static DISABLED: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        std::env::var_os("CACHEKIT_DISABLE")
            .is_some_and(|value| !matches!(value.to_str(), Some("" | "0" | "false" | "no" | "off")))
    });
    *DISABLED
}
