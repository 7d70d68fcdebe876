//! `in = cache`: whether the user's own cache has the types of a function.

use std::hash::Hash;

use super::Cache;
use crate::cached_function::CachedFunction;
use crate::key::{CacheKey, hash_of};
use crate::read_through::Miss;
use crate::shape::{Both, OkOnly, OkShared, Optional, Plain, Rejected, Shape};

/// The owned form of the arguments, for a cache whose keys are of type `K`.
#[diagnostic::on_unimplemented(
    message = "the arguments make `{Self}`, but the keys of the cache are `{K}`",
    label = "expected a key of type `{K}`",
    note = "make one with `key = …`, or use a cache with keys of type `{Self}`"
)]
pub trait KeyFor<K>: Sized {
    /// The same cache.
    fn cache<V>(cache: &Cache<K, V>) -> &Cache<Self, V>;
}

#[diagnostic::do_not_recommend]
impl<K> KeyFor<K> for K {
    #[inline]
    fn cache<V>(cache: &Cache<K, V>) -> &Cache<K, V> {
        cache
    }
}

/// What the function stores, for a cache whose values are of type `V`.
#[diagnostic::on_unimplemented(
    message = "the function stores `{Self}`, but the values of the cache are `{V}`",
    label = "expected values of type `{V}`",
    note = "use a cache with values of type `{Self}`"
)]
pub trait ValueFor<V>: Sized {
    /// The same cache.
    fn cache<K>(cache: &Cache<K, V>) -> &Cache<K, Self>;
}

#[diagnostic::do_not_recommend]
impl<V> ValueFor<V> for V {
    #[inline]
    fn cache<K>(cache: &Cache<K, V>) -> &Cache<K, V> {
        cache
    }
}

/// What a shape stores in a cache with values of type `V`.
pub trait Stores: Shape {
    /// Its own type. If nothing can be stored, an error has already said so, and this is the
    /// expected type.
    type Into<V>;
    /// The same cache.
    fn cache<K, V>(cache: &Cache<K, Self::Into<V>>) -> &Cache<K, Self::Stored>;
}

macro_rules! stores {
    ($($shape:ident<$($param:ident),*>: $stored:ty;)*) => {$(
        impl<$($param),*> Stores for $shape<$($param),*>
        where
            Self: Shape<Stored = $stored>,
        {
            type Into<Any> = $stored;
            #[inline]
            fn cache<Key, Any>(cache: &Cache<Key, $stored>) -> &Cache<Key, $stored> {
                cache
            }
        }
    )*};
}

stores! {
    Plain<R>: R;
    Optional<T>: Option<T>;
    OkOnly<T, E>: T;
    OkShared<T, E>: T;
    Both<T, E>: Result<T, E>;
}

impl<R, View, Error, T, E> Stores for Rejected<R, View, Error, T, E> {
    type Into<V> = V;
    fn cache<K, V>(_cache: &Cache<K, V>) -> &Cache<K, ()> {
        unreachable!("a function with this return type does not compile")
    }
}

/// Looks up a call in the cache that its attribute names with `in = …`.
#[inline]
pub fn lookup_in<K, V, Q, S>(
    cache: &Cache<K, V>,
    function: &'static CachedFunction,
    _shape: S,
    key: Q,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    Q::Owned: KeyFor<K> + Hash,
    S: Stores,
    S::Into<V>: ValueFor<V>,
{
    let cache = <Q::Owned as KeyFor<K>>::cache(cache);
    let cache = <S::Into<V> as ValueFor<V>>::cache(cache);
    let cache = S::cache::<Q::Owned, V>(cache);
    let hash = cache.place(hash_of(&key));
    cache.look_up_key::<Q, S>(hash, &key, function.ttl(), function.info.policy.is_async)
}
