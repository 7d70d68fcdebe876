//! What a function returns, as the cache sees it: a value, an `Option` or a `Result`.
//!
//! [`pick`] finds the shape of a return type, [`checks`] report why a type has none, and
//! `cache::own` checks whether it fits a cache of the user's.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::Error;
use crate::sealed::SealedBytes;
use crate::stats::Refusal;

pub(crate) mod checks;
pub(crate) mod pick;
#[cfg(feature = "shared")]
pub(crate) mod secure;

/// The outcome of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value, `Some` or `Ok`.
    Value,
    /// `None`.
    None,
    /// `Err`.
    Err,
}

/// How a return type is stored and rebuilt.
pub trait Shape: Copy + Send + Sync {
    /// The function's return type.
    type Return;
    /// The part of it that can be stored.
    type Value: Clone + Send + Sync + 'static;
    /// What an entry of this process holds: the value, or its sealed form.
    type Stored: Clone + Send + Sync + 'static;
    /// What the closures of the attribute see: `T` of a `Result<T, E>`, otherwise the return type.
    type View: ?Sized;
    /// The error type of a `Result`, otherwise unused.
    type Error: ?Sized;

    /// Classifies a return value.
    fn kind(ret: &Self::Return) -> Kind;
    /// The value to store, if any.
    fn stored(ret: &Self::Return) -> Option<&Self::Value>;
    /// The value that the attribute's closures see, if any.
    fn view(ret: &Self::Return) -> Option<&Self::View>;
    /// The error, if there is one.
    fn error(_ret: &Self::Return) -> Option<&Self::Error> {
        None
    }
    /// Rebuilds the function's return value.
    fn restore(value: Self::Value) -> Self::Return;
    /// Whether entries may only hold what [`sealed`](Self::sealed) returns.
    const SEALED: bool = false;
    /// The value for an entry of this process. If entries are sealed, it is only for callers that wait
    /// for a value that is not stored anywhere.
    fn kept(value: &Self::Value) -> Self::Stored;
    /// The value for an entry of this process, if its sealed bytes are known.
    fn sealed(value: &Self::Value, _bytes: SealedBytes) -> Self::Stored {
        Self::kept(value)
    }
    /// The function's return value from an entry of this process.
    fn read(stored: &Self::Stored) -> Result<Self::Return, Refusal>;
    /// The stored value, if it is stored as it is; for a `Result`, the `Ok` value.
    #[inline]
    fn lies(_stored: &Self::Stored) -> Option<&dyn Any> {
        None
    }
    /// The function's whole return value, if it is stored as it is.
    #[inline]
    fn lies_whole(_stored: &Self::Stored) -> Option<&Self::Return> {
        None
    }
    /// The value of a return value; for a `Result`, the `Ok` value.
    fn seen(ret: &Self::Return) -> Option<&dyn Any> {
        Self::stored(ret).map(|value| value as &dyn Any)
    }
    /// What the function returns instead of running; `None`: it runs all the same.
    fn refuse(_error: &Error) -> Option<Self::Return> {
        None
    }
    /// A copy of a value that is not stored, for callers that waited for it.
    fn share(_ret: &Self::Return) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
    /// The copy, for one of them.
    fn unshare(_shared: &(dyn Any + Send + Sync)) -> Option<Self::Return> {
        None
    }
}

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident<$($param:ident),*>),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<$($param),*>(PhantomData<fn() -> ($($param,)*)>);
        copied!([$($param),*] $name<$($param),*>);
        impl<$($param),*> $name<$($param),*> {
            pub(crate) const fn new() -> Self {
                Self(PhantomData)
            }
        }
    )*};
}

/// The whole return value is stored.
macro_rules! stored_whole {
    () => {
        #[inline]
        fn restore(stored: Self::Stored) -> Self::Return {
            stored
        }
        #[inline]
        fn lies(stored: &Self::Stored) -> Option<&dyn Any> {
            Some(stored)
        }
        #[inline]
        fn lies_whole(stored: &Self::Stored) -> Option<&Self::Return> {
            Some(stored)
        }
    };
}

/// For shapes whose entries hold the value itself.
macro_rules! held_as_it_is {
    ($($in_return:path)?) => {
        #[inline]
        fn kept(value: &Self::Value) -> Self::Stored {
            value.clone()
        }
        #[inline]
        fn read(stored: &Self::Stored) -> Result<Self::Return, Refusal> {
            // Not through `restore`: without optimization every step is a copy.
            Ok($($in_return)?(stored.clone()))
        }
    };
}

/// What the closures see of a `Result`.
macro_rules! of_result {
    () => {
        type Return = Result<T, E>;
        type View = T;
        type Error = E;
        fn kind(ret: &Result<T, E>) -> Kind {
            if ret.is_ok() { Kind::Value } else { Kind::Err }
        }
        fn view(ret: &Result<T, E>) -> Option<&T> {
            ret.as_ref().ok()
        }
        fn error(ret: &Result<T, E>) -> Option<&E> {
            ret.as_ref().err()
        }
    };
}

/// The `Ok` value of a `Result` is stored.
macro_rules! ok_is_stored {
    () => {
        type Value = T;
        type Stored = T;
        fn stored(ret: &Result<T, E>) -> Option<&T> {
            ret.as_ref().ok()
        }
        #[inline]
        fn restore(stored: T) -> Result<T, E> {
            Ok(stored)
        }
        #[inline]
        fn lies(stored: &T) -> Option<&dyn Any> {
            Some(stored)
        }
        held_as_it_is!(Ok);
    };
}

shapes! {
    /// The value itself is stored.
    Plain<R>,
    /// The whole `Option` is stored.
    Optional<T>,
    /// Only `Ok` is stored; an `Err` goes to its caller.
    OkOnly<T, E>,
    /// Only `Ok` is stored; an `Err` also goes to the callers that waited for it.
    OkShared<T, E>,
    /// `Ok` and `Err` are stored, each with its own TTL.
    Both<T, E>,
    /// A return type `R` that cannot be cached, because of its value `T` or its error `E`. It takes the
    /// place of the shape that would see `View` and `Error`, so that the check which names the reason is
    /// the only thing that does not compile.
    Rejected<R, View, Error, T, E>,
}

impl<R: Clone + Send + Sync + 'static> Shape for Plain<R> {
    type Return = R;
    type Value = R;
    type Stored = R;
    type View = R;
    type Error = ();
    fn kind(_ret: &R) -> Kind {
        Kind::Value
    }
    fn stored(ret: &R) -> Option<&R> {
        Some(ret)
    }
    fn view(ret: &R) -> Option<&R> {
        Some(ret)
    }
    stored_whole!();
    held_as_it_is!();
}

impl<T: Clone + Send + Sync + 'static> Shape for Optional<T> {
    type Return = Option<T>;
    type Value = Option<T>;
    type Stored = Option<T>;
    type View = Option<T>;
    type Error = ();
    fn kind(ret: &Option<T>) -> Kind {
        if ret.is_some() { Kind::Value } else { Kind::None }
    }
    fn stored(ret: &Option<T>) -> Option<&Option<T>> {
        Some(ret)
    }
    fn view(ret: &Option<T>) -> Option<&Option<T>> {
        Some(ret)
    }
    stored_whole!();
    held_as_it_is!();
}

impl<T: Clone + Send + Sync + 'static, E> Shape for OkOnly<T, E> {
    of_result!();
    ok_is_stored!();
}

impl<T, E> Shape for OkShared<T, E>
where
    T: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    of_result!();
    ok_is_stored!();
    fn share(ret: &Result<T, E>) -> Option<Arc<dyn Any + Send + Sync>> {
        ret.as_ref().err().map(|error| Arc::new(error.clone()) as Arc<dyn Any + Send + Sync>)
    }
    fn unshare(shared: &(dyn Any + Send + Sync)) -> Option<Result<T, E>> {
        shared.downcast_ref::<E>().map(|error| Err(error.clone()))
    }
}

impl<T, E> Shape for Both<T, E>
where
    T: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    of_result!();
    type Value = Result<T, E>;
    type Stored = Result<T, E>;
    fn stored(ret: &Result<T, E>) -> Option<&Result<T, E>> {
        Some(ret)
    }
    #[inline]
    fn restore(stored: Result<T, E>) -> Result<T, E> {
        stored
    }
    #[inline]
    fn lies(stored: &Self::Stored) -> Option<&dyn Any> {
        Self::seen(stored)
    }
    fn seen(ret: &Self::Return) -> Option<&dyn Any> {
        ret.as_ref().ok().map(|value| value as &dyn Any)
    }
    #[inline]
    fn lies_whole(stored: &Self::Stored) -> Option<&Self::Return> {
        Some(stored)
    }
    held_as_it_is!();
}

impl<R, View, Error, T, E> Shape for Rejected<R, View, Error, T, E> {
    type Return = R;
    type Value = ();
    type Stored = ();
    type View = View;
    type Error = Error;
    fn kind(_ret: &R) -> Kind {
        Kind::Value
    }
    fn stored(_ret: &R) -> Option<&()> {
        None
    }
    fn view(_ret: &R) -> Option<&View> {
        None
    }
    fn restore(_stored: ()) -> R {
        unreachable!("a function with this return type does not compile")
    }
    held_as_it_is!(Self::restore);
}
