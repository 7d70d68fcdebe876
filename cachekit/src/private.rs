//! Everything that generated code may name, and nothing else. Not covered by semantic versioning: the
//! macros and the runtime are pinned to each other's exact version.

pub use crate::cache::own::lookup_in;
pub use crate::cached_function::{
    CachedFunction, FunctionRef, L1, OnTamper, POLICY, Policy, Registered, Tier, TtlPolicy,
};
pub use crate::companion::{self, visit, visit_ruled};
pub use crate::handle::{
    Unplaced, function_clear, function_purge, function_stats, handle, handle_ruled,
};
pub use crate::instance::instance_part;
pub use crate::kept::{Kept, keep, keep_borrowed, lend};
pub use crate::key::{BorrowingPart, NamedPart, Part};
pub use crate::pinned::Pinned;
pub use crate::read_through::{
    Asked, Drive, Driving, Forcing, Lead, Miss, Own, Ticket, force, lookup, own, refresh_async_of,
    unboxed,
};
pub use crate::route;
pub use crate::rules::{Defaults, unknown};
pub use crate::shape::pick::{Anywhere, InProcess, Outcome};
#[cfg(feature = "shared")]
pub use crate::shape::secure::{Refusing, check_on_tamper, refusing, sealed, typed};
pub use crate::template::template;
pub use inventory;
// A crate without `std` has no path to it.
pub use std::boxed::Box;

// Generated code does not name these, but the compiler's advice for generic functions does.
pub use crate::kept::{Keep, KeepBorrowed};
pub use crate::key::Keyable;
pub use crate::shape::checks::{Copied, ForAllThreads};
pub use crate::shareable::{Shareable, ShareableKey};

use crate::shape::checks::Holds;

/// The traits behind `(&&&&Outcome::<R, Reach>::new()).__cachekit_shape()`, without names that could hide
/// the user's.
pub mod shape {
    pub use crate::shape::pick::{Pick as _, PickWithErr as _};
}

/// The traits behind `(&&&&Part(&argument)).__cachekit_via().__cachekit_shared()`, likewise.
pub mod part {
    pub use crate::key::{
        Shared as _, Unshared as _, Via as _, ViaNothing as _, ViaUnordered as _, WriteOnly as _,
    };
}

/// Fails to compile, on the return type, if its values cannot be cached.
#[inline]
pub fn check_value<S: Holds>(_shape: &S)
where
    S::Value: Copied + ForAllThreads,
{
}

/// Fails to compile, on the return type, if its values cannot be cached or cannot go to a shared tier.
#[inline]
pub fn check_shareable<S: Holds>(_shape: &S)
where
    S::Value: Copied + ForAllThreads + Shareable,
{
}

/// Fails to compile, on the return type, if its errors cannot be cached.
#[inline]
pub fn check_error<S: Holds>(_shape: &S)
where
    S::Error: Copied + ForAllThreads,
{
}

/// As [`check_error`], for errors that go to a shared tier.
#[inline]
pub fn check_shareable_error<S: Holds>(_shape: &S)
where
    S::Error: Copied + ForAllThreads + Shareable,
{
}

/// The capacity of an attribute that is not a literal. 0 turns the function's cache off.
///
/// # Panics
///
/// Always at compile time: the attribute is the initializer of a static.
#[track_caller]
pub const fn entries(capacity: i128) -> Option<u64> {
    assert!(capacity >= 0, "a capacity must not be negative");
    assert!(capacity <= u64::MAX as i128, "this capacity does not fit in 64 bits");
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(capacity as u64)
}

/// Lists a function in the registry.
#[doc(hidden)]
#[macro_export]
macro_rules! __cachekit_register {
    ($function:path) => {
        $crate::__private::inventory::submit! { $crate::__private::Registered(&$function) }
    };
}

pub use crate::__cachekit_register as register;

/// Tells the compiler the type that the body of an async function returns, in code that does not run.
pub fn never<T>() -> T {
    unreachable!("it is not called")
}
