//! What a return type needs, and the compile error if it lacks something.
//!
//! The traits are bounds of the checks in `__private`, which point at the return type. Each has one
//! reason, so that a type with two faults gets both errors, and each only once.

use super::{Both, OkOnly, OkShared, Optional, Plain, Rejected};

/// Every hit returns a copy.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cached: it is not `Clone`",
    label = "a hit returns a copy of the value",
    note = "derive `Clone` for the type and what is in it, or return an `Arc` of it"
)]
pub trait Copied: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> Copied for T {}

/// Every thread sees the entry.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cached: it is not `Send` and `Sync`",
    label = "a cached value is shared by all threads",
    note = "use `Arc` in place of `Rc` and `Mutex` or an atomic in place of `RefCell` and `Cell`"
)]
pub trait ForAllThreads: Send + Sync {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync> ForAllThreads for T {}

/// `ttl(err = …)` applies to errors.
#[diagnostic::on_unimplemented(
    message = "`ttl(err = …)` is for functions that return a `Result`",
    label = "the function returns `{Self}`",
    note = "remove `err = …`"
)]
pub trait IsResult {}

impl<T, E> IsResult for Result<T, E> {}

/// `ttl(none = …)` applies to `None`.
#[diagnostic::on_unimplemented(
    message = "`ttl(none = …)` is for functions that return an `Option`",
    label = "the function returns `{Self}`",
    note = "remove `none = …`"
)]
pub trait IsOption {}

impl<T> IsOption for Option<T> {}

/// The parts of a return type that an entry holds, whether they can be cached or not.
pub trait Holds {
    /// The value.
    type Value;
    /// The error, if errors are stored.
    type Error;
}

macro_rules! holds {
    ($($shape:ident<$($param:ident),*>: $value:ty, $error:ty;)*) => {$(
        impl<$($param),*> Holds for $shape<$($param),*> {
            type Value = $value;
            type Error = $error;
        }
    )*};
}

holds! {
    Plain<R>: R, ();
    Optional<T>: T, ();
    OkOnly<T, E>: T, ();
    OkShared<T, E>: T, ();
    Both<T, E>: T, E;
    Rejected<R, V, F, T, E>: T, E;
}
