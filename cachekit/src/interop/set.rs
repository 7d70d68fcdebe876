//! Sets that the encoder does not recognize by itself.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::names;

/// Marks a sequence as a set: its elements are written in a fixed order, equal ones once.
///
/// The sets of the standard library, of `indexmap` and of `hashbrown` need no mark: they are recognized
/// everywhere. Wrap any other collection without an order, or a `Vec` that represents a set,
/// in this. With other serializers it is written as its content.
///
/// # Example
///
/// ```
/// use std::collections::HashSet;
/// use cachekit::interop::{self, Set};
///
/// let key = interop::key("shop", "by_tags", &(Set(vec!["b", "a", "b"]),))?;
/// assert_eq!(key, interop::key("shop", "by_tags", &(HashSet::from(["a", "b"]),))?);
/// assert_eq!(key, interop::key("shop", "by_tags", &(["a", "b"],))?);
/// # Ok::<_, interop::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Set<T>(pub T);

impl<T: Serialize> Serialize for Set<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(names::SET, &self.0)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Set<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}
