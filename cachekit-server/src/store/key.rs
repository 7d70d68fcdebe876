//! A tenant's key as one unambiguous byte string.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Names an entry: a key within a tenant.
///
/// The bytes are the tenant's length in two bytes, the tenant and the key, so that no two pairs share
/// them. `Debug` shows none of it. Cloning is cheap.
///
/// # Example
///
/// ```
/// use cachekit_server::EntryKey;
///
/// let key = EntryKey::new("acme", "ns:shop:7");
/// assert_eq!((key.tenant(), key.key()), ("acme", "ns:shop:7"));
/// assert_ne!(EntryKey::new("ab", "c"), EntryKey::new("a", "bc"));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryKey(Arc<[u8]>);

impl EntryKey {
    /// The key of a tenant.
    ///
    /// # Panics
    ///
    /// If the tenant's name is longer than 65,535 bytes; [`ApiKeys`](crate::ApiKeys) takes 64.
    pub fn new(tenant: &str, key: &str) -> Self {
        let length = u16::try_from(tenant.len()).expect("tenant names are short");
        let mut bytes = Vec::with_capacity(2 + tenant.len() + key.len());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(tenant.as_bytes());
        bytes.extend_from_slice(key.as_bytes());
        Self(bytes.into())
    }

    /// Reads the output of [`as_bytes`](Self::as_bytes); `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (tenant, key) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        std::str::from_utf8(tenant).ok()?;
        std::str::from_utf8(key).ok()?;
        Some(Self(bytes.into()))
    }

    /// The tenant.
    pub fn tenant(&self) -> &str {
        self.parts().0
    }

    /// The key within the tenant.
    pub fn key(&self) -> &str {
        self.parts().1
    }

    /// The bytes that represent both.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn parts(&self) -> (&str, &str) {
        let split = 2 + usize::from(u16::from_be_bytes([self.0[0], self.0[1]]));
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        (text(&self.0[2..split]), text(&self.0[split..]))
    }
}

impl Hash for EntryKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Like its bytes, because maps are looked up with `&[u8]`.
        self.0.hash(state);
    }
}

impl Borrow<[u8]> for EntryKey {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys may contain personal data: they do not belong in logs.
        f.write_str("EntryKey(..)")
    }
}
