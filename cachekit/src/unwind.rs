//! What every public type promises about threads and panics.
//!
//! A panic can come out of the user's function, `Clone`, `Eq`, `Hash`, `Drop` or weigher. None of them runs under
//! one of our locks, and an entry is published by one exchange after all of them, so a panic leaves the cache
//! consistent. Types that hold the user's closures, or a backend, do not have these traits by default.

use std::panic::{RefUnwindSafe, UnwindSafe};

use crate::testing::{Clock, Isolated, Scope};
use crate::{AsyncHandle, Cache, CacheBuilder, Error, Function, Handle, Problem};

macro_rules! keeps_its_order {
    ($([$($generics:tt)*] $type:ty;)*) => {$(
        impl<$($generics)*> UnwindSafe for $type {}
        impl<$($generics)*> RefUnwindSafe for $type {}
    )*};
}

keeps_its_order! {
    [K, V] Cache<K, V>;
    [K, V] CacheBuilder<K, V>;
    [R] Handle<R>;
    [R] AsyncHandle<R>;
    [] Scope;
    [] Isolated;
    [] Clock;
    [] Error;
    [] Function;
    [] Problem;
}

#[cfg(test)]
mod tests {
    use std::panic::{RefUnwindSafe, UnwindSafe};

    use super::*;

    fn all_four<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    fn unwinds<T: UnwindSafe + RefUnwindSafe>() {}

    /// Has none of the four.
    type Odd = std::rc::Rc<std::cell::Cell<Box<dyn Fn()>>>;

    #[test]
    fn every_public_type_has_them() {
        all_four::<Cache<String, Vec<u8>>>();
        all_four::<CacheBuilder<String, Vec<u8>>>();
        all_four::<Handle<u32>>();
        all_four::<AsyncHandle<u32>>();
        all_four::<Handle<Result<String, std::io::Error>>>();
        all_four::<crate::EntryKey>();
        all_four::<crate::Invalidated>();
        all_four::<crate::InstanceId>();
        all_four::<crate::Stats>();
        all_four::<crate::Refusals>();
        all_four::<crate::Function>();
        all_four::<crate::Policy>();
        all_four::<crate::Tier>();
        all_four::<crate::TtlPolicy>();
        all_four::<crate::L1>();
        all_four::<crate::OnTamper>();
        all_four::<crate::Error>();
        all_four::<crate::ErrorKind>();
        all_four::<crate::Problem>();
        all_four::<Scope>();
        all_four::<Clock>();
        // A guard of its thread.
        unwinds::<Isolated>();
        // The return type of a handle does not affect the handle.
        all_four::<Handle<Odd>>();
    }
}
