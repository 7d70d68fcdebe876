//! Keys of entries that belong to one backend or one tenant: the same arguments elsewhere are another entry.

use std::hash::Hasher;

use crate::key::{CacheKey, Fidelity, Form};
use crate::rules::{Judge, Rules, Verdict};
use crate::shape::Shape;

/// What distinguishes a call's entries besides its arguments.
#[allow(unreachable_pub)] // Named by what generated code calls.
pub trait Qualifier {
    /// The form that entries keep.
    type Pin: Clone + Eq + Send + Sync + 'static;

    /// Feeds the hasher of the key.
    fn hash_qualifier<H: Hasher>(&self, state: &mut H);
    /// Whether it is the stored one.
    fn matches(&self, pin: &Self::Pin) -> bool;
    /// The form to keep, made on a miss.
    fn pin(&self) -> Self::Pin;
}

/// Nothing does.
impl Qualifier for () {
    type Pin = ();
    #[inline]
    fn hash_qualifier<H: Hasher>(&self, _state: &mut H) {}
    #[inline]
    fn matches(&self, _pin: &()) -> bool {
        true
    }
    #[inline]
    fn pin(&self) {}
}

/// Two things do.
impl<A: Qualifier, B: Qualifier> Qualifier for (A, B) {
    type Pin = (A::Pin, B::Pin);
    #[inline]
    fn hash_qualifier<H: Hasher>(&self, state: &mut H) {
        self.0.hash_qualifier(state);
        self.1.hash_qualifier(state);
    }
    #[inline]
    fn matches(&self, pin: &Self::Pin) -> bool {
        self.0.matches(&pin.0) && self.1.matches(&pin.1)
    }
    fn pin(&self) -> Self::Pin {
        (self.0.pin(), self.1.pin())
    }
}

/// A call's key and its qualifier.
#[allow(unreachable_pub)] // Named by what generated code calls.
#[allow(missing_debug_implementations)] // Never shown: it holds a key.
pub struct At<Q, P> {
    pub(crate) key: Q,
    pub(crate) qualifier: P,
}

/// The key of an entry that belongs to a qualifier.
#[derive(Clone, PartialEq, Eq)]
pub struct Pinned<K, P> {
    pub(crate) key: K,
    pub(crate) pin: P,
}

opaque!([K, P] "Pinned", Pinned<K, P>);

impl<Q: CacheKey, P: Qualifier> CacheKey for At<Q, P> {
    type Owned = Pinned<Q::Owned, P::Pin>;
    #[inline]
    fn hash_key<H: Hasher>(&self, state: &mut H) {
        self.key.hash_key(state);
        self.qualifier.hash_qualifier(state);
    }
    #[inline]
    fn matches(&self, owned: &Self::Owned) -> bool {
        self.qualifier.matches(&owned.pin) && self.key.matches(&owned.key)
    }
    fn fidelity(owned: &Self::Owned, form: Form) -> Fidelity {
        Q::fidelity(&owned.key, form)
    }
    fn to_owned_key(&self) -> Self::Owned {
        Pinned { key: self.key.to_owned_key(), pin: self.qualifier.pin() }
    }
}

/// Rules see the arguments, but not the qualifier.
impl<K, P, S, T, E, C, W> Judge<Pinned<K, P>, S> for Rules<K, S, T, E, C, W>
where
    S: Shape,
    Self: Judge<K, S>,
{
    fn judge(&self, key: &Pinned<K, P>, ret: &S::Return, ttl: crate::clock::Ticks) -> Verdict {
        Judge::<K, S>::judge(self, &key.key, ret, ttl)
    }
}
