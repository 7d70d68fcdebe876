//! Keys: two names and the hash of the arguments.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::LazyLock;

use blake2b_simd::Params;
use serde::Serialize;

use super::encode::{self, copy_short};
use super::error::Error;
use super::segment::{MAX_LEN, Namespace, Operation};

const HASH_LEN: usize = 32;
/// Two names of maximum length, two colons, and the hash in hex.
const MAX_KEY_LEN: usize = 2 * MAX_LEN + 2 + 2 * HASH_LEN;

/// A key that every language computes for the same call: `namespace:operation:hash`, ASCII, 68 to 194
/// bytes. It is stored on the stack and dereferences to a `&str`.
#[derive(Clone, Copy)]
// It is moved in a few wide steps then.
#[repr(align(16))]
pub struct Key {
    bytes: [u8; MAX_KEY_LEN],
    len: u8,
}

impl Key {
    /// The key.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("the parts of a key are ASCII")
    }
}

/// The key of a call.
///
/// `args` are all arguments in the order of their declaration: a tuple, a slice, a `Vec`, or a struct whose
/// fields stand for the arguments. A call without arguments has `&()`; one with a single argument has
/// `&(argument,)`.
///
/// # Errors
///
/// [`ErrorKind::Segment`](super::ErrorKind::Segment) for a name that is not allowed.
/// [`ErrorKind::Arguments`](super::ErrorKind::Arguments) for what is no list, and for a struct that omits a field by
/// `skip_serializing_if`: the next argument would be in its place. For an argument outside the model, the kind that says
/// why, with [`Error::argument`]. Nothing is repaired or left out.
///
/// # Example
///
/// ```
/// use cachekit::interop;
///
/// let key = interop::key("users", "get_user", &(42,))?;
/// assert_eq!(
///     key.as_str(),
///     "users:get_user:61598716255080080f6456eb065c2e51badfaa4320b0efe97469c29cffee8875"
/// );
/// # Ok::<_, interop::Error>(())
/// ```
pub fn key<A: Serialize + ?Sized>(
    namespace: &str,
    operation: &str,
    args: &A,
) -> Result<Key, Error> {
    key_in(Namespace::new(namespace)?, Operation::new(operation)?, args)
}

/// [`key`] with names that were checked before, for example at compile time.
///
/// # Errors
///
/// Like [`key`], for the arguments.
pub fn key_in<A: Serialize + ?Sized>(
    namespace: Namespace<'_>,
    operation: Operation<'_>,
    args: &A,
) -> Result<Key, Error> {
    let hash = encode::arguments(args, hash)?;
    let mut key = Key { bytes: [0; MAX_KEY_LEN], len: 0 };
    key.write(namespace, operation, &hash);
    Ok(key)
}

/// `BLAKE2b` with 32 bytes, which is not a part of that with 64.
static PARAMS: LazyLock<Params> = LazyLock::new(|| {
    let mut params = Params::new();
    params.hash_length(HASH_LEN);
    params
});

#[inline(never)]
fn hash(encoded: &[u8]) -> [u8; HASH_LEN] {
    *PARAMS.hash(encoded).as_bytes().first_chunk().expect("a hash has 32 bytes")
}

impl Key {
    /// Compiled once, and not in each function that makes keys. It writes in place: a key that it returned would be
    /// copied by wide loads right behind the narrow stores, for which a processor waits.
    #[inline(never)]
    #[allow(clippy::cast_possible_truncation)] // A key is at most 194 bytes long.
    fn write(&mut self, namespace: Namespace<'_>, operation: Operation<'_>, hash: &[u8; HASH_LEN]) {
        let mut rest = &mut self.bytes[..];
        for name in [namespace.as_str(), operation.as_str()] {
            let (place, after) = rest.split_at_mut(name.len() + 1);
            let (colon, place) = place.split_last_mut().expect("it has place for a colon");
            copy_short(place, name.as_bytes());
            *colon = b':';
            rest = after;
        }
        let digits = rest.first_chunk_mut().expect("names are 64 bytes long at most");
        write_hex(hash, digits);
        self.len = (namespace.as_str().len() + operation.as_str().len() + 2 + digits.len()) as u8;
    }
}

/// By arithmetic on numbers of known sizes: the compiler makes a few wide operations of each loop.
#[inline]
fn write_hex(bytes: &[u8; HASH_LEN], digits: &mut [u8; 2 * HASH_LEN]) {
    // Both halves of each byte, each in a byte of its own, the upper one first.
    let halves = bytes.map(|byte| (u16::from(byte) >> 4 | u16::from(byte) << 8) & 0x0f0f);
    for (pair, both) in digits.chunks_exact_mut(2).zip(halves) {
        pair.copy_from_slice(&both.to_le_bytes());
    }
    for digit in digits {
        *digit += b'0' + if *digit > 9 { b'a' - b'0' - 10 } else { 0 };
    }
}

impl Deref for Key {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.as_str().to_owned()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Key {}

impl PartialEq<str> for Key {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Key {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}
