//! Return types of `#[cache::secure]` functions: what an entry of this process holds of them, and what the
//! function can return if nothing can be sealed.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Kind, Shape};
use crate::error::Error;
use crate::format::codec;
use crate::sealed::SealedBytes;
use crate::stats::Refusal;

/// What a function returns instead of running.
pub trait Refuse<R> {
    /// `None`: the function runs all the same.
    fn refuse(error: &Error) -> Option<R>;
}

/// The function's error type takes our error.
#[derive(Clone, Copy, Debug)]
pub struct Fails;

impl<T, E: From<Error>> Refuse<Result<T, E>> for Fails {
    fn refuse(error: &Error) -> Option<Result<T, E>> {
        Some(Err(error.clone().into()))
    }
}

/// The function cannot report an error.
#[derive(Clone, Copy, Debug)]
pub struct Runs;

impl<R> Refuse<R> for Runs {
    fn refuse(_error: &Error) -> Option<R> {
        None
    }
}

/// A return type, tested for whether it can carry our error:
/// `(&Refusing::<R>::new()).__cachekit_refuse()`, by method resolution, so that aliases are seen through.
#[derive(Debug)]
pub struct Refusing<R>(PhantomData<fn() -> R>);

impl<R> Refusing<R> {
    /// Creates the test.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// Last choice: it cannot.
    pub fn __cachekit_refuse(self) -> Runs {
        Runs
    }
}

copied!([R] Refusing<R>);

/// First choice: it can.
pub trait CanFail {
    /// Returns the answer.
    fn __cachekit_refuse(&self) -> Fails;
}

/// That trait, without a name that could hide the user's.
pub mod refusing {
    pub use super::CanFail as _;
}

impl<T, E: From<Error>> CanFail for Refusing<Result<T, E>> {
    fn __cachekit_refuse(&self) -> Fails {
        Fails
    }
}

/// What `on_tamper = error` needs.
#[diagnostic::on_unimplemented(
    message = "`on_tamper = error` needs an error type that is `From<cachekit::Error>`",
    label = "the function returns `{Self}`, which cannot carry the error",
    note = "return a `Result` whose error type implements `From<cachekit::Error>`, or write `on_tamper = recompute`"
)]
pub trait CarriesError {}

#[diagnostic::do_not_recommend]
impl<T, E: From<Error>> CarriesError for Result<T, E> {}

/// Fails to compile, on the option, if the function cannot return our error.
#[inline]
pub fn check_on_tamper<R: CarriesError>(_returned: Refusing<R>) {}

macro_rules! wrappers {
    ($($(#[$doc:meta])* $name:ident, $make:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name<S, F>(PhantomData<fn() -> (S, F)>);

        copied!([S, F] $name<S, F>);

        impl<S, F> fmt::Debug for $name<S, F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        $(#[$doc])*
        #[inline]
        pub fn $make<S, F>(_shape: S, _refuse: F) -> $name<S, F> {
            $name(PhantomData)
        }
    )*};
}

wrappers! {
    /// Entries of this process hold the value.
    Typed, typed;
    /// They hold sealed bytes.
    Sealed, sealed;
}

/// What both delegate to the shape that they wrap.
macro_rules! as_before {
    () => {
        type Return = S::Return;
        type Value = S::Value;
        type View = S::View;
        type Error = S::Error;
        fn kind(ret: &S::Return) -> Kind {
            S::kind(ret)
        }
        fn stored(ret: &S::Return) -> Option<&S::Value> {
            S::stored(ret)
        }
        fn view(ret: &S::Return) -> Option<&S::View> {
            S::view(ret)
        }
        fn error(ret: &S::Return) -> Option<&S::Error> {
            S::error(ret)
        }
        #[inline]
        fn restore(value: S::Value) -> S::Return {
            S::restore(value)
        }
        fn seen(ret: &S::Return) -> Option<&dyn Any> {
            S::seen(ret)
        }
        fn refuse(error: &Error) -> Option<S::Return> {
            F::refuse(error)
        }
        fn share(ret: &S::Return) -> Option<Arc<dyn Any + Send + Sync>> {
            S::share(ret)
        }
        fn unshare(shared: &(dyn Any + Send + Sync)) -> Option<S::Return> {
            S::unshare(shared)
        }
    };
}

impl<S: Shape, F: Refuse<S::Return>> Shape for Typed<S, F> {
    type Stored = S::Stored;
    as_before!();
    #[inline]
    fn kept(value: &S::Value) -> S::Stored {
        S::kept(value)
    }
    #[inline]
    fn read(stored: &S::Stored) -> Result<S::Return, Refusal> {
        S::read(stored)
    }
    #[inline]
    fn lies(stored: &S::Stored) -> Option<&dyn Any> {
        S::lies(stored)
    }
    #[inline]
    fn lies_whole(stored: &S::Stored) -> Option<&S::Return> {
        S::lies_whole(stored)
    }
}

impl<S, F> Shape for Sealed<S, F>
where
    S: Shape<Value: Serialize + DeserializeOwned>,
    F: Refuse<S::Return>,
{
    type Stored = SealedValue<S::Value>;
    const SEALED: bool = true;
    as_before!();
    fn kept(value: &S::Value) -> Self::Stored {
        SealedValue(Stored::Passing(value.clone()))
    }
    fn sealed(_value: &S::Value, bytes: SealedBytes) -> Self::Stored {
        SealedValue(Stored::Sealed(bytes))
    }
    /// Threads that hit one entry would contend for its reference count, so no copy is made.
    fn read(stored: &Self::Stored) -> Result<S::Return, Refusal> {
        match &stored.0 {
            Stored::Sealed(bytes) => decode(bytes).map(S::restore),
            Stored::Passing(value) => Ok(S::restore(value.clone())),
        }
    }
}

/// The value in sealed bytes, opened with the current keys.
fn decode<V: Serialize + DeserializeOwned + 'static>(sealed: &SealedBytes) -> Result<V, Refusal> {
    // The bytes were encoded here, or decoded before: see `codec::decode_again`.
    let decoded = sealed.open(codec::decode_again::<V>)?;
    decoded.map_err(|_| Refusal::Panicked)?.ok_or(Refusal::Unread)
}

/// What an entry holds instead of its value.
#[derive(Clone)]
pub struct SealedValue<V>(Stored<V>);

#[derive(Clone)]
enum Stored<V> {
    Sealed(SealedBytes),
    /// For callers that wait for this very run, in an entry that no other call ever finds.
    Passing(V),
}

impl<V> fmt::Debug for SealedValue<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedValue")
    }
}
