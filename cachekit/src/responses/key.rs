//! Under which key a response is stored: the target of its request, the partition, and what the response varies on.
//!
//! The method is no part of it: a stored `GET` answers `HEAD`, and a `PUT` invalidates what `GET` stored (RFC 9111 §2, §4.4).
//! The scheme is, where the server sees it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use cachekit_io::Backend;
use serde::{Serialize, Serializer};

use super::stored::RawRef;
use super::vary::Rule;
use crate::key::{CacheKey, Fidelity, Form};

/// The number of a rule, and what the request has in the rule's fields.
type Variant = ((u64, u64), Box<[u8]>);

/// A key. Cheap to clone.
#[derive(Clone)]
pub(super) struct Key(Arc<Inner>);

struct Inner {
    partition: Option<Box<str>>,
    /// Scheme, authority, path and query: see `target.rs`.
    target: Box<str>,
    variant: Option<Variant>,
    /// Where the layer's entries go, if it says so. Not part of what is compared: a store belongs to one layer.
    backend: Option<Arc<dyn Backend>>,
}

impl Key {
    pub(super) fn new(
        partition: Option<Box<str>>,
        target: Box<str>,
        backend: Option<Arc<dyn Backend>>,
    ) -> Self {
        Self(Arc::new(Inner { partition, target, variant: None, backend }))
    }

    /// The key of a variant of this target.
    pub(super) fn variant(&self, rule: &Rule, values: Box<[u8]>) -> Self {
        let Inner { partition, target, backend, variant: _ } = &*self.0;
        Self(Arc::new(Inner {
            partition: partition.clone(),
            target: target.clone(),
            variant: Some((rule.number, values)),
            backend: backend.clone(),
        }))
    }

    pub(super) fn backend(&self) -> Option<Arc<dyn Backend>> {
        self.0.backend.clone()
    }

    pub(super) fn partition(&self) -> Option<&str> {
        self.0.partition.as_deref()
    }

    /// Bytes that it takes.
    pub(super) fn weight(&self) -> usize {
        let Inner { partition, target, variant, backend: _ } = &*self.0;
        let variant = variant.as_ref().map_or(0, |(_, values)| values.len());
        partition.as_ref().map_or(0, |partition| partition.len()) + target.len() + variant
    }

    fn told(&self) -> (Option<&str>, &str, Option<&Variant>) {
        let Inner { partition, target, variant, backend: _ } = &*self.0;
        (partition.as_deref(), target, variant.as_ref())
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.told() == other.told()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (partition, target, variant) = self.told();
        let variant = variant.map(|(rule, values)| (rule, RawRef(values)));
        (partition, target, variant).serialize(to)
    }
}

impl CacheKey for Key {
    type Owned = Self;

    fn hash_key<H: Hasher>(&self, state: &mut H) {
        self.told().hash(state);
    }

    fn matches(&self, owned: &Self) -> bool {
        self == owned
    }

    fn to_owned_key(&self) -> Self {
        self.clone()
    }

    fn fidelity(_owned: &Self, _form: Form) -> Fidelity {
        // All that is compared is written.
        Fidelity::Full
    }
}
