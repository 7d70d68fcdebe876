//! Master keys, and sets of them.

use crate::envelope::EnvelopeError;
use crate::envelope::error::EnvelopeErrorKind as Kind;
use crate::envelope::secret::Secret;
use std::ffi::OsString;
use std::fmt;
use zeroize::Zeroizing;

/// How many previous keys a keyring accepts.
pub const MAX_PREVIOUS: usize = 3;
/// The environment variable with the current master key, in hex.
pub const CURRENT_VARIABLE: &str = "CACHEKIT_MASTER_KEY";
/// The environment variable with the previous master keys, in hex, separated by commas.
pub const PREVIOUS_VARIABLE: &str = "CACHEKIT_PREVIOUS_MASTER_KEYS";

const LEN: usize = 32;
/// Longer ones are mistakes; the ecosystem names no bound.
const MAX_LEN: usize = 1024;

/// A master key. It is wiped on drop, cannot be cloned and shows nothing in `Debug`.
///
/// # Example
///
/// ```
/// use cachekit_io::envelope::MasterKey;
///
/// # fn main() -> Result<(), cachekit_io::envelope::EnvelopeError> {
/// let key = MasterKey::generate()?;
/// assert_eq!(format!("{key:?}"), "MasterKey([secret])");
/// assert!(MasterKey::from_hex("00ff").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MasterKey(Secret);

impl MasterKey {
    /// A new key: 32 bytes from the operating system.
    ///
    /// # Errors
    ///
    /// [`Random`](Kind::Random) if the operating system provides no randomness.
    pub fn generate() -> Result<Self, EnvelopeError> {
        let filled = Secret::fill(LEN, getrandom::fill);
        filled.map(Self).map_err(|_| Kind::Random.into())
    }

    /// A key in hex: an even number of digits of either case, at least 64 (use 64), nothing else.
    ///
    /// # Errors
    ///
    /// [`Configuration`](Kind::Configuration), without revealing anything of the text.
    pub fn from_hex(text: &str) -> Result<Self, EnvelopeError> {
        let digits = text.len();
        if !(2 * LEN..=2 * MAX_LEN).contains(&digits) || !digits.is_multiple_of(2) {
            let context = format!("a master key has 64 hex digits; this has {digits} characters");
            return Err(EnvelopeError::configuration(context));
        }
        // The decoder's own error would quote a character of the key.
        Secret::fill(digits / 2, |bytes| hex::decode_to_slice(text, bytes)).map(Self).map_err(
            |_| {
                EnvelopeError::configuration(
                    "a master key has hex digits only: no prefix, no spaces",
                )
            },
        )
    }

    /// A key from raw bytes: exactly 32. The caller wipes its own copy.
    ///
    /// # Errors
    ///
    /// [`Configuration`](Kind::Configuration) for any other number of bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() != LEN {
            let context = format!("a raw master key has {LEN} bytes; this has {}", bytes.len());
            return Err(EnvelopeError::configuration(context));
        }
        Secret::fill(LEN, |copy| {
            copy.copy_from_slice(bytes);
            Ok(())
        })
        .map(Self)
    }

    /// The key in hex, to print it once when it was generated. The only way to get a key out.
    ///
    /// The text is wiped on drop.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.expose()))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    pub(crate) fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0)
    }
}

/// The current key, which seals, and at most [`MAX_PREVIOUS`] previous ones, which only open.
///
/// Keys go one way: from current to previous to gone. So the current key cannot also be a previous
/// one, and no previous key can appear twice.
///
/// # Example
///
/// ```
/// use cachekit_io::envelope::{KeySet, MasterKey};
///
/// # fn main() -> Result<(), cachekit_io::envelope::EnvelopeError> {
/// let (old, new) = (MasterKey::generate()?, MasterKey::generate()?);
/// let keys = KeySet::new(new, [old])?;
/// assert_eq!(keys.previous_len(), 1);
/// # Ok(())
/// # }
/// ```
pub struct KeySet {
    pub(crate) current: MasterKey,
    pub(crate) previous: Vec<MasterKey>,
}

impl KeySet {
    /// The current key, and the previous keys with the latest first.
    ///
    /// # Errors
    ///
    /// [`Configuration`](Kind::Configuration) for too many previous keys and for a repeated key.
    pub fn new(
        current: MasterKey,
        previous: impl IntoIterator<Item = MasterKey>,
    ) -> Result<Self, EnvelopeError> {
        let previous: Vec<MasterKey> = previous.into_iter().take(MAX_PREVIOUS + 1).collect();
        if previous.len() > MAX_PREVIOUS {
            let context = format!("more than {MAX_PREVIOUS} previous keys; drop the oldest");
            return Err(EnvelopeError::configuration(context));
        }
        for (index, key) in previous.iter().enumerate() {
            if key.ct_eq(&current) {
                let context = "the current key is also a previous one; a key that was replaced \
                               must not seal again";
                return Err(EnvelopeError::configuration(context));
            }
            if previous[..index].iter().any(|earlier| key.ct_eq(earlier)) {
                return Err(EnvelopeError::configuration("a previous key is there twice"));
            }
        }
        Ok(Self { current, previous })
    }

    /// Keys in hex, as [`MasterKey::from_hex`] reads them.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new) and [`MasterKey::from_hex`].
    pub fn from_hex(current: &str, previous: &[&str]) -> Result<Self, EnvelopeError> {
        let current = MasterKey::from_hex(current).map_err(|error| error.named("current key"))?;
        let previous = previous.iter().zip(1..).map(|(text, number)| {
            MasterKey::from_hex(text)
                .map_err(|error| error.named(&format!("previous key {number}")))
        });
        Self::new(current, previous.collect::<Result<Vec<_>, _>>()?)
    }

    /// Keys as [`FileKeySource`](super::FileKeySource) reads them from a file: the current key in hex
    /// on the first line, previous ones on the lines after it. Empty lines and lines that start with
    /// `#` are skipped.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new) and [`MasterKey::from_hex`], naming the line; also if there is no key.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::envelope::KeySet;
    ///
    /// let keys = KeySet::from_lines(&format!("# since May\n{}\n", "07".repeat(32)))?;
    /// assert_eq!(keys.previous_len(), 0);
    /// # Ok::<(), cachekit_io::envelope::EnvelopeError>(())
    /// ```
    pub fn from_lines(text: &str) -> Result<Self, EnvelopeError> {
        let mut keys = Vec::with_capacity(1 + MAX_PREVIOUS);
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if !line.is_empty() && !line.starts_with('#') {
                let key = MasterKey::from_hex(line);
                keys.push(key.map_err(|error| error.named(&format!("line {number}")))?);
            }
        }
        let mut keys = keys.into_iter();
        let current = keys.next();
        Self::new(current.ok_or_else(|| EnvelopeError::configuration("no key"))?, keys)
    }

    /// Keys from the environment variables [`CURRENT_VARIABLE`] and [`PREVIOUS_VARIABLE`].
    ///
    /// The environment itself keeps its copy; a [`KeySource`](super::KeySource) over a file or a
    /// secret manager does not.
    ///
    /// # Errors
    ///
    /// [`Configuration`](Kind::Configuration), naming the variable and never its content.
    pub fn from_env() -> Result<Self, EnvelopeError> {
        let variable = std::env::var_os;
        Self::from_variables(variable(CURRENT_VARIABLE), variable(PREVIOUS_VARIABLE))
    }

    pub(crate) fn from_variables(
        current: Option<OsString>,
        previous: Option<OsString>,
    ) -> Result<Self, EnvelopeError> {
        // Both are checked, so that both can be corrected at once.
        let current = current_key(current);
        let previous = previous_keys(previous);
        match (current, previous) {
            (Ok(current), Ok(previous)) => {
                Self::new(current, previous).map_err(|error| error.named(PREVIOUS_VARIABLE))
            }
            (current, previous) => {
                let wrong: Vec<_> = current.err().into_iter().chain(previous.err()).collect();
                Err(EnvelopeError::all(wrong)
                    .unwrap_or_else(|| EnvelopeError::configuration("no key")))
            }
        }
    }

    /// How many previous keys there are.
    pub fn previous_len(&self) -> usize {
        self.previous.len()
    }

    /// The keys one by one, the current one first, to write the next set of a rotation.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::envelope::{KeySet, MasterKey};
    ///
    /// # fn main() -> Result<(), cachekit_io::envelope::EnvelopeError> {
    /// let keys = KeySet::new(MasterKey::generate()?, [])?;
    /// let rotated = KeySet::new(MasterKey::generate()?, keys.into_keys())?;
    /// assert_eq!(rotated.previous_len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_keys(self) -> impl Iterator<Item = MasterKey> {
        std::iter::once(self.current).chain(self.previous)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

fn current_key(value: Option<OsString>) -> Result<MasterKey, EnvelopeError> {
    let Some(value) = value else {
        return Err(EnvelopeError::configuration(format!("{CURRENT_VARIABLE} is not set")));
    };
    let text = text(value, CURRENT_VARIABLE)?;
    MasterKey::from_hex(&text).map_err(|error| error.named(CURRENT_VARIABLE))
}

fn previous_keys(value: Option<OsString>) -> Result<Vec<MasterKey>, EnvelopeError> {
    let text = value.map(|value| text(value, PREVIOUS_VARIABLE)).transpose()?;
    let list = text.as_ref().map_or("", |list| list.trim());
    let mut keys = Vec::with_capacity(MAX_PREVIOUS);
    for (entry, number) in list.split(',').zip(1..).filter(|_| !list.is_empty()) {
        let key = MasterKey::from_hex(entry.trim());
        keys.push(
            key.map_err(|error| error.named(&format!("{PREVIOUS_VARIABLE}, entry {number}")))?,
        );
    }
    Ok(keys)
}

/// The text of a variable, wiped on drop.
fn text(value: OsString, name: &str) -> Result<Zeroizing<String>, EnvelopeError> {
    match String::from_utf8(value.into_encoded_bytes()) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(EnvelopeError::configuration(format!("{name} is not valid text")))
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("previous_len", &self.previous.len()).finish_non_exhaustive()
    }
}
