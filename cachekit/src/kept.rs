//! `stale = …`: copies of a call's arguments, for the run of its function that comes later.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::path::{Path, PathBuf};

/// An argument that can be copied for later.
#[diagnostic::on_unimplemented(
    message = "`stale` cannot keep a copy of `{Self}`",
    label = "`stale` runs the function again in the background, with a copy of this",
    note = "the type has to be `Clone + Send + 'static`: put what cannot be copied or sent into an `Arc`"
)]
pub trait Keep: Clone + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + 'static> Keep for T {}

/// The target of a borrowed argument, which can be copied for later.
#[diagnostic::on_unimplemented(
    message = "`stale` cannot keep a copy of `{Self}`",
    label = "`stale` runs the function again in the background, with a copy of this",
    note = "the type has to be `Clone + Send + 'static`: put what cannot be copied or sent into an `Arc`"
)]
pub trait KeepBorrowed {
    /// The copy.
    type Kept: Send + 'static;
    /// Makes it.
    fn kept(&self) -> Self::Kept;
    /// Borrows from it.
    fn lent(kept: &Self::Kept) -> &Self;
}

// Not for all of `ToOwned`, nor by its bounds: the compiler's error would be about `Clone` and not
// about `stale`.
#[diagnostic::do_not_recommend]
impl<T: Keep> KeepBorrowed for T {
    type Kept = T;
    fn kept(&self) -> T {
        self.clone()
    }
    fn lent(kept: &T) -> &T {
        kept
    }
}

macro_rules! unsized_types {
    ($([$($generics:tt)*] $borrowed:ty, $owned:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> KeepBorrowed for $borrowed {
            type Kept = $owned;
            fn kept(&self) -> $owned {
                self.to_owned()
            }
            fn lent(kept: &$owned) -> &$borrowed {
                kept
            }
        }
    )*};
}

unsized_types! {
    [] str, String;
    [T: Keep] [T], Vec<T>;
    [] Path, PathBuf;
    [] OsStr, OsString;
    [] CStr, CString;
}

/// The copy of a borrowed argument.
pub type Kept<T> = <T as KeepBorrowed>::Kept;

/// Copies an argument.
pub fn keep<T: Keep>(value: &T) -> T {
    value.clone()
}

/// Copies what an argument points at.
pub fn keep_borrowed<T: KeepBorrowed + ?Sized>(value: &T) -> T::Kept {
    value.kept()
}

/// The copy, in the form that the function takes.
pub fn lend<T: KeepBorrowed + ?Sized>(kept: &T::Kept) -> &T {
    T::lent(kept)
}
