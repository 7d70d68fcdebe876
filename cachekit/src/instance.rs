//! Telling objects apart: `self = instance`.

use std::fmt;
use std::hash::Hasher;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::key::CacheKey;

/// The identity of an object whose methods have their own cached results.
///
/// Every value differs from all others that the process ever makes. Unlike an address it is never
/// reused, so a new object can never be served the entries of a dropped one. A clone is a new identity,
/// because a clone can change independently of the original.
///
/// # Example
///
/// ```
/// use cachekit::{Instance, InstanceId};
///
/// struct Geocoder { id: InstanceId, country: &'static str }
///
/// impl Instance for Geocoder {
///     fn instance(&self) -> &InstanceId { &self.id }
/// }
///
/// impl Geocoder {
///     #[cachekit::cache::local(ttl = 60, self = instance)]
///     fn locate(&self, town: &str) -> String { format!("{town}, {}", self.country) }
/// }
///
/// let a = Geocoder { id: InstanceId::new(), country: "FR" };
/// let b = Geocoder { id: InstanceId::new(), country: "US" };
/// assert_eq!(a.locate("Paris"), "Paris, FR");
/// assert_eq!(b.locate("Paris"), "Paris, US");
/// ```
#[derive(PartialEq, Eq, Hash)]
pub struct InstanceId(u64);

impl InstanceId {
    /// A unique identity.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn number(&self) -> u64 {
        self.0
    }
}

impl Default for InstanceId {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for InstanceId {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceId({})", self.0)
    }
}

/// An object with an identity, for `#[cache(self = instance)]`.
#[diagnostic::on_unimplemented(
    message = "`self = instance` needs to tell objects of type `{Self}` apart",
    label = "`cachekit::Instance` is not implemented for it",
    note = "add a field `id: cachekit::InstanceId` and implement `cachekit::Instance` by returning it",
    note = "or say `self = shared` if all objects give the same results, or `self = key(self.field)`"
)]
pub trait Instance {
    /// The object's identity.
    fn instance(&self) -> &InstanceId;
}

macro_rules! through_pointer {
    ($($pointer:ty),*) => {$(
        impl<T: Instance + ?Sized> Instance for $pointer {
            fn instance(&self) -> &InstanceId {
                (**self).instance()
            }
        }
    )*};
}

through_pointer!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

/// The key part of `self = instance`.
#[derive(Debug)]
pub struct InstancePart(u64);

/// Makes the key part of `self = instance`.
#[inline]
pub fn instance_part<T: Instance + ?Sized>(this: &T) -> InstancePart {
    InstancePart(this.instance().number())
}

impl CacheKey for InstancePart {
    type Owned = u64;
    const COPIES_PLAINLY: bool = true;
    #[inline]
    fn hash_key<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
    #[inline]
    fn matches(&self, owned: &u64) -> bool {
        self.0 == *owned
    }
    #[inline]
    fn to_owned_key(&self) -> u64 {
        self.0
    }
}
