//! The attribute's options that need the value: which results to keep, how long, at what weight.

use std::marker::PhantomData;

use crate::clock::{self, NEVER, Ticks};
use crate::shape::checks::{IsOption, IsResult};
use crate::shape::{Kind, Shape};
use crate::ttl::IntoTtl;

/// What to do with one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub(crate) keep: bool,
    /// In ticks; `NEVER` does not expire.
    pub(crate) ttl: Ticks,
    pub(crate) weight: u64,
    /// How long it may be served after its TTL at most, if the attribute or the layer allows that.
    pub(crate) window: Ticks,
}

/// Decides about a result.
pub trait Judge<K, S: Shape> {
    /// `ttl` is the default of the attribute or the cache.
    fn judge(&self, key: &K, ret: &S::Return, ttl: Ticks) -> Verdict;
}

/// A rule by reference, so that it stays where it is: futures are smaller that way.
impl<K, S: Shape, J: Judge<K, S>> Judge<K, S> for &mut J {
    fn judge(&self, key: &K, ret: &S::Return, ttl: Ticks) -> Verdict {
        J::judge(self, key, ret, ttl)
    }
}

/// No option needs the value.
#[derive(Clone, Copy, Debug)]
pub struct Defaults;

impl<K, S: Shape> Judge<K, S> for Defaults {
    #[inline]
    fn judge(&self, _key: &K, ret: &S::Return, ttl: Ticks) -> Verdict {
        // A cache with a TTL of zero keeps nothing.
        Verdict { keep: ttl > 0 && S::stored(ret).is_some(), ttl, weight: 1, window: NEVER }
    }
}

/// An option needs values that only the function's call has; a value alone cannot be judged.
#[derive(Clone, Copy, Debug)]
pub struct Unknown;

impl<K, S: Shape> Judge<K, S> for Unknown {
    fn judge(&self, _key: &K, _ret: &S::Return, _ttl: Ticks) -> Verdict {
        Verdict { keep: false, ttl: 0, weight: 1, window: NEVER }
    }
}

/// The options of one call, collected by generated code.
#[derive(Debug)]
pub struct Rules<K, S, T = Unset, E = Unset, P = Unset, W = Unset> {
    ttl: T,
    ttl_none: Option<Ticks>,
    ttl_err: E,
    keep_if: P,
    weight: W,
    shape: PhantomData<fn() -> (K, S)>,
}

/// An option that was not given.
#[derive(Clone, Copy, Debug)]
pub struct Unset;

/// A TTL that does not depend on the value.
#[derive(Clone, Copy, Debug)]
pub struct Given(Ticks);

/// A TTL, condition or weight computed from the value: the closure of the attribute, and how to call it.
///
/// The constructor checked that it can be called. Nothing checks again, so that a wrong
/// closure is one error, at the option.
#[derive(Clone, Copy, Debug)]
pub struct Computed<F, Call>(F, Call);

/// A TTL computed from the value, or from the error.
pub(crate) type ComputedTtl<F, V> = Computed<F, fn(&F, &V) -> Ticks>;
/// A condition on the value.
pub(crate) type Condition<F, V> = Computed<F, fn(&F, &V) -> bool>;
/// A weight computed from the key and the value.
pub(crate) type Weight<F, K, V> = Computed<F, fn(&F, &K, &V) -> u64>;

impl<K, S: Shape> Rules<K, S> {
    pub(crate) const fn new() -> Self {
        Self {
            ttl: Unset,
            ttl_none: None,
            ttl_err: Unset,
            keep_if: Unset,
            weight: Unset,
            shape: PhantomData,
        }
    }
}

/// In place of a closure that makes rules, where only the call itself could judge a value.
#[allow(clippy::needless_pass_by_value)] // As such a closure takes it.
pub fn unknown<K, S: Shape>(_rules: Rules<K, S>) -> Unknown {
    Unknown
}

impl<K, S: Shape, T, E, P, W> Rules<K, S, T, E, P, W> {
    /// `ttl = expression`
    pub fn ttl(self, ttl: impl IntoTtl) -> Rules<K, S, Given, E, P, W> {
        let Self { ttl_none, ttl_err, keep_if, weight, shape, .. } = self;
        Rules { ttl: Given(clock::span(ttl.into_ttl())), ttl_none, ttl_err, keep_if, weight, shape }
    }

    /// `ttl = |v| …`
    pub fn ttl_from<D, F>(self, f: F) -> Rules<K, S, ComputedTtl<F, S::View>, E, P, W>
    where
        F: Fn(&S::View) -> D,
        D: IntoTtl,
    {
        let Self { ttl_none, ttl_err, keep_if, weight, shape, .. } = self;
        let ttl = Computed(f, ttl_of as fn(&F, &S::View) -> Ticks);
        Rules { ttl, ttl_none, ttl_err, keep_if, weight, shape }
    }

    /// `ttl(none = …)`
    pub fn ttl_none(mut self, ttl: impl IntoTtl) -> Self
    where
        S::Return: IsOption,
    {
        self.ttl_none = Some(clock::span(ttl.into_ttl()));
        self
    }

    /// `ttl(err = …)`
    pub fn ttl_err(self, ttl: impl IntoTtl) -> Rules<K, S, T, Given, P, W>
    where
        S::Return: IsResult,
    {
        let Self { ttl: ok, ttl_none, keep_if, weight, shape, .. } = self;
        Rules {
            ttl: ok,
            ttl_none,
            ttl_err: Given(clock::span(ttl.into_ttl())),
            keep_if,
            weight,
            shape,
        }
    }

    /// `ttl(err = |e| …)`
    pub fn ttl_err_from<D, F>(self, f: F) -> Rules<K, S, T, ComputedTtl<F, S::Error>, P, W>
    where
        S::Return: IsResult,
        F: Fn(&S::Error) -> D,
        D: IntoTtl,
    {
        let Self { ttl, ttl_none, keep_if, weight, shape, .. } = self;
        let ttl_err = Computed(f, ttl_of as fn(&F, &S::Error) -> Ticks);
        Rules { ttl, ttl_none, ttl_err, keep_if, weight, shape }
    }

    /// `if = |v| …`
    pub fn keep_if<F>(self, f: F) -> Rules<K, S, T, E, Condition<F, S::View>, W>
    where
        F: Fn(&S::View) -> bool,
    {
        let Self { ttl, ttl_none, ttl_err, weight, shape, .. } = self;
        let keep_if = Computed(f, (|f, value| f(value)) as fn(&F, &S::View) -> bool);
        Rules { ttl, ttl_none, ttl_err, keep_if, weight, shape }
    }

    /// `weight = |k, v| …`
    #[allow(clippy::type_complexity)] // One parameter for each option.
    pub fn weight<F>(self, f: F) -> Rules<K, S, T, E, P, Weight<F, K, S::View>>
    where
        F: Fn(&K, &S::View) -> u64,
    {
        let Self { ttl, ttl_none, ttl_err, keep_if, shape, .. } = self;
        let weight = Computed(f, (|f, key, value| f(key, value)) as fn(&F, &K, &S::View) -> u64);
        Rules { ttl, ttl_none, ttl_err, keep_if, weight, shape }
    }
}

fn ttl_of<V: ?Sized, D: IntoTtl, F: Fn(&V) -> D>(f: &F, value: &V) -> Ticks {
    clock::span(f(value).into_ttl())
}

/// A TTL option, given or not.
pub trait TtlRule<V: ?Sized> {
    /// The TTL for a value; `general` if the option does not set one.
    fn ttl(&self, value: &V, general: Ticks) -> Ticks;
}

impl<V: ?Sized> TtlRule<V> for Unset {
    fn ttl(&self, _value: &V, general: Ticks) -> Ticks {
        general
    }
}

impl<V: ?Sized> TtlRule<V> for Given {
    fn ttl(&self, _value: &V, _general: Ticks) -> Ticks {
        self.0
    }
}

impl<V: ?Sized, F> TtlRule<V> for ComputedTtl<F, V> {
    fn ttl(&self, value: &V, _general: Ticks) -> Ticks {
        (self.1)(&self.0, value)
    }
}

/// A condition, given or not.
pub trait KeepRule<V: ?Sized> {
    /// Whether to keep the value.
    fn keep(&self, value: &V) -> bool;
}

impl<V: ?Sized> KeepRule<V> for Unset {
    fn keep(&self, _value: &V) -> bool {
        true
    }
}

impl<V: ?Sized, F> KeepRule<V> for Condition<F, V> {
    fn keep(&self, value: &V) -> bool {
        (self.1)(&self.0, value)
    }
}

/// A weight, given or not.
pub trait WeightRule<K, V: ?Sized> {
    /// The entry's weight.
    fn weight(&self, key: &K, value: &V) -> u64;
}

impl<K, V: ?Sized> WeightRule<K, V> for Unset {
    fn weight(&self, _key: &K, _value: &V) -> u64 {
        1
    }
}

impl<K, V: ?Sized, F> WeightRule<K, V> for Weight<F, K, V> {
    fn weight(&self, key: &K, value: &V) -> u64 {
        (self.1)(&self.0, key, value)
    }
}

impl<K, S, T, E, P, W> Judge<K, S> for Rules<K, S, T, E, P, W>
where
    S: Shape,
    T: TtlRule<S::View>,
    E: TtlRule<S::Error>,
    P: KeepRule<S::View>,
    W: WeightRule<K, S::View>,
{
    fn judge(&self, key: &K, ret: &S::Return, general: Ticks) -> Verdict {
        let stored = S::stored(ret).is_some();
        let (keep, ttl, weight) = match (S::view(ret), S::error(ret)) {
            (Some(value), _) => {
                // One after the other: what an option rejects need not make sense to the next.
                if !self.keep_if.keep(value) {
                    return Verdict { keep: false, ttl: NEVER, weight: 1, window: NEVER };
                }
                let ttl = match (S::kind(ret), self.ttl_none) {
                    (Kind::None, Some(ttl)) => ttl,
                    _ => self.ttl.ttl(value, general),
                };
                let weight = if stored && ttl > 0 { self.weight.weight(key, value) } else { 1 };
                (true, ttl, weight)
            }
            (None, Some(error)) => (true, self.ttl_err.ttl(error, general), 1),
            (None, None) => (false, NEVER, 1),
        };
        // A duration of zero is the author's way to say "not this one".
        Verdict { keep: stored && keep && ttl > 0, ttl, weight, window: NEVER }
    }
}
