//! From a return type to its shape.
//!
//! `(&&&&Outcome::<R, Reach>::new()).__cachekit_shape()` picks it by method resolution on the type itself,
//! so it sees through aliases (`anyhow::Result`, `type Res<T>`). Every choice is one reference
//! further away. The last ones accept types that cannot be cached: they compile, and the checks do not.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Both, OkOnly, OkShared, Optional, Plain, Rejected};

/// A return type whose shape is picked, for values that go as far as `Reach`.
#[derive(Debug)]
pub struct Outcome<R, Reach>(PhantomData<fn() -> (R, Reach)>);

copied!([R, Reach] Outcome<R, Reach>);

impl<R, Reach> Outcome<R, Reach> {
    /// Picks the shape.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Values stay in this process.
#[derive(Debug)]
pub struct InProcess;

/// Values may go to a shared tier.
#[derive(Debug)]
pub struct Anywhere;

/// Whether values of a type can go as far as `Reach`.
pub trait Fits<Reach> {}

impl<T: Clone + Send + Sync + 'static> Fits<InProcess> for T {}
impl<T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static> Fits<Anywhere> for T {}

macro_rules! choices {
    ($(#[$doc:meta])* $pick:ident::$method:ident: $(
        $from:ty, [$($param:ident $(: $bound:ty)?),*] => $shape:ident<$($arg:ty),*>;
    )*) => {
        $(#[$doc])*
        pub trait $pick {
            /// The shape.
            type Shape;
            /// Picks it.
            fn $method(&self) -> Self::Shape;
        }

        $(
            impl<$($param $(: Fits<$bound>)?,)* X> $pick for $from {
                type Shape = $shape<$($arg),*>;
                #[inline]
                fn $method(&self) -> Self::Shape {
                    $shape::new()
                }
            }
        )*
    };
}

choices! {
    /// Picks the shape of a return type. One trait for all choices: the compiler looks for the method in each trait that is in
    /// scope, for every annotated function.
    Pick::__cachekit_shape:
    // First choice: a `Result` whose error can be copied to waiters.
    &&&Outcome<Result<T, E>, X>, [T: X, E: InProcess] => OkShared<T, E>;
    // Second choice: any other `Result`.
    &&Outcome<Result<T, E>, X>, [T: X, E] => OkOnly<T, E>;
    // Second choice: an `Option`.
    &&Outcome<Option<T>, X>, [T: X] => Optional<T>;
    // Third choice: any other value.
    &Outcome<R, X>, [R: X] => Plain<R>;
    // A `Result` that cannot be cached.
    Outcome<Result<T, E>, X>, [T, E] => Rejected<Result<T, E>, T, E, T, ()>;
    // An `Option` that cannot be cached.
    Outcome<Option<T>, X>, [T] => Rejected<Option<T>, Option<T>, (), T, ()>;
}

choices! {
    /// The same for `ttl(err = …)`.
    PickWithErr::__cachekit_shape_with_err:
    // A `Result` whose error can be stored.
    &&&Outcome<Result<T, E>, X>, [T: X, E: X] => Both<T, E>;
    // A `Result` that cannot be cached.
    Outcome<Result<T, E>, X>, [T, E] => Rejected<Result<T, E>, T, E, T, E>;
}

impl<R, X> Outcome<R, X> {
    /// Any other value that cannot be cached.
    #[inline]
    pub fn __cachekit_shape(self) -> Rejected<R, R, (), R, ()> {
        Rejected::new()
    }

    /// For `ttl(err = …)`: a type without errors.
    #[inline]
    pub fn __cachekit_shape_with_err(self) -> Rejected<R, R, (), R, ()> {
        Rejected::new()
    }
}
