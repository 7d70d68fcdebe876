//! The keys a process seals and opens with.

mod master;
mod source;

pub use self::master::{CURRENT_VARIABLE, KeySet, MAX_PREVIOUS, MasterKey, PREVIOUS_VARIABLE};
pub use self::source::{FileKeySource, KeySource};

use super::EnvelopeError;
use super::context::check_name;
use super::derive::ScopeKey;
use super::interop::TenantKeys;
use foldhash::fast::RandomState as Hashing;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How many tenants and namespaces have their derived keys at hand. One more, and the collection
/// starts anew: deriving again costs microseconds, an unbounded map would cost the process.
const MAX_SCOPES: usize = 1024;

/// Names the key that sealed an entry, for one tenant and namespace. Derived, so it says nothing
/// about the master key; the same key has other ids elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(crate) [u8; 16]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// One current key that seals, and up to three previous ones that open.
///
/// What is derived for a tenant and namespace is kept (for up to 1,024 of them) and wiped when it
/// goes.
///
/// # Example
///
/// ```
/// use cachekit_io::envelope::{Context, Envelope, KeySet, Keyring, MasterKey};
///
/// # fn main() -> Result<(), cachekit_io::envelope::EnvelopeError> {
/// let old = MasterKey::generate()?;
/// let copy = MasterKey::from_hex(&old.to_hex())?;
/// let context = Context::new("acme", "users", "s1:aa");
/// let mut entry = Vec::new();
/// Envelope::new(Keyring::new(KeySet::new(old, [])?)).seal(&context, b"value", &mut entry)?;
///
/// let rotated = Envelope::new(Keyring::new(KeySet::new(MasterKey::generate()?, [copy])?));
/// assert!(rotated.open_in_place(&context, &mut entry)?.used_previous());
/// assert_eq!(rotated.keyring().previous_hits(), [1]);
/// # Ok(())
/// # }
/// ```
pub struct Keyring {
    state: RwLock<State>,
    source: Option<Box<dyn KeySource>>,
    /// One reload at a time, so that an older load never replaces a newer one.
    reloading: Mutex<()>,
}

struct State {
    keys: KeySet,
    /// Per previous key: how many entries it opened.
    hits: Vec<Arc<AtomicU64>>,
    /// Per previous key: it was the current one of this keyring, and is not to be so again.
    replaced: Vec<bool>,
    scopes: HashMap<String, HashMap<String, ScopeKeys, Hashing>, Hashing>,
    scopes_len: usize,
    tenants: HashMap<String, Arc<TenantKeys>>,
}

impl State {
    fn new(keys: KeySet, hits: Vec<Arc<AtomicU64>>, replaced: Vec<bool>) -> Self {
        let (scopes, tenants) = (HashMap::default(), HashMap::new());
        Self { keys, hits, replaced, scopes, scopes_len: 0, tenants }
    }

    fn scope(&self, tenant: &str, namespace: &str) -> Option<&ScopeKeys> {
        self.scopes.get(tenant)?.get(namespace)
    }
}

impl Keyring {
    /// A keyring with these keys for good.
    pub fn new(keys: KeySet) -> Self {
        let hits = keys.previous.iter().map(|_| Arc::default()).collect();
        // What was before this keyring, nobody knows.
        let replaced = vec![false; keys.previous.len()];
        Self {
            state: RwLock::new(State::new(keys, hits, replaced)),
            source: None,
            reloading: Mutex::default(),
        }
    }

    /// A keyring with the keys of the environment; see [`KeySet::from_env`].
    ///
    /// # Errors
    ///
    /// As [`KeySet::from_env`].
    pub fn from_env() -> Result<Self, EnvelopeError> {
        KeySet::from_env().map(Self::new)
    }

    /// A keyring that can be [reloaded](Self::reload).
    ///
    /// # Errors
    ///
    /// As the source.
    pub fn from_source(source: impl KeySource + 'static) -> Result<Self, EnvelopeError> {
        let mut keyring = Self::new(source.load()?);
        keyring.source = Some(Box::new(source));
        Ok(keyring)
    }

    /// Loads the keys anew; `true` if they changed. Calls that are under way finish with the keys
    /// they have.
    ///
    /// # Errors
    ///
    /// As the source; also if a key that was replaced would seal again, because keys go one way. The
    /// keyring then keeps the keys it has. A previous key that this keyring never sealed with may become
    /// the current one: so a new key can be made known everywhere before anybody seals with it.
    pub fn reload(&self) -> Result<bool, EnvelopeError> {
        let Some(source) = &self.source else {
            return Ok(false);
        };
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = source.load()?;
        let mut state = self.write();
        let old = &state.keys;
        let known = |key: &MasterKey| old.previous.iter().position(|previous| previous.ct_eq(key));
        if known(&keys.current).is_some_and(|index| state.replaced[index]) {
            let context = "the new current key is one that was replaced, and must not seal again";
            return Err(EnvelopeError::configuration(context));
        }
        let same_len = old.previous.len() == keys.previous.len();
        if same_len && old.iter().zip(keys.iter()).all(|(old, new)| old.ct_eq(new)) {
            return Ok(false);
        }
        let hits = keys.previous.iter().map(|key| match known(key) {
            Some(index) => Arc::clone(&state.hits[index]),
            None => Arc::default(),
        });
        let replaced = keys.previous.iter().map(|key| match known(key) {
            Some(index) => state.replaced[index],
            None => old.current.ct_eq(key),
        });
        let (hits, replaced) = (hits.collect(), replaced.collect());
        *state = State::new(keys, hits, replaced);
        Ok(true)
    }

    /// How many entries each previous key opened since it became one, in the keyring's order. A key
    /// whose number stays while the longest time to live passes can be dropped.
    pub fn previous_hits(&self) -> Vec<u64> {
        self.read().hits.iter().map(|hits| hits.load(Ordering::Relaxed)).collect()
    }

    /// The key ids of the native format for a tenant and namespace, current key first.
    ///
    /// # Errors
    ///
    /// [`InvalidContext`](super::EnvelopeErrorKind::InvalidContext) for an empty or overlong name.
    pub fn key_ids(&self, tenant: &str, namespace: &str) -> Result<Vec<KeyId>, EnvelopeError> {
        self.scope(tenant, namespace, |scope| scope.keys().map(|key| key.id).collect())
    }

    /// Uses what is derived for a tenant and namespace. No other key comes or goes meanwhile, so `use_it`
    /// derives what it needs and returns: encryption happens afterwards, and so does every other
    /// call of the keyring.
    pub(crate) fn scope<R>(
        &self,
        tenant: &str,
        namespace: &str,
        use_it: impl FnOnce(&ScopeKeys) -> R,
    ) -> Result<R, EnvelopeError> {
        if let Some(scope) = self.read().scope(tenant, namespace) {
            return Ok(use_it(scope));
        }
        check_name("tenant", tenant)?;
        check_name("namespace", namespace)?;
        let mut state = self.write();
        if let Some(scope) = state.scope(tenant, namespace) {
            return Ok(use_it(scope));
        }
        let state = &mut *state;
        if state.scopes_len >= MAX_SCOPES {
            state.scopes.clear();
            state.scopes_len = 0;
        }
        state.scopes_len += 1;
        let keys = state.keys.iter().map(|key| ScopeKey::derive(key, tenant, namespace)).collect();
        let of_tenant = state.scopes.entry(tenant.to_owned()).or_default();
        let scope = of_tenant.entry(namespace.to_owned());
        Ok(use_it(scope.or_insert(ScopeKeys { keys, hits: state.hits.clone() })))
    }

    /// What is derived for a tenant in the ecosystem's format.
    pub(crate) fn tenant(&self, tenant: &str) -> Result<Arc<TenantKeys>, EnvelopeError> {
        if let Some(keys) = self.read().tenants.get(tenant) {
            return Ok(Arc::clone(keys));
        }
        check_name("tenant", tenant)?;
        let mut state = self.write();
        if state.tenants.len() >= MAX_SCOPES {
            state.tenants.clear();
        }
        let keys = Arc::new(TenantKeys::derive(state.keys.iter(), state.hits.clone(), tenant));
        Ok(Arc::clone(state.tenants.entry(tenant.to_owned()).or_insert(keys)))
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("previous_hits", &self.previous_hits())
            .finish_non_exhaustive()
    }
}

/// The keys of one tenant and namespace, current first.
pub(crate) struct ScopeKeys {
    keys: Box<[ScopeKey]>,
    hits: Vec<Arc<AtomicU64>>,
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
        slot.checked_sub(1).and_then(|index| self.hits.get(index)).map(Arc::clone)
    }
}

/// Counts an entry that a previous key (`slot` 1 and above) opened.
pub(crate) fn count(hits: &[Arc<AtomicU64>], slot: usize) {
    if let Some(hits) = slot.checked_sub(1).and_then(|index| hits.get(index)) {
        hits.fetch_add(1, Ordering::Relaxed);
    }
}
