//! What was derived for a pair of names, such as a tenant and a namespace, found without a lock.

use super::{ScopeKey, count_of};
use crate::envelope::KeyId;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Slots of the table. A program has few namespaces, and has many tenants only if it names them.
const SLOTS: usize = 256;

/// How many slots are tried for a name.
const PROBES: usize = 8;

/// How many names may be kept outside of the table. One more evicts another: deriving again costs
/// microseconds, an unbounded map would exhaust the process's memory.
const MAX_OUTSIDE: usize = 1024;

/// A tenant, and a namespace or the name of a provider.
type Name = (Box<str>, Box<str>);

/// Everything derived from one set of keys.
///
/// A used slot stays used, so reading it is one load: threads that open entries of one namespace do not
/// contend for a lock. Later names that find no free slot, such as those of many tenants, are kept in an
/// ordinary map behind a lock.
pub(super) struct Scopes<T> {
    /// The first name, compared before any name is hashed: many programs have only one.
    first: OnceLock<Box<Scope<T>>>,
    table: Box<[OnceLock<Box<Scope<T>>>]>,
    outside: RwLock<HashMap<Name, Arc<T>>>,
    /// Seeded for each process, so that an attacker who chooses names cannot fill one sequence of slots.
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
            first: OnceLock::new(),
            table: (0..SLOTS).map(|_| OnceLock::new()).collect(),
            outside: RwLock::default(),
            hashing: RandomState::default(),
        }
    }

    /// The slots of a name after the first one, in the order in which they are tried.
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

    /// All places of a name, in that order.
    fn places<'s>(
        &'s self,
        tenant: &str,
        name: &str,
    ) -> impl Iterator<Item = &'s OnceLock<Box<Scope<T>>>> + use<'s, T> {
        std::iter::once(&self.first).chain(self.slots(tenant, name))
    }

    /// Calls `use_it` with what was derived for a name.
    #[inline]
    pub(super) fn get<R, F: FnOnce(&T) -> R>(
        &self,
        tenant: &str,
        name: &str,
        use_it: F,
    ) -> Result<R, F> {
        match self.first.get() {
            Some(scope) if scope.is(tenant, name) => Ok(use_it(&scope.keys)),
            _ => self.get_later(tenant, name, use_it),
        }
    }

    /// The same for a name that is not the first one.
    #[inline(never)]
    fn get_later<R, F: FnOnce(&T) -> R>(
        &self,
        tenant: &str,
        name: &str,
        use_it: F,
    ) -> Result<R, F> {
        for slot in self.slots(tenant, name) {
            match slot.get() {
                Some(scope) if scope.is(tenant, name) => return Ok(use_it(&scope.keys)),
                Some(_) => {}
                // Names fill their slots in order, so this name is in none.
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

    /// Keeps what was derived for a name, unless another thread was faster; both derived the same.
    pub(super) fn insert(&self, tenant: &str, name: &str, keys: T) {
        let (tenant, name) = (Box::from(tenant), Box::from(name));
        let mut scope = Box::new(Scope { tenant, name, keys });
        let mut taken = 0;
        while let Some(slot) = self.places(&scope.tenant, &scope.name).nth(taken) {
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
            // Any other one: a caller that names many tenants occasionally costs other tenants a derivation.
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

    /// The key with this id, and its slot in the keyring. Ids are public: no secret is compared.
    pub(crate) fn find(&self, id: KeyId) -> Option<(usize, &ScopeKey)> {
        self.keys.iter().enumerate().find(|(_, key)| key.id == id)
    }

    /// The counter of entries that the key in this slot opens; `None` for the current key.
    pub(crate) fn counter(&self, slot: usize) -> Option<Arc<AtomicU64>> {
        count_of(&self.hits, slot).map(Arc::clone)
    }
}
