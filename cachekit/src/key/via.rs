//! How generated code turns an argument of any type into a key part.
//!
//! `(&&&&Part(&argument)).__cachekit_via()` picks, by method resolution, the first of: the type's own
//! [`CacheKey`]; a reference, or an optional reference, to something `Hash + Eq + ToOwned`;
//! `Hash + Eq + Clone`; and otherwise an error on the argument that says what is missing. Every step is
//! one reference further away.

use std::borrow::Borrow;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{CacheKey, Fidelity, Form, proof};
use crate::shareable::ShareableKey;

/// An argument on its way into the key.
#[derive(Debug)]
pub struct Part<'a, T: ?Sized>(pub &'a T);

copied!([T: ?Sized] Part<'_, T>);

/// Creates the key part of an argument. One trait for all choices: the compiler looks for the method in each trait that is in
/// scope, for every annotated function.
pub trait Via {
    /// The key part.
    type Key;
    /// Creates it.
    fn __cachekit_via(&self) -> Self::Key;
}

macro_rules! choices {
    ($($part:ty, [$($generics:tt)*] [$($bounds:tt)*] => $key:ident<$life:lifetime>($($deref:tt)?);)*) => {$(
        impl<$($generics)*> Via for $part
        where
            $($bounds)*
        {
            type Key = $key<$life, T>;
            #[inline]
            fn __cachekit_via(&self) -> Self::Key {
                $key($($deref)? self.0)
            }
        }
    )*};
}

choices! {
    // First choice: the type defines its own key.
    &&&Part<'a, T>, ['a, T: CacheKey + ?Sized] [] => KeyOf<'a>();
    // Second choice: a reference to something with the standard traits.
    &&Part<'_, &'b T>, ['b, T: Hash + Eq + ToOwned + ?Sized]
        [T::Owned: Eq + Send + Sync + 'static] => ByBorrow<'b>(*);
    // Second choice, for an optional reference.
    &&Part<'_, Option<&'b T>>, ['b, T: Hash + Eq + ToOwned + ?Sized]
        [T::Owned: Eq + Send + Sync + 'static] => ByOption<'b>(*);
    // Fourth choice: the standard traits.
    Part<'a, T>, ['a, T: Hash + Eq + Clone + Send + Sync + 'static] [] => ByHash<'a>();
}

macro_rules! borrowing {
    ($($(#[$doc:meta])* $part:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $part<'a, T: ?Sized>(pub &'a T);

        copied!([T: ?Sized] $part<'_, T>);

        impl<'a, T: CacheKey + ?Sized> Via for &&&$part<'a, T> {
            type Key = KeyOf<'a, T>;
            #[inline]
            fn __cachekit_via(&self) -> KeyOf<'a, T> {
                KeyOf(self.0)
            }
        }
    )*};
}

borrowing! {
    /// An argument whose type shows references inside of it. It needs a key of its own: by the standard traits, the cache would
    /// keep the references.
    BorrowingPart
    /// The same for a type with a name, which may be another name of a reference: `UserRef<'_>` for `&User`.
    NamedPart
}

// Written out: the errors about them would show a macro.

impl<T: ?Sized> BorrowingPart<'_, T> {
    /// No choice left: the bound fails and says why.
    pub fn __cachekit_via<K>(self) -> Unhashable<K>
    where
        T: Owning,
    {
        Unhashable(PhantomData)
    }
}

impl<T: ?Sized> NamedPart<'_, T> {
    /// The same.
    pub fn __cachekit_via<K>(self) -> Unhashable<K>
    where
        T: Owning,
    {
        Unhashable(PhantomData)
    }
}

impl<'b, T: Hash + Eq + ToOwned + ?Sized> Via for &&NamedPart<'_, &'b T>
where
    T::Owned: Eq + Send + Sync + 'static,
{
    type Key = ByBorrow<'b, T>;
    #[inline]
    fn __cachekit_via(&self) -> ByBorrow<'b, T> {
        ByBorrow(*self.0)
    }
}

impl<'b, T: Hash + Eq + ToOwned + ?Sized> Via for &&NamedPart<'_, Option<&'b T>>
where
    T::Owned: Eq + Send + Sync + 'static,
{
    type Key = ByOption<'b, T>;
    #[inline]
    fn __cachekit_via(&self) -> ByOption<'b, T> {
        ByOption(*self.0)
    }
}

/// What [`BorrowingPart`] and [`NamedPart`] require. Never true: its error message is its purpose.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key: the cache cannot keep the references in it",
    label = "contains references, and has no `CacheKey` that says how to own what they refer to",
    note = "say with `key = …` what the key is, with each reference as a part of its own, as in `key = (pair.0, pair.1)`,",
    note = "or take a type that owns its data, such as `String` in place of `&str`,",
    note = "or implement `cachekit::key::CacheKey` for the type"
)]
pub trait Owning {}

/// Third choice: any other reference, which the fourth choice must not treat as a value. The bound fails
/// and says what the type behind it, `T`, lacks.
pub trait ViaNothing<T: ?Sized> {
    /// Nothing, so that the error stays the only one.
    fn __cachekit_via<K>(&self) -> Unhashable<K>
    where
        T: Keyable,
    {
        Unhashable(PhantomData)
    }
}

impl<T: ?Sized> ViaNothing<T> for &Part<'_, &T> {}
impl<T: ?Sized> ViaNothing<T> for &Part<'_, Option<&T>> {}

impl<T: ?Sized> Part<'_, T> {
    /// No choice left: the bound fails and says why.
    pub fn __cachekit_via<K>(self) -> Unhashable<K>
    where
        T: Keyable,
    {
        Unhashable(PhantomData)
    }
}

/// Third choice, for collections without an order: the bound fails and says what to do.
pub trait ViaUnordered<T: ?Sized> {
    /// Nothing, so that the error stays the only one.
    fn __cachekit_via<K>(&self) -> Unhashable<K>
    where
        T: Ordered,
    {
        Unhashable(PhantomData)
    }
}

macro_rules! unordered {
    ($([$($generics:ident),*] $unordered:ty;)*) => {$(
        impl<$($generics),*> ViaUnordered<$unordered> for &&Part<'_, $unordered> {}
        impl<$($generics),*> ViaUnordered<$unordered> for &&Part<'_, &$unordered> {}
        impl<$($generics),*> ViaUnordered<$unordered> for &&Part<'_, Option<$unordered>> {}
        impl<$($generics),*> ViaUnordered<$unordered> for &&Part<'_, Option<&$unordered>> {}
        impl<$($generics),*> ViaUnordered<$unordered> for &&Part<'_, Vec<$unordered>> {}
        impl<$($generics),*> ViaUnordered<$unordered> for &&Part<'_, &[$unordered]> {}
        impl<$($generics),*> ViaUnordered<$unordered> for &&Part<'_, Box<$unordered>> {}
        impl<$($generics),*> ViaUnordered<$unordered> for &&Part<'_, Arc<$unordered>> {}
        impl<$($generics),*> ViaUnordered<$unordered> for &&Part<'_, &Arc<$unordered>> {}
    )*};
}

unordered! {
    [A, B, S] HashMap<A, B, S>;
    [A, S] HashSet<A, S>;
    [A] BinaryHeap<A>;
}

/// What a collection needs to be hashed. Never true: its error message is its purpose.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key: it has no order in which it could be hashed",
    label = "two that are equal may hold their items in different orders",
    note = "take a `BTreeMap` or a `BTreeSet`, or a sorted `Vec`,",
    note = "or say with `key = …` what of it the result depends on, as in `key = sorted(&arguments)`,",
    note = "or leave the argument out with `skip(…)` if the result does not depend on it"
)]
pub trait Ordered {}

/// What the last choice requires. Never true where it is used: its error message is its purpose.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "needs `Hash + Eq + Clone + Send + Sync`, and to own its data or be a plain reference",
    note = "derive `Hash`, `PartialEq`, `Eq` and `Clone` for the type,",
    note = "or leave the argument out with `skip(…)` if the result does not depend on it,",
    note = "or say what the key is with `key = …`"
)]
pub trait Keyable: Hash + Eq + Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Hash + Eq + Clone + Send + Sync + 'static> Keyable for T {}

/// Takes the place of a part that failed to compile, so that the error stays the only one. It can be
/// whatever key is expected.
#[derive(Debug)]
pub struct Unhashable<K>(PhantomData<fn() -> K>);

copied!([K] Unhashable<K>);

impl<K: Eq + Send + Sync + 'static> CacheKey for Unhashable<K> {
    type Owned = K;
    fn hash_key<H: Hasher>(&self, _state: &mut H) {}
    fn matches(&self, _owned: &K) -> bool {
        false
    }
    fn to_owned_key(&self) -> K {
        unreachable!("a call with this key does not compile")
    }
}

/// For a shared tier, first choice: a part that can be written and read back, which proves that it is
/// written completely.
pub trait Shared {
    /// The key part.
    type Key;
    /// Creates it.
    fn __cachekit_shared(self) -> Self::Key;
}

impl<K: CacheKey> Shared for K
where
    K::Owned: ShareableKey + DeserializeOwned,
{
    type Key = ReadBack<K>;
    #[inline]
    fn __cachekit_shared(self) -> ReadBack<K> {
        ReadBack(self)
    }
}

/// Second choice: a part that can only be written. It may contain less than the key, so the call stays in
/// the process unless the type is known.
pub trait WriteOnly {
    /// The part.
    fn __cachekit_shared(&self) -> Self;
}

impl<K: CacheKey + Copy> WriteOnly for K
where
    K::Owned: ShareableKey,
{
    #[inline]
    fn __cachekit_shared(&self) -> Self {
        *self
    }
}

/// Any other part, one kind of reference further away: the bound fails and says why.
pub trait Unshared<Owned> {
    /// Nothing, so that the error stays the only one.
    fn __cachekit_shared(&mut self) -> Unhashable<()>
    where
        Owned: ShareableKey,
    {
        Unhashable(PhantomData)
    }
}

impl<K: CacheKey> Unshared<K::Owned> for K {}

/// A part that can be read back after it was written.
#[derive(Clone, Copy, Debug)]
pub struct ReadBack<K>(K);

impl<K: CacheKey> CacheKey for ReadBack<K>
where
    K::Owned: Serialize + DeserializeOwned,
{
    type Owned = K::Owned;
    const COPIES_PLAINLY: bool = K::COPIES_PLAINLY;
    #[inline]
    fn hash_key<H: Hasher>(&self, state: &mut H) {
        self.0.hash_key(state);
    }
    #[inline]
    fn matches(&self, owned: &K::Owned) -> bool {
        self.0.matches(owned)
    }
    #[inline]
    fn to_owned_key(&self) -> K::Owned {
        self.0.to_owned_key()
    }
    fn fidelity(owned: &K::Owned, form: Form) -> Fidelity {
        match K::fidelity(owned, form) {
            Fidelity::Partial => proof::read_back(owned, form),
            known => known,
        }
    }
}

macro_rules! key_part {
    ($(#[$doc:meta])* $name:ident, [$($bounds:tt)*], $owned:ty, $value:ty, $copies_plainly:expr,
     |$this:ident, $state:ident| $hash:expr, |$me:ident, $stored:ident| $same:expr, |$self_:ident| $own:expr, |$known:ident, $form:ident| $fidelity:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<'a, $($bounds)*>($value);

        impl<'a, $($bounds)*> CacheKey for $name<'a, T>
        where
            $owned: Eq + Send + Sync + 'static,
        {
            type Owned = $owned;
            const COPIES_PLAINLY: bool = $copies_plainly;
            #[inline]
            fn hash_key<H: Hasher>(&self, $state: &mut H) {
                let $this = &self.0;
                $hash;
            }
            #[inline]
            fn matches(&self, $stored: &$owned) -> bool {
                let $me = &self.0;
                $same
            }
            #[inline]
            fn to_owned_key(&self) -> $owned {
                let $self_ = &self.0;
                $own
            }
            #[inline]
            fn fidelity($known: &$owned, $form: Form) -> Fidelity {
                $fidelity
            }
        }

        copied!(['a, $($bounds)*] $name<'a, T>);
    };
}

key_part!(
    /// A part by its own [`CacheKey`].
    KeyOf, [T: CacheKey + ?Sized], T::Owned, &'a T, T::COPIES_PLAINLY,
    |it, state| it.hash_key(state), |it, owned| it.matches(owned), |it| it.to_owned_key(),
    |owned, form| T::fidelity(owned, form)
);
key_part!(
    /// A part by `Hash + Eq + Clone`.
    ByHash, [T: Hash + Eq + Clone], T, &'a T, false,
    |it, state| it.hash(state), |it, owned| *it == owned, |it| (*it).clone(),
    |_owned, _form| super::fidelity_of::<T>()
);
key_part!(
    /// A borrowed part by `Hash + Eq + ToOwned`.
    ByBorrow, [T: Hash + Eq + ToOwned + ?Sized], T::Owned, &'a T, false,
    |it, state| it.hash(state), |it, owned| *it == owned.borrow(), |it| (*it).to_owned(),
    |_owned, _form| super::fidelity_of::<T::Owned>()
);
key_part!(
    /// An optional borrowed part.
    ByOption, [T: Hash + Eq + ToOwned + ?Sized], Option<T::Owned>, Option<&'a T>, false,
    |it, state| it.hash(state), |it, owned| *it == owned.as_ref().map(Borrow::borrow),
    |it| it.map(ToOwned::to_owned), |_owned, _form| super::fidelity_of::<T::Owned>()
);
