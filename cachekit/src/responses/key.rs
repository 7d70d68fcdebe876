//! Under which key a response is stored: the target of its request, the partition, and what the response varies on.
//!
//! The method is no part of it: a stored `GET` answers `HEAD`, and a `PUT` invalidates what `GET` stored (RFC 9111 §2, §4.4).
//! The scheme is, where the server sees it.

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

#[derive(Clone)]
struct Inner {
    partition: Option<Box<str>>,
    /// Scheme, authority, path and query: see `target.rs`.
    target: Box<str>,
    variant: Option<Variant>,
    /// Where the layer's entries go, if it says so. Not part of what is compared: a store belongs to one layer.
    backend: Option<Arc<dyn Backend>>,
    /// The look that it is for takes nothing stale of a shared tier. Not part of what is compared, either.
    fresh_only: bool,
}

impl Key {
    pub(super) fn new(
        partition: Option<Box<str>>,
        target: Box<str>,
        backend: Option<Arc<dyn Backend>>,
    ) -> Self {
        Self(Arc::new(Inner { partition, target, variant: None, backend, fresh_only: false }))
    }

    /// The key of a variant of this target.
    pub(super) fn variant(&self, rule: &Rule, values: Box<[u8]>) -> Self {
        self.with(|inner| inner.variant = Some((rule.number, values)))
    }

    /// The same key, for a look that takes nothing stale.
    pub(super) fn fresh_only(&self) -> Self {
        self.with(|inner| inner.fresh_only = true)
    }

    pub(super) fn is_fresh_only(&self) -> bool {
        self.0.fresh_only
    }

    fn with(&self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = (*self.0).clone();
        change(&mut inner);
        Self(Arc::new(inner))
    }

    pub(super) fn backend(&self) -> Option<Arc<dyn Backend>> {
        self.0.backend.clone()
    }

    pub(super) fn partition(&self) -> Option<&str> {
        self.0.partition.as_deref()
    }

    /// Bytes that it takes.
    pub(super) fn weight(&self) -> usize {
        let Inner { partition, target, variant, .. } = &*self.0;
        let variant = variant.as_ref().map_or(0, |(_, values)| values.len());
        partition.as_ref().map_or(0, |partition| partition.len()) + target.len() + variant
    }

    fn told(&self) -> (Option<&str>, &str, Option<&Variant>) {
        let Inner { partition, target, variant, .. } = &*self.0;
        (partition.as_deref(), target, variant.as_ref())
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.told() == other.told()
    }
}

impl Eq for Key {}

opaque!([] "Key", Key);

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
