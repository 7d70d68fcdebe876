//! The text of the companions of free functions, as macros that the attribute calls.
//!
//! The attribute could write all of this itself. But each token that it writes is handed to the compiler one by one, by code
//! without optimization in debug builds, and that would cost more than all the rest of the expansion.
//!
//! What is in brackets comes from the attribute: it has the user's names and types, with their hygiene and their places. The
//! names of the companions are among it, so that the compiler points at the attribute and not in here.

/// Companions for all entries: `[stats purge clear] site`.
#[doc(hidden)]
#[macro_export]
macro_rules! __cachekit_whole {
    ([$stats:ident $purge:ident $clear:ident] [$($site:tt)*]) => {
        $crate::__cachekit_whole! { @both [$stats $purge] [$($site)*] }

        /// Drops all entries of this function.
        #[inline]
        pub fn $clear() -> $crate::Invalidated {
            $crate::__private::function_clear($($site)*)
        }
    };
    (async [$stats:ident $purge:ident $clear:ident] [$($site:tt)*]) => {
        $crate::__cachekit_whole! { @both [$stats $purge] [$($site)*] }

        /// Drops all entries of this function.
        #[inline]
        pub fn $clear() -> $crate::Clear {
            $crate::__private::companion::of_async::clear($($site)*)
        }
    };
    (@both [$stats:ident $purge:ident] [$($site:tt)*]) => {
        /// Counters of this function's cache, over all of its generic instances.
        #[inline]
        pub fn $stats() -> $crate::Stats {
            $crate::__private::function_stats($($site)*)
        }

        /// Drops the expired entries of this function, and returns how many there were. They are dropped anyway
        /// when space is needed; this frees their memory now.
        #[inline]
        pub fn $purge() -> ::core::primitive::u64 {
            $crate::__private::function_purge($($site)*)
        }
    };
}

/// Companions for the entry of some arguments.
///
/// Each is a call by path, because a blanket trait of the user may have methods of these names. It
/// passes the handle by value, so that there is nothing left to drop: each costs the compiler little.
#[doc(hidden)]
#[macro_export]
macro_rules! __cachekit_entries {
    (
        [$invalidate:ident $peek:ident $contains:ident $explain:ident $set:ident $key:ident]
        [$($generics:tt)*] [$($bounds:tt)*] [$($turbofish:tt)*]
        [$($arguments:tt)*] [$($names:tt)*] [$($on:tt)*] [$($value:tt)*]
    ) => {
        #[doc(hidden)]
        #[inline]
        fn __cachekit_handle $($generics)* ($($arguments)*) -> $crate::Handle<$($value)*> $($bounds)* {
            $($on)*($($names)* $crate::__private::companion::MakeHandle::<$crate::Handle<$($value)*>>::new())
        }

        /// Drops the entry of these arguments, so that the next call runs the function.
        #[inline]
        pub fn $invalidate $($generics)* ($($arguments)*) -> $crate::Invalidated $($bounds)* {
            $crate::__private::companion::invalidate(Self::__cachekit_handle $($turbofish)* ($($names)*))
        }

        /// The cached value of these arguments, without running the function.
        #[inline]
        pub fn $peek $($generics)* ($($arguments)*) -> ::core::option::Option<$($value)*> $($bounds)* {
            $crate::__private::companion::peek(Self::__cachekit_handle $($turbofish)* ($($names)*))
        }

        /// Whether there is an entry for these arguments.
        #[inline]
        pub fn $contains $($generics)* ($($arguments)*) -> ::core::primitive::bool $($bounds)* {
            $crate::__private::companion::contains(Self::__cachekit_handle $($turbofish)* ($($names)*))
        }

        /// What would happen to a call with these arguments, and why: which tier would answer, and for how long. It
        /// changes nothing.
        #[inline]
        pub fn $explain $($generics)* ($($arguments)*) -> $crate::explain::Explanation $($bounds)* {
            $crate::__private::companion::explain(Self::__cachekit_handle $($turbofish)* ($($names)*))
        }

        /// Stores a value for these arguments, as if the function had returned it.
        #[inline]
        pub fn $set $($generics)* ($($arguments)* cachekit_own_value: $($value)*) $($bounds)* {
            $crate::__private::companion::set(Self::__cachekit_handle $($turbofish)* ($($names)*), cachekit_own_value)
        }

        /// The key of these arguments, for logs and comparisons.
        #[inline]
        pub fn $key $($generics)* ($($arguments)*) -> $crate::EntryKey $($bounds)* {
            $crate::__private::companion::key(Self::__cachekit_handle $($turbofish)* ($($names)*))
        }
    };
    (
        async [$invalidate:ident $peek:ident $contains:ident $explain:ident $set:ident $key:ident]
        [$($generics:tt)*] [$($bounds:tt)*] [$($turbofish:tt)*]
        [$($arguments:tt)*] [$($names:tt)*] [$($on:tt)*] [$($value:tt)*]
    ) => {
        #[doc(hidden)]
        #[inline]
        fn __cachekit_handle $($generics)* ($($arguments)*) -> $crate::__private::Unplaced<$($value)*> $($bounds)* {
            $($on)*($($names)* $crate::__private::companion::MakeHandle::<$crate::__private::Unplaced<$($value)*>>::new())
        }

        /// Drops the entry of these arguments, so that the next call runs the function.
        #[inline]
        pub fn $invalidate $($generics)* ($($arguments)*)
            -> $crate::Operation<$($value)*, (), $crate::Invalidated> $($bounds)*
        {
            $crate::__private::companion::of_async::invalidate(Self::__cachekit_handle $($turbofish)* ($($names)*))
        }

        /// The cached value of these arguments, without running the function.
        #[inline]
        pub fn $peek $($generics)* ($($arguments)*)
            -> $crate::Operation<$($value)*, (), ::core::option::Option<$($value)*>> $($bounds)*
        {
            $crate::__private::companion::of_async::peek(Self::__cachekit_handle $($turbofish)* ($($names)*))
        }

        /// Whether there is an entry for these arguments.
        #[inline]
        pub fn $contains $($generics)* ($($arguments)*)
            -> $crate::Operation<$($value)*, (), ::core::primitive::bool> $($bounds)*
        {
            $crate::__private::companion::of_async::contains(Self::__cachekit_handle $($turbofish)* ($($names)*))
        }

        /// What would happen to a call with these arguments, and why: which tier would answer, and for how long. It
        /// changes nothing.
        #[inline]
        pub fn $explain $($generics)* ($($arguments)*)
            -> $crate::Operation<$($value)*, (), $crate::explain::Explanation> $($bounds)*
        {
            $crate::__private::companion::of_async::explain(Self::__cachekit_handle $($turbofish)* ($($names)*))
        }

        /// Stores a value for these arguments, as if the function had returned it.
        #[inline]
        pub fn $set $($generics)* ($($arguments)* cachekit_own_value: $($value)*)
            -> $crate::Operation<$($value)*, $($value)*, ()> $($bounds)*
        {
            $crate::__private::companion::of_async::set(
                Self::__cachekit_handle $($turbofish)* ($($names)*),
                cachekit_own_value,
            )
        }

        /// The key of these arguments, for logs and comparisons.
        #[inline]
        pub fn $key $($generics)* ($($arguments)*) -> $crate::EntryKey $($bounds)* {
            $crate::__private::companion::of_async::key(Self::__cachekit_handle $($turbofish)* ($($names)*))
        }
    };
}

pub use crate::__cachekit_entries as entries;
pub use crate::__cachekit_whole as whole;
