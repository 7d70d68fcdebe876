//! Which keys the API accepts, and which API keys may write where.

use crate::auth::KeyKind;
use cachekit_io::wire::limits::MAX_KEY_LENGTH;

/// The longest key with [`KeyRule::Any`], in bytes.
pub(crate) const MAX_ANY_KEY_BYTES: usize = 1024;

/// Which keys are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyRule {
    /// Those of cachekit.io: 1 to 400 of `A-Z a-z 0-9 _ . : -` without `..`; in `ns:{name}:…` and
    /// `nsapi:{name}:…` the name is 1 to 64 of `A-Z a-z 0-9 _ -` and something follows it.
    #[default]
    Strict,
    /// Any text of up to 1,024 bytes, unchanged.
    Any,
}

impl KeyRule {
    pub(crate) fn accepts(self, key: &str) -> bool {
        match self {
            Self::Any => key.len() <= MAX_ANY_KEY_BYTES,
            Self::Strict => {
                let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
                (1..=MAX_KEY_LENGTH).contains(&key.len())
                    && key.bytes().all(legal)
                    && !key.contains("..")
                    && Space::of(key).is_well_formed(key)
            }
        }
    }
}

/// The group of keys that a key belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    Sdk,
    Api,
    Default,
}

impl Space {
    fn of(key: &str) -> Self {
        if key.starts_with("ns:") {
            Self::Sdk
        } else if key.starts_with("nsapi:") {
            Self::Api
        } else {
            Self::Default
        }
    }

    fn is_well_formed(self, key: &str) -> bool {
        if self == Self::Default {
            return true;
        }
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let mut parts = key.splitn(3, ':').skip(1);
        let name = parts.next().unwrap_or_default();
        let rest = parts.next().unwrap_or_default();
        (1..=64).contains(&name.len()) && name.bytes().all(legal) && !rest.is_empty()
    }
}

/// Whether an API key of this class may change what is stored under `key`.
pub(crate) fn may_change(kind: KeyKind, key: &str) -> bool {
    match (kind, Space::of(key)) {
        (KeyKind::Live, _) | (_, Space::Default) => true,
        (KeyKind::Sdk, space) => space == Space::Sdk,
        (KeyKind::Api, space) => space == Space::Api,
    }
}
