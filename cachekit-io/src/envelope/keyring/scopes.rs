//! What was derived for tenants and namespaces, found without a lock.

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

/// A tenant and a namespace.
type Name = (Box<str>, Box<str>);

/// Everything derived from one set of keys.
///
/// A slot that is taken stays taken, so reading it is one load: threads that open entries of one namespace do
/// not meet at a lock. Names that come later and find no slot, as those of many tenants do, are kept in an ordinary
/// map behind a lock.
pub(super) struct Scopes {
    table: Box<[OnceLock<Box<Scope>>]>,
    outside: RwLock<HashMap<Name, Arc<ScopeKeys>>>,
    /// Of its own for each process, so that nobody who chooses names fills one row of slots.
    hashing: RandomState,
}

struct Scope {
    tenant: Box<str>,
    namespace: Box<str>,
    keys: ScopeKeys,
}

impl Scope {
    fn is(&self, tenant: &str, namespace: &str) -> bool {
        *self.tenant == *tenant && *self.namespace == *namespace
    }
}

impl Scopes {
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
        namespace: &str,
    ) -> impl Iterator<Item = &'s OnceLock<Box<Scope>>> + use<'s> {
        let hash = self.hashing.hash_one((tenant, namespace));
        #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
        let first = hash as usize;
        (0..PROBES).map(move |step| &self.table[first.wrapping_add(step) % SLOTS])
    }

    /// Uses what is there for a name.
    #[inline]
    pub(super) fn get<R, F: FnOnce(&ScopeKeys) -> R>(
        &self,
        tenant: &str,
        namespace: &str,
        use_it: F,
    ) -> Result<R, F> {
        for slot in self.slots(tenant, namespace) {
            match slot.get() {
                Some(scope) if scope.is(tenant, namespace) => return Ok(use_it(&scope.keys)),
                Some(_) => {}
                // Names fill their slots in order: it is nowhere.
                None => return Err(use_it),
            }
        }
        let outside = self.outside.read().unwrap_or_else(PoisonError::into_inner);
        let found = outside.get(&(tenant.into(), namespace.into())).cloned();
        drop(outside);
        match found {
            Some(keys) => Ok(use_it(&keys)),
            None => Err(use_it),
        }
    }

    /// Keeps what was derived for a name, unless another thread was faster; that is the same then.
    pub(super) fn insert(&self, tenant: &str, namespace: &str, keys: ScopeKeys) {
        let (tenant, namespace) = (Box::from(tenant), Box::from(namespace));
        let mut scope = Box::new(Scope { tenant, namespace, keys });
        let mut taken = 0;
        while let Some(slot) = self.slots(&scope.tenant, &scope.namespace).nth(taken) {
            match slot.set(scope) {
                Ok(()) => return,
                Err(back) => scope = back,
            }
            if slot.get().is_some_and(|other| other.is(&scope.tenant, &scope.namespace)) {
                return;
            }
            taken += 1;
        }
        let mut outside = self.outside.write().unwrap_or_else(PoisonError::into_inner);
        let Scope { tenant, namespace, keys } = *scope;
        let name = (tenant, namespace);
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
