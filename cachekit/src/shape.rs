//! What a function returns, as the cache sees it: a value, an `Option` or a `Result`.
//!
//! `(&&&&Outcome::<R>::new()).shape()` picks the shape by method resolution on the type itself, so that
//! aliases (`anyhow::Result`, `type Res<T>`) are seen through. Every step is one reference further away.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

/// What came out of one call.
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
pub trait Shape: Copy {
    /// The function's return type.
    type Return;
    /// What an entry holds.
    type Stored: Clone + Send + Sync + 'static;
    /// What the closures of the attribute see: `T` of a `Result<T, E>`, otherwise the return type.
    type View: ?Sized;
    /// The error type of a `Result`, otherwise never looked at.
    type Error: ?Sized;

    /// Classifies.
    fn kind(ret: &Self::Return) -> Kind;
    /// What to store, if anything.
    fn stored(ret: &Self::Return) -> Option<&Self::Stored>;
    /// What the attribute's closures see, if there is a value.
    fn view(ret: &Self::Return) -> Option<&Self::View>;
    /// The error, if there is one.
    fn error(_ret: &Self::Return) -> Option<&Self::Error> {
        None
    }
    /// The function's return value again.
    fn restore(stored: Self::Stored) -> Self::Return;
    /// A copy of a value that is not stored, for callers that waited for it.
    fn share(_ret: &Self::Return) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
    /// The copy, for one of them.
    fn unshare(_shared: &(dyn Any + Send + Sync)) -> Option<Self::Return> {
        None
    }
}

/// A return type whose shape is asked for.
#[derive(Debug)]
pub struct Outcome<R>(PhantomData<fn() -> R>);

impl<R> Outcome<R> {
    /// Asks.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident<$($param:ident),*>),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<$($param),*>(PhantomData<fn() -> ($($param,)*)>);
        impl<$($param),*> Clone for $name<$($param),*> {
            #[inline]
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<$($param),*> Copy for $name<$($param),*> {}
        impl<$($param),*> $name<$($param),*> {
            pub(crate) const fn new() -> Self {
                Self(PhantomData)
            }
        }
    )*};
}

shapes! {
    /// The value itself is stored.
    Plain<R>,
    /// The whole `Option` is stored.
    Optional<T>,
    /// Only `Ok` is stored; an `Err` goes to its caller.
    OkOnly<T, E>,
    /// Only `Ok` is stored; an `Err` also goes to those who waited for it.
    OkShared<T, E>,
    /// `Ok` and `Err` are stored, each for its own time.
    Both<T, E>,
}

impl<R: Clone + Send + Sync + 'static> Shape for Plain<R> {
    type Return = R;
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
    #[inline]
    fn restore(stored: R) -> R {
        stored
    }
}

impl<T: Clone + Send + Sync + 'static> Shape for Optional<T> {
    type Return = Option<T>;
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
    #[inline]
    fn restore(stored: Option<T>) -> Option<T> {
        stored
    }
}

impl<T: Clone + Send + Sync + 'static, E> Shape for OkOnly<T, E> {
    type Return = Result<T, E>;
    type Stored = T;
    type View = T;
    type Error = E;
    fn kind(ret: &Result<T, E>) -> Kind {
        if ret.is_ok() { Kind::Value } else { Kind::Err }
    }
    fn stored(ret: &Result<T, E>) -> Option<&T> {
        ret.as_ref().ok()
    }
    fn view(ret: &Result<T, E>) -> Option<&T> {
        ret.as_ref().ok()
    }
    fn error(ret: &Result<T, E>) -> Option<&E> {
        ret.as_ref().err()
    }
    #[inline]
    fn restore(stored: T) -> Result<T, E> {
        Ok(stored)
    }
}

impl<T, E> Shape for OkShared<T, E>
where
    T: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    type Return = Result<T, E>;
    type Stored = T;
    type View = T;
    type Error = E;
    fn kind(ret: &Result<T, E>) -> Kind {
        OkOnly::kind(ret)
    }
    fn stored(ret: &Result<T, E>) -> Option<&T> {
        ret.as_ref().ok()
    }
    fn view(ret: &Result<T, E>) -> Option<&T> {
        ret.as_ref().ok()
    }
    fn error(ret: &Result<T, E>) -> Option<&E> {
        ret.as_ref().err()
    }
    #[inline]
    fn restore(stored: T) -> Result<T, E> {
        Ok(stored)
    }
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
    type Return = Result<T, E>;
    type Stored = Result<T, E>;
    type View = T;
    type Error = E;
    fn kind(ret: &Result<T, E>) -> Kind {
        OkOnly::kind(ret)
    }
    fn stored(ret: &Result<T, E>) -> Option<&Result<T, E>> {
        Some(ret)
    }
    fn view(ret: &Result<T, E>) -> Option<&T> {
        ret.as_ref().ok()
    }
    fn error(ret: &Result<T, E>) -> Option<&E> {
        ret.as_ref().err()
    }
    #[inline]
    fn restore(stored: Result<T, E>) -> Result<T, E> {
        stored
    }
}

/// First choice: a `Result` whose error can be copied to waiters.
pub trait ResultShared {
    /// The shape.
    type Shape;
    /// Picks it.
    fn shape(&self) -> Self::Shape;
}

impl<T, E> ResultShared for &&&Outcome<Result<T, E>>
where
    E: Clone + Send + Sync + 'static,
{
    type Shape = OkShared<T, E>;
    #[inline]
    fn shape(&self) -> OkShared<T, E> {
        OkShared::new()
    }
}

/// Second choice: any other `Result`.
pub trait ResultOnly {
    /// The shape.
    type Shape;
    /// Picks it.
    fn shape(&self) -> Self::Shape;
}

impl<T, E> ResultOnly for &&Outcome<Result<T, E>> {
    type Shape = OkOnly<T, E>;
    #[inline]
    fn shape(&self) -> OkOnly<T, E> {
        OkOnly::new()
    }
}

/// Third choice: an `Option`.
pub trait OptionShape {
    /// The shape.
    type Shape;
    /// Picks it.
    fn shape(&self) -> Self::Shape;
}

impl<T> OptionShape for &Outcome<Option<T>> {
    type Shape = Optional<T>;
    #[inline]
    fn shape(&self) -> Optional<T> {
        Optional::new()
    }
}

/// Anything else.
pub trait PlainShape {
    /// The shape.
    type Shape;
    /// Picks it.
    fn shape(&self) -> Self::Shape;
}

impl<R> PlainShape for Outcome<R> {
    type Shape = Plain<R>;
    #[inline]
    fn shape(&self) -> Plain<R> {
        Plain::new()
    }
}

/// For `ttl(err = …)`: a `Result` whose error can be stored.
pub trait ResultBoth {
    /// The shape.
    type Shape;
    /// Picks it.
    fn shape_with_err(&self) -> Self::Shape;
}

impl<T, E> ResultBoth for &&&Outcome<Result<T, E>>
where
    E: Clone + Send + Sync + 'static,
{
    type Shape = Both<T, E>;
    #[inline]
    fn shape_with_err(&self) -> Both<T, E> {
        Both::new()
    }
}

impl<R> Outcome<R> {
    /// No `Result` with a storable error: the bound fails and says so.
    pub fn shape_with_err(&self) -> Plain<R>
    where
        R: StoresErrors,
    {
        Plain::new()
    }
}

/// Implemented by nothing; its error message is its purpose.
#[diagnostic::on_unimplemented(
    message = "`ttl(err = …)` stores errors, but `{Self}` has none that can be stored",
    label = "needs `Result<T, E>` with `E: Clone + Send + Sync + 'static`",
    note = "return a `Result` whose error type is `Clone`, or remove `err = …`"
)]
pub trait StoresErrors {}

/// Shapes that know `None`.
#[diagnostic::on_unimplemented(
    message = "`ttl(none = …)` is for functions that return an `Option`",
    label = "the return type is no `Option`"
)]
pub trait HasNone {}

impl<T> HasNone for Optional<T> {}

/// What a value needs to be cached.
#[diagnostic::on_unimplemented(
    message = "a value of type `{Self}` cannot be cached",
    label = "needs `Clone + Send + Sync` and must own its data",
    note = "a hit returns a copy: derive `Clone` for the type, or return an `Arc` of it"
)]
pub trait Value {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Value for T {}

/// What a shape stores, whether it can be stored or not.
pub trait Holds {
    /// The type to blame.
    type Value;
}

impl<R> Holds for Plain<R> {
    type Value = R;
}

impl<T> Holds for Optional<T> {
    type Value = T;
}

impl<T, E> Holds for OkOnly<T, E> {
    type Value = T;
}

impl<T, E> Holds for OkShared<T, E> {
    type Value = T;
}

impl<T, E> Holds for Both<T, E> {
    type Value = T;
}
