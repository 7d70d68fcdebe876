//! The keys a process seals and opens with.

mod master;
mod scopes;
mod source;

pub use self::master::{CURRENT_VARIABLE, KeySet, MAX_PREVIOUS, MasterKey, PREVIOUS_VARIABLE};
pub(crate) use self::scopes::ScopeKeys;
pub use self::source::{FileKeySource, KeySource};

use self::scopes::Scopes;
use super::context::check_name;
use super::derive::ScopeKey;
use super::interop::TenantKeys;
use super::{EnvelopeError, Provider};
use arc_swap::ArcSwap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
/// What is derived for a tenant and namespace is kept (for more than a thousand of them) and wiped when it
/// goes. For the first couple of hundred of them, threads that use it take no lock.
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
pub struct Keyring(Keys);

enum Keys {
    /// For good.
    Fixed(Box<State>),
    Replaceable {
        state: ArcSwap<State>,
        source: Box<dyn KeySource>,
        /// One reload at a time, so that an older load never replaces a newer one.
        reloading: Mutex<()>,
    },
}

struct State {
    keys: KeySet,
    /// Per previous key: how many entries it opened.
    hits: Vec<Arc<AtomicU64>>,
    /// Per previous key: it was the current one of this keyring, and is not to be so again.
    replaced: Vec<bool>,
    scopes: Scopes<ScopeKeys>,
    /// In the ecosystem's format, by provider: it has one key for a tenant, so the ciphers are kept.
    tenants: Scopes<TenantKeys>,
}

impl State {
    fn first(keys: KeySet) -> Self {
        let hits = keys.previous.iter().map(|_| Arc::default()).collect();
        // What was before this keyring is not known.
        let replaced = vec![false; keys.previous.len()];
        Self::new(keys, hits, replaced)
    }

    fn new(keys: KeySet, hits: Vec<Arc<AtomicU64>>, replaced: Vec<bool>) -> Self {
        Self { keys, hits, replaced, scopes: Scopes::new(), tenants: Scopes::new() }
    }

    /// What follows on these keys, with what is known of them; `None` if they are the same.
    fn replaced_by(&self, keys: KeySet) -> Result<Option<Self>, EnvelopeError> {
        let old = &self.keys;
        let known = |key: &MasterKey| old.previous.iter().position(|previous| previous.ct_eq(key));
        if known(&keys.current).is_some_and(|index| self.replaced[index]) {
            let context = "the new current key is one that was replaced, and must not seal again";
            return Err(EnvelopeError::configuration(context));
        }
        let same_len = old.previous.len() == keys.previous.len();
        if same_len && old.iter().zip(keys.iter()).all(|(old, new)| old.ct_eq(new)) {
            return Ok(None);
        }
        let hits = keys.previous.iter().map(|key| match known(key) {
            Some(index) => Arc::clone(&self.hits[index]),
            None => Arc::default(),
        });
        let replaced = keys.previous.iter().map(|key| match known(key) {
            Some(index) => self.replaced[index],
            None => old.current.ct_eq(key),
        });
        let (hits, replaced) = (hits.collect(), replaced.collect());
        Ok(Some(Self::new(keys, hits, replaced)))
    }

    /// Derives what is not there yet.
    #[cold]
    fn derive<R>(
        &self,
        tenant: &str,
        namespace: &str,
        use_it: impl FnOnce(&ScopeKeys) -> R,
    ) -> Result<R, EnvelopeError> {
        check_name("tenant", tenant)?;
        check_name("namespace", namespace)?;
        let keys = self.keys.iter().map(|key| ScopeKey::derive(key, tenant, namespace)).collect();
        let keys = ScopeKeys { keys, hits: self.hits.clone() };
        let result = use_it(&keys);
        self.scopes.insert(tenant, namespace, keys);
        Ok(result)
    }

    /// The same for a tenant in the ecosystem's format.
    #[cold]
    fn derive_tenant<R>(
        &self,
        tenant: &str,
        provider: Provider,
        use_it: impl FnOnce(&TenantKeys) -> R,
    ) -> Result<R, EnvelopeError> {
        check_name("tenant", tenant)?;
        let keys = TenantKeys::derive(self.keys.iter(), self.hits.clone(), tenant, provider);
        let result = use_it(&keys);
        self.tenants.insert(tenant, provider.name(), keys);
        Ok(result)
    }
}

impl Keyring {
    /// A keyring with these keys for good.
    pub fn new(keys: KeySet) -> Self {
        Self(Keys::Fixed(Box::new(State::first(keys))))
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
        let state = ArcSwap::from_pointee(State::first(source.load()?));
        let (source, reloading) = (Box::new(source), Mutex::default());
        Ok(Self(Keys::Replaceable { state, source, reloading }))
    }

    /// Loads the keys anew; `true` if they changed. Calls that are under way finish with the keys
    /// they have.
    ///
    /// # Errors
    ///
    /// As the source; also if a key that was replaced would seal again, because keys go one way. The
    /// keyring then keeps the keys it has. A previous key that this keyring never sealed with may become
    /// the current one: so a new key can be made known everywhere before a process seals with it.
    pub fn reload(&self) -> Result<bool, EnvelopeError> {
        let Keys::Replaceable { state, source, reloading } = &self.0 else {
            return Ok(false);
        };
        let _one_at_a_time = reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let next = state.load().replaced_by(source.load()?)?;
        let changed = next.is_some();
        if let Some(next) = next {
            state.store(Arc::new(next));
        }
        Ok(changed)
    }

    /// How many entries each previous key opened since it became one, in the keyring's order. A key
    /// whose number stays while the longest time to live passes can be dropped.
    pub fn previous_hits(&self) -> Vec<u64> {
        self.now(|state| state.hits.iter().map(|hits| hits.load(Ordering::Relaxed)).collect())
    }

    /// The key ids of the native format for a tenant and namespace, current key first.
    ///
    /// # Errors
    ///
    /// [`InvalidContext`](super::EnvelopeErrorKind::InvalidContext) for an empty or overlong name.
    pub fn key_ids(&self, tenant: &str, namespace: &str) -> Result<Vec<KeyId>, EnvelopeError> {
        self.scope(tenant, namespace, |scope| scope.keys().map(|key| key.id).collect())
    }

    /// Uses what is derived for a tenant and namespace. The keys of now stay in memory meanwhile, so `use_it`
    /// derives what it needs and returns: encryption happens afterwards.
    #[inline]
    pub(crate) fn scope<R>(
        &self,
        tenant: &str,
        namespace: &str,
        use_it: impl FnOnce(&ScopeKeys) -> R,
    ) -> Result<R, EnvelopeError> {
        self.now(|state| match state.scopes.get(tenant, namespace, use_it) {
            Ok(result) => Ok(result),
            Err(use_it) => state.derive(tenant, namespace, use_it),
        })
    }

    /// Uses what is derived for a tenant in the ecosystem's format. The keys of now stay in memory meanwhile, for one
    /// encryption: the ciphers are among them.
    #[inline]
    pub(crate) fn tenant<R>(
        &self,
        tenant: &str,
        provider: Provider,
        use_it: impl FnOnce(&TenantKeys) -> R,
    ) -> Result<R, EnvelopeError> {
        self.now(|state| match state.tenants.get(tenant, provider.name(), use_it) {
            Ok(result) => Ok(result),
            Err(use_it) => state.derive_tenant(tenant, provider, use_it),
        })
    }

    /// Uses the keys of now.
    #[inline]
    fn now<R>(&self, use_it: impl FnOnce(&State) -> R) -> R {
        match &self.0 {
            Keys::Fixed(state) => use_it(state),
            Keys::Replaceable { state, .. } => use_it(&state.load()),
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("previous_hits", &self.previous_hits())
            .finish_non_exhaustive()
    }
}

/// The count of the entries that the key in this place of the keyring opened; the current one has none.
fn count_of(hits: &[Arc<AtomicU64>], slot: usize) -> Option<&Arc<AtomicU64>> {
    slot.checked_sub(1).and_then(|index| hits.get(index))
}

/// Counts an entry that a previous key (`slot` 1 and above) opened.
pub(crate) fn count(hits: &[Arc<AtomicU64>], slot: usize) {
    if let Some(hits) = count_of(hits, slot) {
        hits.fetch_add(1, Ordering::Relaxed);
    }
}
