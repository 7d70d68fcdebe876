//! Authorization: API keys, their classes, scopes and tenants.

mod file;
mod key;

#[cfg(test)]
mod tests;

pub use self::file::KeyFileError;
pub(crate) use self::key::random_hex;
pub use self::key::{ApiKey, ApiKeyError, KeyKind};

use self::file::Line;
use self::key::{Digest, key_id};
use crate::tenant::TenantLimits;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// `GET` and `HEAD` of values and TTLs.
    Read,
    /// `PUT`, and `PATCH` of a TTL.
    Write,
    /// `DELETE` of a value.
    Delete,
    /// Taking and releasing locks.
    Lock,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Delete, Self::Lock];
}

impl std::str::FromStr for Scope {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "delete" => Ok(Self::Delete),
            "lock" => Ok(Self::Lock),
            _ => Err("a scope is `read`, `write`, `delete` or `lock`"),
        }
    }
}

/// The keys that a server knows, as salted hashes.
///
/// `Debug` shows only their number.
///
/// # Example
///
/// ```
/// use cachekit_server::{ApiKey, ApiKeys, KeyKind, Scope, TenantLimits};
///
/// let key = ApiKey::generate(KeyKind::Live)?;
/// let mut keys = ApiKeys::new();
/// keys.add(&key, "acme", &Scope::ALL, TenantLimits::default())?;
/// assert_eq!(keys.len(), 1);
/// # Ok::<(), cachekit_server::ApiKeyError>(())
/// ```
#[derive(Default)]
pub struct ApiKeys {
    /// By the part of a key that is not secret.
    by_id: HashMap<Box<str>, Vec<Arc<Known>>>,
    limits: HashMap<Arc<str>, TenantLimits>,
}

/// A key that is known.
struct Known {
    digest: Digest,
    tenant: Arc<str>,
    scopes: Vec<Scope>,
}

/// The sender of a request.
pub(crate) struct Caller {
    pub(crate) tenant: Arc<str>,
    pub(crate) kind: KeyKind,
    pub(crate) limits: TenantLimits,
    key: Arc<Known>,
}

impl Caller {
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.key.scopes.contains(&scope)
    }
}

impl ApiKeys {
    /// No keys: every request is refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key. The key itself is not stored, only a salted hash.
    ///
    /// Limits belong to the tenant: keys of one tenant share them, and the last ones that are set
    /// count.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError::Tenant`] unless the tenant is 1 to 64 of `A-Z a-z 0-9 . _ -`, [`ApiKeyError::Limits`] for limits
    /// that cannot be enforced, and
    /// [`ApiKeyError::Random`] if the system has no random bytes.
    pub fn add(
        &mut self,
        key: &ApiKey,
        tenant: &str,
        scopes: &[Scope],
        limits: TenantLimits,
    ) -> Result<(), ApiKeyError> {
        self.insert(Line::new(key, tenant, scopes, limits)?);
        Ok(())
    }

    /// Reads a file that `cachekit-server key new --append` wrote; see the guide for the format.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] names the file and the line. A file without a key is an error, too.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        file::load(path)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.by_id.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Whether some tenant has a limit of stored bytes.
    pub(crate) fn limits_bytes(&self) -> bool {
        self.limits.values().any(|limits| limits.stored_bytes.is_some())
    }

    fn insert(&mut self, line: Line) {
        let tenant: Arc<str> = line.tenant.into();
        if let Some(limits) = line.limits {
            self.limits.insert(Arc::clone(&tenant), limits);
        }
        let known = Known { digest: line.digest, tenant, scopes: line.scopes };
        self.by_id.entry(line.id.into()).or_default().push(Arc::new(known));
    }

    /// The caller with this key; `None` if the key is unknown.
    pub(crate) fn verify(&self, presented: &str) -> Option<Caller> {
        let kind = KeyKind::of(presented)?;
        let Some(candidates) = self.by_id.get(key_id(presented)) else {
            // The same work as for a known id.
            Digest::DECOY.matches(presented);
            return None;
        };
        let key = candidates.iter().find(|known| known.digest.matches(presented))?;
        let limits = self.limits.get(&key.tenant).copied().unwrap_or_default();
        Some(Caller { tenant: Arc::clone(&key.tenant), kind, limits, key: Arc::clone(key) })
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").field("len", &self.len()).finish_non_exhaustive()
    }
}
