//! Keys: the arguments of a call, compared exactly.
//!
//! A look-up borrows its arguments; only a miss makes an owned copy. [`CacheKey`] defines this for one
//! type. It is implemented for the standard library's types, including floats and nested references; any
//! other type that is `Hash + Eq + Clone` works in an attribute without implementing it.

use std::any::TypeId;
use std::hash::{Hash, Hasher};

mod containers;
#[cfg_attr(not(feature = "shared"), path = "no_proof.rs")]
mod proof;
mod scalars;
mod via;

#[cfg(test)]
mod tests;

pub use scalars::Float;
#[doc(hidden)]
pub use via::{
    BorrowingPart, ByBorrow, ByHash, ByOption, KeyOf, Keyable, NamedPart, Ordered, Owning, Part,
    ReadBack, Shared, Unhashable, Unshared, Via, ViaNothing, ViaUnordered, WriteOnly,
};

/// How a value takes part in a cache key.
///
/// Two values are the same key if, and only if, [`matches`](Self::matches) says so, and then they must
/// hash alike. Implement it for a type that the standard traits do not describe well, for example one that
/// contains floats, or whose equality ignores something that a result depends on.
///
/// # Example
///
/// ```
/// use cachekit::key::CacheKey;
/// use std::hash::{Hash, Hasher};
///
/// /// Two points are one key if they lie in the same grid cell.
/// struct Point { x: f64, y: f64 }
///
/// impl Point {
///     fn cell(&self) -> (i64, i64) { ((self.x * 10.0) as i64, (self.y * 10.0) as i64) }
/// }
///
/// impl CacheKey for Point {
///     type Owned = (i64, i64);
///     fn hash_key<H: Hasher>(&self, state: &mut H) { self.cell().hash(state) }
///     fn matches(&self, owned: &(i64, i64)) -> bool { self.cell() == *owned }
///     fn to_owned_key(&self) -> (i64, i64) { self.cell() }
/// }
///
/// #[cachekit::cache::local]
/// fn elevation(at: Point) -> u32 { (at.x + at.y) as u32 }
///
/// assert_eq!(elevation(Point { x: 1.01, y: 2.0 }), 3);
/// assert_eq!(elevation::stats().misses, 1);
/// elevation(Point { x: 1.02, y: 2.0 });
/// assert_eq!(elevation::stats().hits, 1);
/// ```
pub trait CacheKey {
    /// The form that the cache stores.
    type Owned: Eq + Send + Sync + 'static;

    /// Whether creating that form runs only code of the standard library.
    #[doc(hidden)]
    const COPIES_PLAINLY: bool = false;

    /// Feeds the hasher. Keys that match must hash alike, and like [`Self::Owned`] if that is [`Hash`]:
    /// an attribute with `in = cache` and the cache's own methods must agree.
    fn hash_key<H: Hasher>(&self, state: &mut H);

    /// Feeds the hasher with the items of a slice, without its length.
    #[doc(hidden)]
    fn hash_items<H: Hasher>(items: &[Self], state: &mut H)
    where
        Self: Sized,
    {
        for item in items {
            item.hash_key(state);
        }
    }

    /// Whether this key is the stored one.
    fn matches(&self, owned: &Self::Owned) -> bool;

    /// The form to store, created on a miss.
    fn to_owned_key(&self) -> Self::Owned;

    /// How much of a key its serialized form is known to contain.
    #[doc(hidden)]
    fn fidelity(_owned: &Self::Owned, _form: Form) -> Fidelity {
        Fidelity::Partial
    }
}

/// How much of a key its serialized forms contain. A form that does not contain all of it could belong to
/// another key.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fidelity {
    /// Perhaps not everything that `Eq` distinguishes.
    Partial,
    /// All of it, in the exact form: bincode.
    Exact,
    /// All of it, in either form.
    Full,
}

/// How a key is written for storage.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The form that our own storage keys hash: MessagePack, or bincode.
    Native,
    /// The form that all languages hash: an argument of the interop protocol.
    Interop,
}

/// What is known about a type that a generic function bounds only by `Hash + Eq + Clone`.
fn fidelity_of<T: 'static>() -> Fidelity {
    macro_rules! is_one_of {
        ($($known:ty)*) => {
            [$(TypeId::of::<$known>()),*].contains(&TypeId::of::<T>())
        };
    }
    let known = is_one_of!(
        u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize bool char String
    );
    if known { Fidelity::Full } else { Fidelity::Partial }
}

/// A key for a [`crate::Cache`]: anything equivalent to the stored key, as in `HashMap::get`.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a, Q: ?Sized>(pub(crate) &'a Q);

impl<Q: Hash + ?Sized> Lookup<'_, Q> {
    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        hash_with(|state| self.0.hash(state))
    }
}

/// Hash of a key, seeded per process.
#[inline]
pub(crate) fn hash_of<K: CacheKey>(key: &K) -> u64 {
    hash_with(|state| key.hash_key(state))
}

#[inline]
fn hash_with(feed: impl FnOnce(&mut foldhash::fast::FoldHasher<'static>)) -> u64 {
    use std::hash::BuildHasher;
    use std::sync::OnceLock;
    // Keys can come from attackers: the seed differs from process to process.
    static SEED: OnceLock<foldhash::fast::RandomState> = OnceLock::new();
    let seed = match SEED.get() {
        Some(seed) => seed,
        None => SEED.get_or_init(foldhash::fast::RandomState::default),
    };
    let mut state = seed.build_hasher();
    feed(&mut state);
    state.finish()
}
