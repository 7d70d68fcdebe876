//! Keys that are plain values.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8,
    NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize,
};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{CacheKey, Fidelity, Form};

macro_rules! by_value {
    ($fidelity:expr, $copy:path; $($type:ty),* $(,)?) => {$(
        impl CacheKey for $type {
            type Owned = $type;
            const COPIES_PLAINLY: bool = true;
            #[inline]
            fn hash_key<H: Hasher>(&self, state: &mut H) {
                self.hash(state);
            }
            #[inline]
            fn hash_items<H: Hasher>(items: &[Self], state: &mut H) {
                Hash::hash_slice(items, state);
            }
            #[inline]
            fn matches(&self, owned: &$type) -> bool {
                self == owned
            }
            #[inline]
            fn to_owned_key(&self) -> $type {
                $copy(self)
            }
            #[inline]
            fn fidelity(_owned: &Self::Owned, _form: Form) -> Fidelity {
                $fidelity
            }
        }
    )*};
}

by_value!(
    Fidelity::Full, ToOwned::to_owned;
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    bool,
    char,
    NonZeroU8,
    NonZeroU16,
    NonZeroU32,
    NonZeroU64,
    NonZeroU128,
    NonZeroUsize,
    NonZeroI8,
    NonZeroI16,
    NonZeroI32,
    NonZeroI64,
    NonZeroI128,
    NonZeroIsize,
);

by_value!(
    Fidelity::Partial, ToOwned::to_owned;
    Duration,
    Instant,
    SystemTime,
    std::cmp::Ordering,
    std::any::TypeId,
    std::thread::ThreadId,
    IpAddr,
    Ipv4Addr,
    Ipv6Addr,
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
);

macro_rules! by_borrow {
    ($fidelity:expr, $copy:path; $($borrowed:ty => $owned:ty),* $(,)?) => {$(
        impl CacheKey for $borrowed {
            type Owned = $owned;
            const COPIES_PLAINLY: bool = true;
            #[inline]
            fn hash_key<H: Hasher>(&self, state: &mut H) {
                self.hash(state);
            }
            #[inline]
            fn matches(&self, owned: &$owned) -> bool {
                let owned: &$borrowed = owned.as_ref();
                self == owned
            }
            #[inline]
            fn to_owned_key(&self) -> $owned {
                $copy(self)
            }
            #[inline]
            fn fidelity(_owned: &Self::Owned, _form: Form) -> Fidelity {
                $fidelity
            }
        }

        by_value!($fidelity, $copy; $owned);
    )*};
}

by_borrow!(Fidelity::Full, ToOwned::to_owned; str => String);
by_borrow!(Fidelity::Partial, ToOwned::to_owned; OsStr => OsString, CStr => CString);
by_borrow!(Fidelity::Partial, spelled_alike; Path => PathBuf);

/// Equal paths in one spelling: `a//b`, `a/./b` and `a/b/` are `a/b`. In a shared tier equal keys have to give equal bytes.
fn spelled_alike(path: &Path) -> PathBuf {
    path.components().collect()
}

/// A float in a key: `-0.0` is `0.0`, and NaN equals NaN.
///
/// # Example
///
/// ```
/// use cachekit::key::Float;
///
/// assert_eq!(Float::from(0.0), Float::from(-0.0));
/// assert_eq!(Float::from(f64::NAN), Float::from(f64::NAN));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Float<F>(F);

macro_rules! float {
    ($($float:ty),*) => {$(
        impl Float<$float> {
            #[inline]
            fn bits(self) -> impl Hash + Eq {
                if self.0.is_nan() {
                    // One bit pattern for all NaNs.
                    <$float>::NAN.to_bits()
                } else {
                    // Adding zero turns -0.0 into 0.0 and changes nothing else.
                    (self.0 + 0.0).to_bits()
                }
            }
        }

        impl From<$float> for Float<$float> {
            fn from(value: $float) -> Self {
                Self(value)
            }
        }

        impl PartialEq for Float<$float> {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                self.bits() == other.bits()
            }
        }

        impl Eq for Float<$float> {}

        impl Hash for Float<$float> {
            #[inline]
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.bits().hash(state);
            }
        }

        impl Serialize for Float<$float> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // Equal keys must give equal bytes.
                let canonical = if self.0.is_nan() { <$float>::NAN } else { self.0 + 0.0 };
                canonical.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for Float<$float> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$float>::deserialize(deserializer).map(Self)
            }
        }

        impl CacheKey for $float {
            type Owned = Float<$float>;
            const COPIES_PLAINLY: bool = true;
            #[inline]
            fn hash_key<H: Hasher>(&self, state: &mut H) {
                Float::from(*self).hash(state);
            }
            #[inline]
            fn matches(&self, owned: &Float<$float>) -> bool {
                Float::from(*self) == *owned
            }
            #[inline]
            fn to_owned_key(&self) -> Float<$float> {
                Float::from(*self)
            }
            #[inline]
            fn fidelity(_owned: &Self::Owned, _form: Form) -> Fidelity {
                Fidelity::Full
            }
        }
    )*};
}

float!(f32, f64);
