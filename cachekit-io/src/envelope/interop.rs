//! The format that every SDK of the ecosystem reads: `nonce ‖ ciphertext ‖ tag`.
//!
//! Entries name no key, so opening tries the keys of the keyring one after the other. The
//! bytes do not distinguish a wrong key, a wrong storage key and a changed entry: all of them are
//! [`Tampered`](super::EnvelopeErrorKind::Tampered). Use it for entries that other languages read,
//! and the [native format](super::Envelope) for all others.
//!
//! ```
//! use cachekit_io::envelope::interop::{DEFAULT_TENANT, InteropEnvelope};
//! use cachekit_io::envelope::{KeySet, Keyring, MasterKey};
//!
//! # fn main() -> Result<(), cachekit_io::envelope::EnvelopeError> {
//! let envelope = InteropEnvelope::new(Keyring::new(KeySet::new(MasterKey::generate()?, [])?));
//! let (mut entry, mut value) = (Vec::new(), Vec::new());
//! envelope.seal(DEFAULT_TENANT, "users:get_user:6159", b"\x2a", &mut entry)?;
//! envelope.open(DEFAULT_TENANT, "users:get_user:6159", &entry, &mut value)?;
//! assert_eq!(value, b"\x2a");
//! # Ok(())
//! # }
//! ```

use super::aead::{Cipher, KEY_LEN, Key, NONCE_LEN, TAG_LEN};
use super::context::Short;
use super::error::EnvelopeErrorKind as Kind;
use super::keyring::{Keyring, MasterKey, count};
use super::{EnvelopeError, MAX_VALUE_LEN, Provider, random};
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use zeroize::{Zeroize as _, Zeroizing};

/// The tenant of deployments that have only one.
pub const DEFAULT_TENANT: &str = "default";

/// Bytes by which an entry is longer than its value.
pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

const DOMAIN: &[u8] = b"encryption";
const AAD_VERSION: u8 = 3;
/// The last two components of the associated data, each with its length: MessagePack, uncompressed.
pub(crate) const WRITTEN: &[u8; 20] = b"\0\0\0\x07msgpack\0\0\0\x05False";

/// Seals and opens entries of the ecosystem's format with the keys of a [`Keyring`].
///
/// Nonces are 96 random bits from the operating system for every entry, under one key per tenant:
/// after 2^32 entries sealed under one master key and tenant, rotate the key.
#[derive(Clone, Debug)]
pub struct InteropEnvelope {
    keyring: Arc<Keyring>,
    provider: Provider,
}

impl InteropEnvelope {
    /// With these keys, and the default provider.
    pub fn new(keyring: impl Into<Arc<Keyring>>) -> Self {
        Self { keyring: keyring.into(), provider: Provider::default() }
    }

    /// Which library encrypts. The bytes are the same whichever it is.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::envelope::interop::{DEFAULT_TENANT, InteropEnvelope};
    /// use cachekit_io::envelope::{KeySet, Keyring, Provider};
    ///
    /// # fn main() -> Result<(), cachekit_io::envelope::EnvelopeError> {
    /// let keyring = Keyring::new(KeySet::from_hex(&"07".repeat(32), &[])?);
    /// let envelope = InteropEnvelope::new(keyring).provider(Provider::aes_gcm());
    /// let mut entry = Vec::new();
    /// envelope.seal(DEFAULT_TENANT, "users:get_user:6159", b"\x2a", &mut entry)?;
    /// assert_eq!(entry.len(), 1 + cachekit_io::envelope::interop::OVERHEAD);
    /// # Ok(())
    /// # }
    /// ```
    pub fn provider(mut self, provider: Provider) -> Self {
        self.provider = provider;
        self
    }

    /// The keys.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// Seals a MessagePack document for the key it is stored under, prefixes included; `out` is
    /// overwritten.
    ///
    /// # Errors
    ///
    /// [`InvalidContext`](Kind::InvalidContext), [`TooLarge`](Kind::TooLarge) and
    /// [`Random`](Kind::Random), as for the native format. `out` is empty then.
    pub fn seal(
        &self,
        tenant: &str,
        key: &str,
        value: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EnvelopeError> {
        out.clear();
        if value.len() > MAX_VALUE_LEN {
            return Err(Kind::TooLarge.into());
        }
        let mut data = Short::new();
        aad(&mut data, tenant, key, WRITTEN)?;
        let mut nonce = [0; NONCE_LEN];
        random::fill(&mut nonce)?;
        self.keyring.tenant(tenant, self.provider, |keys| {
            out.reserve(value.len() + OVERHEAD);
            out.extend_from_slice(&nonce);
            out.extend_from_slice(value);
            let Ok(tag) = keys.keys[0].cipher.seal(&nonce, data.bytes(), &mut out[NONCE_LEN..])
            else {
                out.clear();
                return Err(Kind::TooLarge.into());
            };
            out.extend_from_slice(&tag);
            Ok(())
        })?
    }

    /// Opens an entry into `out`, which is overwritten; `true` if a previous key sealed it.
    ///
    /// # Errors
    ///
    /// [`Damaged`](Kind::Damaged) below [`OVERHEAD`] bytes, [`Tampered`](Kind::Tampered) if no key
    /// opens it, [`InvalidContext`](Kind::InvalidContext). `out` is empty then.
    pub fn open(
        &self,
        tenant: &str,
        key: &str,
        entry: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, EnvelopeError> {
        out.clear();
        let mut data = Short::new();
        aad(&mut data, tenant, key, WRITTEN)?;
        self.keyring.tenant(tenant, self.provider, |keys| keys.open(data.bytes(), entry, out))?
    }

    /// The fingerprints of a tenant's keys, current key first, as the other SDKs print them.
    ///
    /// # Errors
    ///
    /// [`InvalidContext`](Kind::InvalidContext) for an empty or overlong tenant.
    pub fn fingerprints(&self, tenant: &str) -> Result<Vec<Fingerprint>, EnvelopeError> {
        self.keyring.tenant(tenant, self.provider, |keys| {
            keys.keys.iter().map(|key| key.fingerprint).collect()
        })
    }
}

/// The keys of one tenant, current first.
pub(crate) struct TenantKeys {
    keys: Box<[TenantKey]>,
    hits: Vec<Arc<AtomicU64>>,
}

struct TenantKey {
    cipher: Box<dyn Cipher>,
    fingerprint: Fingerprint,
}

impl TenantKeys {
    pub(crate) fn derive<'a>(
        masters: impl Iterator<Item = &'a MasterKey>,
        hits: Vec<Arc<AtomicU64>>,
        tenant: &str,
        provider: Provider,
    ) -> Self {
        let keys = masters.map(|master| {
            let key = derive(master, tenant);
            let fingerprint = Fingerprint::of(&key);
            TenantKey { cipher: provider.cipher(&key), fingerprint }
        });
        Self { keys: keys.collect(), hits }
    }

    pub(crate) fn open(
        &self,
        data: &[u8],
        entry: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, EnvelopeError> {
        out.clear();
        let (nonce, sealed) = entry.split_first_chunk().ok_or(Kind::Damaged)?;
        let (sealed, tag) = sealed.split_last_chunk().ok_or(Kind::Damaged)?;
        for (slot, key) in self.keys.iter().enumerate() {
            // A refused attempt destroys its input, so each one gets its own copy.
            out.clear();
            out.extend_from_slice(sealed);
            if key.cipher.open(nonce, data, out, tag).is_ok() {
                count(&self.hits, slot);
                return Ok(slot > 0);
            }
        }
        out.zeroize();
        Err(Kind::Tampered.into())
    }
}

/// The tenant's key for values: HKDF with the lengths of domain and tenant in the salt.
pub(crate) fn derive(master: &MasterKey, tenant: &str) -> Zeroizing<Key> {
    let lens = [u8::try_from(DOMAIN.len()), u8::try_from(tenant.len())];
    let [Ok(domain_len), Ok(tenant_len)] = lens else {
        unreachable!("the keyring has checked the tenant's length");
    };
    let salt = [b"cachekit_v1_", &[domain_len][..], DOMAIN, &[0, tenant_len], tenant.as_bytes()];
    let (mut prk, hkdf) = Hkdf::<Sha256>::extract(Some(&salt.concat()), master.expose());
    prk.as_mut_slice().zeroize();
    let mut key = Zeroizing::new([0; KEY_LEN]);
    hkdf.expand(DOMAIN, key.as_mut_slice()).expect("32 bytes are less than HKDF's limit");
    key
}

/// Identifies a tenant's key as the other SDKs do. It reveals nothing about the key.
///
/// # Example
///
/// ```
/// use cachekit_io::envelope::interop::{DEFAULT_TENANT, InteropEnvelope};
/// use cachekit_io::envelope::{KeySet, Keyring};
///
/// # fn main() -> Result<(), cachekit_io::envelope::EnvelopeError> {
/// let envelope = InteropEnvelope::new(Keyring::new(KeySet::from_hex(&"07".repeat(32), &[])?));
/// let fingerprints = envelope.fingerprints(DEFAULT_TENANT)?;
/// assert_eq!(fingerprints[0].to_string().len(), 32);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    fn of(key: &Key) -> Self {
        let digest = Sha256::new().chain_update(b"key_fingerprint_v1").chain_update(key).finalize();
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&digest[..16]);
        Self(fingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The data authenticated with a value, version 3: tenant, key, and how the value is written.
#[inline]
pub(crate) fn aad(
    data: &mut Short,
    tenant: &str,
    key: &str,
    written: &[u8],
) -> Result<(), EnvelopeError> {
    data.fill(&[AAD_VERSION], [tenant.as_bytes(), key.as_bytes()], written, 1)
}

impl fmt::Debug for TenantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantKeys").finish_non_exhaustive()
    }
}
