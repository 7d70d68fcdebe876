//! What companions do with a call. Each function determines the route, the shape and the key of a call in one place,
//! because that costs the compiler more than the rest of its companions together. A visitor does something with them.

use std::marker::PhantomData;

use crate::cached_function::FunctionRef;
use crate::handle::{Unplaced, make};
use crate::key::CacheKey;
use crate::read_through::{OwnedKey, Route, with_value, with_whole};
use crate::rules::{Defaults, Judge, Rules};
use crate::shape::Shape;

/// Does something with a call of a function that returns `Ret`.
pub trait Visit<Ret> {
    /// The result.
    type Returned;

    /// Does it. `judge` creates the rules that decide about a value that is set.
    fn visit<R, Q, S, J>(
        self,
        function: FunctionRef,
        route: R,
        shape: S,
        key: Q,
        judge: impl FnOnce() -> J,
    ) -> Self::Returned
    where
        R: Route<Q, S>,
        Q: CacheKey,
        OwnedKey<R, Q, S>: Clone,
        S: Shape<Return = Ret> + 'static,
        J: Judge<OwnedKey<R, Q, S>, S> + Send + Sync + 'static;
}

/// The method of a visitor that does this with a call.
macro_rules! visits {
    (|$visitor:ident, $function:ident, $route:ident, $shape:ident, $key:ident, $judge:ident| $does:block) => {
        #[inline]
        fn visit<R, Q, S, J>(
            $visitor,
            $function: FunctionRef,
            $route: R,
            $shape: S,
            $key: Q,
            $judge: impl FnOnce() -> J,
        ) -> Self::Returned
        where
            R: Route<Q, S>,
            Q: CacheKey,
            OwnedKey<R, Q, S>: Clone,
            S: Shape<Return = Ret> + 'static,
            J: Judge<OwnedKey<R, Q, S>, S> + Send + Sync + 'static,
        $does
    };
}

/// Visits a call whose values are judged by the policy alone. Without an argument for that: it would cost the compiler more.
#[inline]
pub fn visit<V, R, Q, S>(
    visitor: V,
    function: FunctionRef,
    route: R,
    shape: S,
    key: Q,
) -> V::Returned
where
    V: Visit<S::Return>,
    R: Route<Q, S>,
    Q: CacheKey,
    OwnedKey<R, Q, S>: Clone,
    S: Shape + 'static,
{
    visitor.visit(function, route, shape, key, || Defaults)
}

/// Visits a call whose values are judged by rules. Separate, because a closure costs the compiler more than a value.
#[inline]
pub fn visit_ruled<V, R, Q, S, F, J>(
    visitor: V,
    function: FunctionRef,
    route: R,
    shape: S,
    key: Q,
    rules: F,
) -> V::Returned
where
    V: Visit<S::Return>,
    R: Route<Q, S>,
    Q: CacheKey,
    OwnedKey<R, Q, S>: Clone,
    S: Shape + 'static,
    F: FnOnce(Rules<Q::Owned, S>) -> J,
    J: Judge<OwnedKey<R, Q, S>, S> + Send + Sync + 'static,
{
    // The rules are the user's code: they are only created where a value may be set.
    visitor.visit(function, route, shape, key, || rules(Rules::new()))
}

/// Makes a handle of this kind for the call.
#[derive(Clone, Copy, Debug)]
pub struct MakeHandle<H>(PhantomData<fn() -> H>);

impl<H> MakeHandle<H> {
    /// The visitor.
    #[allow(clippy::new_without_default)] // Named by generated code.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<Ret, H: From<Unplaced<Ret>>> Visit<Ret> for MakeHandle<H> {
    type Returned = H;

    visits!(|self, function, route, shape, key, judge| {
        make(function, route, shape, key, judge())
    });
}

/// Runs a closure on the value of the call in place.
pub struct LookAt<F>(F);

impl<F> LookAt<F> {
    /// With this closure.
    #[inline]
    pub fn new(look: F) -> Self {
        Self(look)
    }
}

impl<Ret, O, F: FnOnce(&Ret) -> O> Visit<Ret> for LookAt<F> {
    type Returned = Option<O>;

    visits!(|self, function, route, _shape, key, _judge| {
        with_whole::<R::Key, S, O, F>(function, &route.key(key), self.0)
    });
}

/// The `Result` of the standard library, for a return type of that name: what the closure of `f::with(…)` gets.
///
/// `O`, the closure's result, only makes it a bound that the compiler checks where `with` is called: a function may return
/// another type of this name.
#[diagnostic::on_unimplemented(
    message = "`with` passes the value of a `Result` of the standard library, and `{Self}` is another type",
    label = "the return type is called `Result`",
    note = "write the return type under another name, as in `type Answer = {Self};`: then the closure gets all of it"
)]
pub trait HoldsOk<O> {
    /// The type of the value.
    type Ok: 'static;
}

impl<T: 'static, E, O> HoldsOk<O> for Result<T, E> {
    type Ok = T;
}

/// Runs a closure on the `Ok` in the value of the call.
pub struct LookAtValue<F, T>(F, PhantomData<fn(&T)>);

impl<F, T> LookAtValue<F, T> {
    /// With this closure.
    #[inline]
    pub fn new<O>(look: F) -> Self
    where
        F: FnOnce(&T) -> O,
    {
        Self(look, PhantomData)
    }
}

impl<Ret, T: 'static, O, F: FnOnce(&T) -> O> Visit<Ret> for LookAtValue<F, T> {
    type Returned = Option<O>;

    visits!(|self, function, route, _shape, key, _judge| {
        with_value::<R::Key, S, T, O, F>(function, &route.key(key), self.0)
    });
}

opaque!([F] "LookAt", LookAt<F>);

opaque!([F, T] "LookAtValue", LookAtValue<F, T>);
