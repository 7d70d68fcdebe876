//! Everything generated code may name, and nothing else. Not covered by semantic versioning: the macros
//! and the runtime are pinned to each other's exact version.

pub use crate::handle::{
    async_handle, async_handle_shared, handle, handle_shared, site_clear, site_clear_async,
    site_stats,
};
pub use crate::instance::instance_part;
pub use crate::key::Part;
pub use crate::object::lookup_in;
pub use crate::read_through::{Miss, lookup, lookup_shared, refresh, refresh_async};
pub use crate::rules::{Defaults, Unknown};
pub use crate::shape::Outcome;
pub use crate::site::{Policy, Registered, Site, SiteInfo, SiteRef, Tier, TtlPolicy};
pub use inventory;

use crate::shape::{Holds, Value};
use crate::shareable::Shareable;

/// The traits behind `(&&&&Outcome::<R>::new()).shape()`.
pub mod shape {
    pub use crate::shape::{OptionShape, PlainShape, ResultBoth, ResultOnly, ResultShared};
}

/// The traits behind `(&&&Part(&argument)).via()`.
pub mod part {
    pub use crate::key::{ViaBorrow, ViaHash, ViaKey, ViaOption};
}

/// Fails to compile, on the return type, if its values cannot be cached.
#[inline]
pub fn check_value<S: Holds>(_shape: &S)
where
    S::Value: Value,
{
}

/// Fails to compile, on the return type, if its values cannot go to a shared tier.
#[inline]
pub fn check_shareable<S: Holds>(_shape: &S)
where
    S::Value: Shareable,
{
}

/// Lists a function in the registry.
#[doc(hidden)]
#[macro_export]
macro_rules! __cachekit_register {
    ($site:path) => {
        $crate::__private::inventory::submit! { $crate::__private::Registered(&$site) }
    };
}

pub use crate::__cachekit_register as register;
