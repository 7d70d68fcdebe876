//! What was derived for pairs of names, such as a tenant and a namespace, found without a lock.

use super::{ScopeKey, count_of};
use crate::envelope::KeyId;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Slots of the table. A program has few namespaces, and many tenants only if it names them.
const SLOTS: usize = 256;

/// How many slots a name may stand in.
const PROBES: usize = 8;

/// How many names may be kept outside of the table. One more, and another one goes: deriving again costs
/// microseconds, an unbounded map would cost the process.
const MAX_OUTSIDE: usize = 1024;

/// A tenant, and a namespace or the name of a provider.
type Name = (Box<str>, Box<str>);

/// Everything derived from one set of keys.
///
/// A slot that is taken stays taken, so reading it is one load: threads that open entries of one namespace do
/// not meet at a lock. Names that come later and find no slot, as those of many tenants do, are kept in an ordinary
/// map behind a lock.
pub(super) struct Scopes<T> {
    table: Box<[OnceLock<Box<Scope<T>>>]>,
    outside: RwLock<HashMap<Name, Arc<T>>>,
    /// Of its own for each process, so that a caller who chooses names cannot fill one row of slots.
    hashing: RandomState,
}

struct Scope<T> {
    tenant: Box<str>,
    name: Box<str>,
    keys: T,
}

impl<T> Scope<T> {
    fn is(&self, tenant: &str, name: &str) -> bool {
        *self.tenant == *tenant && *self.name == *name
    }
}

impl<T> Scopes<T> {
    pub(super) fn new() -> Self {
        Self {
            table: (0..SLOTS).map(|_| OnceLock::new()).collect(),
            outside: RwLock::default(),
            hashing: RandomState::default(),
        }
    }

    /// The slots of a name, in the order in which they are tried.
    fn slots<'s>(
        &'s self,
        tenant: &str,
        name: &str,
    ) -> impl Iterator<Item = &'s OnceLock<Box<Scope<T>>>> + use<'s, T> {
        let hash = self.hashing.hash_one((tenant, name));
        #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
        let first = hash as usize;
        (0..PROBES).map(move |step| &self.table[first.wrapping_add(step) % SLOTS])
    }

    /// Uses what is there for a name.
    #[inline]
    pub(super) fn get<R, F: FnOnce(&T) -> R>(
        &self,
        tenant: &str,
        name: &str,
        use_it: F,
    ) -> Result<R, F> {
        for slot in self.slots(tenant, name) {
            match slot.get() {
                Some(scope) if scope.is(tenant, name) => return Ok(use_it(&scope.keys)),
                Some(_) => {}
                // Names fill their slots in order: it is nowhere.
                None => return Err(use_it),
            }
        }
        let outside = self.outside.read().unwrap_or_else(PoisonError::into_inner);
        let found = outside.get(&(tenant.into(), name.into())).cloned();
        drop(outside);
        match found {
            Some(keys) => Ok(use_it(&keys)),
            None => Err(use_it),
        }
    }

    /// Keeps what was derived for a name, unless another thread was faster; that is the same then.
    pub(super) fn insert(&self, tenant: &str, name: &str, keys: T) {
        let (tenant, name) = (Box::from(tenant), Box::from(name));
        let mut scope = Box::new(Scope { tenant, name, keys });
        let mut taken = 0;
        while let Some(slot) = self.slots(&scope.tenant, &scope.name).nth(taken) {
            match slot.set(scope) {
                Ok(()) => return,
                Err(back) => scope = back,
            }
            if slot.get().is_some_and(|other| other.is(&scope.tenant, &scope.name)) {
                return;
            }
            taken += 1;
        }
        let mut outside = self.outside.write().unwrap_or_else(PoisonError::into_inner);
        let Scope { tenant, name, keys } = *scope;
        let name = (tenant, name);
        if outside.len() >= MAX_OUTSIDE && !outside.contains_key(&name) {
            // Any other one: a caller that names many tenants costs the others of them a derivation, now and then.
            let other = outside.keys().next().cloned();
            other.and_then(|other| outside.remove(&other));
        }
        outside.insert(name, Arc::new(keys));
    }
}

/// The keys of one tenant and namespace, current first.
pub(crate) struct ScopeKeys {
    pub(super) keys: Box<[ScopeKey]>,
    pub(super) hits: Vec<Arc<AtomicU64>>,
}

impl ScopeKeys {
    pub(crate) fn current(&self) -> &ScopeKey {
        &self.keys[0]
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &ScopeKey> {
        self.keys.iter()
    }

    /// The key with this id and its place in the keyring. Ids are public: no secret is compared.
    pub(crate) fn find(&self, id: KeyId) -> Option<(usize, &ScopeKey)> {
        self.keys.iter().enumerate().find(|(_, key)| key.id == id)
    }

    /// Counts the entries that the key in this place opens; `None` for the current key.
    pub(crate) fn counter(&self, slot: usize) -> Option<Arc<AtomicU64>> {
        count_of(&self.hits, slot).map(Arc::clone)
    }
}
