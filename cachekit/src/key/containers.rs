//! Keys made of keys: references, options, sequences, tuples.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::rc::Rc;
use std::sync::Arc;

use super::{CacheKey, Fidelity, Form};

macro_rules! through_pointer {
    ($($pointer:ty),*) => {$(
        impl<T: CacheKey + ?Sized> CacheKey for $pointer {
            type Owned = T::Owned;
            const COPIES_PLAINLY: bool = T::COPIES_PLAINLY;
            #[inline]
            fn hash_key<H: Hasher>(&self, state: &mut H) {
                (**self).hash_key(state);
            }
            #[inline]
            fn matches(&self, owned: &T::Owned) -> bool {
                (**self).matches(owned)
            }
            #[inline]
            fn to_owned_key(&self) -> T::Owned {
                (**self).to_owned_key()
            }
            #[inline]
            fn fidelity(owned: &T::Owned, form: Form) -> Fidelity {
                T::fidelity(owned, form)
            }
        }
    )*};
}

through_pointer!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: CacheKey + ToOwned + ?Sized> CacheKey for Cow<'_, T> {
    type Owned = <T as CacheKey>::Owned;
    const COPIES_PLAINLY: bool = T::COPIES_PLAINLY;
    #[inline]
    fn hash_key<H: Hasher>(&self, state: &mut H) {
        (**self).hash_key(state);
    }
    #[inline]
    fn matches(&self, owned: &<T as CacheKey>::Owned) -> bool {
        (**self).matches(owned)
    }
    #[inline]
    fn to_owned_key(&self) -> <T as CacheKey>::Owned {
        (**self).to_owned_key()
    }
    #[inline]
    fn fidelity(owned: &<T as CacheKey>::Owned, form: Form) -> Fidelity {
        T::fidelity(owned, form)
    }
}

impl<T: CacheKey> CacheKey for Option<T> {
    type Owned = Option<T::Owned>;
    const COPIES_PLAINLY: bool = T::COPIES_PLAINLY;
    #[inline]
    fn hash_key<H: Hasher>(&self, state: &mut H) {
        discriminant(self).hash(state);
        if let Some(value) = self {
            value.hash_key(state);
        }
    }
    #[inline]
    fn matches(&self, owned: &Self::Owned) -> bool {
        match (self, owned) {
            (Some(value), Some(owned)) => value.matches(owned),
            (None, None) => true,
            _ => false,
        }
    }
    #[inline]
    fn to_owned_key(&self) -> Self::Owned {
        self.as_ref().map(CacheKey::to_owned_key)
    }
}

impl<T: CacheKey> CacheKey for [T] {
    type Owned = Vec<T::Owned>;
    const COPIES_PLAINLY: bool = T::COPIES_PLAINLY;
    #[inline]
    fn hash_key<H: Hasher>(&self, state: &mut H) {
        // The length keeps ["ab"] and ["a", "b"] apart, whatever follows.
        state.write_usize(self.len());
        T::hash_items(self, state);
    }
    #[inline]
    fn matches(&self, owned: &Self::Owned) -> bool {
        self.len() == owned.len() && self.iter().zip(owned).all(|(item, owned)| item.matches(owned))
    }
    #[inline]
    fn to_owned_key(&self) -> Self::Owned {
        self.iter().map(CacheKey::to_owned_key).collect()
    }
}

impl<T: CacheKey> CacheKey for Vec<T> {
    type Owned = Vec<T::Owned>;
    const COPIES_PLAINLY: bool = T::COPIES_PLAINLY;
    #[inline]
    fn hash_key<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash_key(state);
    }
    #[inline]
    fn matches(&self, owned: &Self::Owned) -> bool {
        self.as_slice().matches(owned)
    }
    #[inline]
    fn to_owned_key(&self) -> Self::Owned {
        self.as_slice().to_owned_key()
    }
}

impl<T: CacheKey, const N: usize> CacheKey for [T; N] {
    type Owned = Vec<T::Owned>;
    const COPIES_PLAINLY: bool = T::COPIES_PLAINLY;
    #[inline]
    fn hash_key<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash_key(state);
    }
    #[inline]
    fn matches(&self, owned: &Self::Owned) -> bool {
        self.as_slice().matches(owned)
    }
    #[inline]
    fn to_owned_key(&self) -> Self::Owned {
        self.as_slice().to_owned_key()
    }
}

impl CacheKey for () {
    type Owned = ();
    const COPIES_PLAINLY: bool = true;
    #[inline]
    fn hash_key<H: Hasher>(&self, _state: &mut H) {}
    #[inline]
    fn matches(&self, _owned: &()) -> bool {
        true
    }
    #[inline]
    fn to_owned_key(&self) {}
    #[inline]
    fn fidelity(_owned: &(), _form: Form) -> Fidelity {
        Fidelity::Full
    }
}

/// One part is its own key: `#[cache] fn user(id: u64)` and a `Cache<u64, User>` agree on it.
impl<A: CacheKey> CacheKey for (A,) {
    type Owned = A::Owned;
    const COPIES_PLAINLY: bool = A::COPIES_PLAINLY;
    #[inline]
    fn hash_key<H: Hasher>(&self, state: &mut H) {
        self.0.hash_key(state);
    }
    #[inline]
    fn matches(&self, owned: &A::Owned) -> bool {
        self.0.matches(owned)
    }
    #[inline]
    fn to_owned_key(&self) -> A::Owned {
        self.0.to_owned_key()
    }
    #[inline]
    fn fidelity(owned: &A::Owned, form: Form) -> Fidelity {
        A::fidelity(owned, form)
    }
}

macro_rules! tuple {
    ($($part:ident $index:tt),*) => {
        impl<$($part: CacheKey),*> CacheKey for ($($part,)*) {
            type Owned = ($($part::Owned,)*);
            const COPIES_PLAINLY: bool = true $(&& $part::COPIES_PLAINLY)*;
            #[inline]
            fn hash_key<HH: Hasher>(&self, state: &mut HH) {
                $(self.$index.hash_key(state);)*
            }
            #[inline]
            fn matches(&self, owned: &Self::Owned) -> bool {
                $(self.$index.matches(&owned.$index))&&*
            }
            #[inline]
            fn to_owned_key(&self) -> Self::Owned {
                ($(self.$index.to_owned_key(),)*)
            }
            #[inline]
            fn fidelity(owned: &Self::Owned, form: Form) -> Fidelity {
                Fidelity::Full$(.min($part::fidelity(&owned.$index, form)))*
            }
        }
    };
}

tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
