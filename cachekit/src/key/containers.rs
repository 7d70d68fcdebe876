//! Keys made of keys: references, options, sequences, tuples.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::rc::Rc;
use std::sync::Arc;

use super::{CacheKey, Fidelity, Form};

/// Containers that are keys because their contents are.
macro_rules! by_inner {
    ($([$($generics:tt)*] $type:ty => $inner:ty, |$it:ident| $of:expr;)*) => {$(
        impl<$($generics)*> CacheKey for $type {
            type Owned = <$inner as CacheKey>::Owned;
            const COPIES_PLAINLY: bool = <$inner as CacheKey>::COPIES_PLAINLY;
            #[inline]
            fn hash_key<HH: Hasher>(&self, state: &mut HH) {
                let $it = self;
                $of.hash_key(state);
            }
            #[inline]
            fn matches(&self, owned: &<$inner as CacheKey>::Owned) -> bool {
                let $it = self;
                $of.matches(owned)
            }
            #[inline]
            fn to_owned_key(&self) -> <$inner as CacheKey>::Owned {
                let $it = self;
                $of.to_owned_key()
            }
            #[inline]
            fn fidelity(owned: &<$inner as CacheKey>::Owned, form: Form) -> Fidelity {
                <$inner as CacheKey>::fidelity(owned, form)
            }
        }
    )*};
}

by_inner! {
    [T: CacheKey + ?Sized] &T => T, |it| (**it);
    [T: CacheKey + ?Sized] &mut T => T, |it| (**it);
    [T: CacheKey + ?Sized] Box<T> => T, |it| (**it);
    [T: CacheKey + ?Sized] Rc<T> => T, |it| (**it);
    [T: CacheKey + ?Sized] Arc<T> => T, |it| (**it);
    [T: CacheKey + ToOwned + ?Sized] Cow<'_, T> => T, |it| (**it);
    [T: CacheKey] Vec<T> => [T], |it| it.as_slice();
    [T: CacheKey, const N: usize] [T; N] => [T], |it| it.as_slice();
    // A tuple of one part is the part's key: `#[cache] fn user(id: u64)` and a `Cache<u64, User>`
    // agree on it.
    [A: CacheKey] (A,) => A, |it| it.0;
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

impl<T: CacheKey, E: CacheKey> CacheKey for Result<T, E> {
    type Owned = Result<T::Owned, E::Owned>;
    const COPIES_PLAINLY: bool = T::COPIES_PLAINLY && E::COPIES_PLAINLY;
    #[inline]
    fn hash_key<H: Hasher>(&self, state: &mut H) {
        discriminant(self).hash(state);
        match self {
            Ok(value) => value.hash_key(state),
            Err(error) => error.hash_key(state),
        }
    }
    #[inline]
    fn matches(&self, owned: &Self::Owned) -> bool {
        match (self, owned) {
            (Ok(value), Ok(owned)) => value.matches(owned),
            (Err(error), Err(owned)) => error.matches(owned),
            _ => false,
        }
    }
    #[inline]
    fn to_owned_key(&self) -> Self::Owned {
        match self {
            Ok(value) => Ok(value.to_owned_key()),
            Err(error) => Err(error.to_owned_key()),
        }
    }
}

impl<T: CacheKey> CacheKey for [T] {
    type Owned = Vec<T::Owned>;
    const COPIES_PLAINLY: bool = T::COPIES_PLAINLY;
    #[inline]
    fn hash_key<H: Hasher>(&self, state: &mut H) {
        // The length distinguishes ["ab"] from ["a", "b"], whatever follows.
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
