//! API keys, and the hashes that are stored of them.

use crate::tenant::TenantLimitsError;
use ring::hmac;
use serde::{Deserialize, Serialize};
use std::fmt;
use subtle::ConstantTimeEq;

/// The class of a key, which is part of its prefix: where it may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// `ck_sdk_`: keys without a prefix and those of `ns:`. Requests must report what the client's own
    /// cache did.
    Sdk,
    /// `ck_api_`: keys without a prefix and those of `nsapi:`.
    Api,
    /// `ck_live_`: everything.
    Live,
}

impl KeyKind {
    /// The prefix of keys of this class.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Sdk => "ck_sdk_",
            Self::Api => "ck_api_",
            Self::Live => "ck_live_",
        }
    }

    /// The class of a key.
    pub fn of(key: &str) -> Option<Self> {
        [Self::Sdk, Self::Api, Self::Live].into_iter().find(|kind| key.starts_with(kind.prefix()))
    }
}

impl std::str::FromStr for KeyKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sdk" => Ok(Self::Sdk),
            "api" => Ok(Self::Api),
            "live" => Ok(Self::Live),
            _ => Err("a kind is `sdk`, `api` or `live`"),
        }
    }
}

/// Why a key cannot be created or added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// Not the form of a key.
    #[error(
        "an API key begins with ck_sdk_, ck_api_ or ck_live_ and has 24 to 256 letters, digits, \
         `-`, `.`, `_` and `~`"
    )]
    Form,
    /// Not the name of a tenant.
    #[error("a tenant is 1 to 64 letters, digits, `.`, `_` and `-`")]
    Tenant,
    /// Limits that a server cannot keep.
    #[error(transparent)]
    Limits(#[from] TenantLimitsError),
    /// No random bytes from the system.
    #[error("the system has no random bytes")]
    Random,
}

/// An API key in plaintext: what a client sends.
///
/// `Debug` does not show it, and there is no `Display`.
///
/// # Example
///
/// ```
/// use cachekit_server::{ApiKey, KeyKind};
///
/// let key = ApiKey::generate(KeyKind::Sdk)?;
/// assert!(key.expose().starts_with("ck_sdk_"));
/// assert_eq!(format!("{key:?}"), "ApiKey(..)");
/// # Ok::<(), cachekit_server::ApiKeyError>(())
/// ```
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// A new key with 256 random bits: class, id and secret, joined by `_`.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError::Random`] if the system has no random bytes.
    pub fn generate(kind: KeyKind) -> Result<Self, ApiKeyError> {
        let (id, secret) = (random::<6>()?, random::<32>()?);
        Ok(Self(format!("{}{}_{}", kind.prefix(), hex(&id), hex(&secret))))
    }

    /// Takes a key that was generated elsewhere. It must be as long and as random as one of ours,
    /// because only a fast hash of it is stored.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError::Form`] unless it looks like a key.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let formed = KeyKind::of(text).is_some()
            && (24..=256).contains(&text.len())
            && text.bytes().all(legal);
        if formed { Ok(Self(text.to_owned())) } else { Err(ApiKeyError::Form) }
    }

    /// The key itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// The part of a key that identifies it and is not secret; empty for keys that have none.
pub(super) fn key_id(key: &str) -> &str {
    let rest = KeyKind::of(key).map_or("", |kind| &key[kind.prefix().len()..]);
    rest.rsplit_once('_').map_or("", |(id, _)| id)
}

/// What is stored of a key: HMAC-SHA-256 over it, with a random salt as the HMAC's key.
///
/// A fast hash is right here: 256 random bits cannot be guessed, so a slow one would only cost
/// time on every request.
#[derive(Clone)]
pub(super) struct Digest {
    pub(super) salt: [u8; 16],
    pub(super) hash: [u8; 32],
}

impl Digest {
    /// The digest of no key.
    pub(super) const DECOY: Self = Self { salt: [0; 16], hash: [0; 32] };

    pub(super) fn new(key: &ApiKey) -> Result<Self, ApiKeyError> {
        let salt = random()?;
        Ok(Self { salt, hash: keyed_hash(&salt, &key.0) })
    }

    pub(super) fn matches(&self, presented: &str) -> bool {
        keyed_hash(&self.salt, presented).ct_eq(&self.hash).into()
    }
}

fn keyed_hash(salt: &[u8; 16], key: &str) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), key.as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(tag.as_ref());
    hash
}

/// 128 random bits as hexadecimal digits.
pub(crate) fn random_hex() -> Result<String, ApiKeyError> {
    Ok(hex(&random::<16>()?))
}

/// Random bytes from the system.
fn random<const N: usize>() -> Result<[u8; N], ApiKeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| ApiKeyError::Random)?;
    Ok(bytes)
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

/// Reads the output of [`hex`], of exactly this length.
pub(super) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}
