//! The two names in a key, and their grammar.

use std::fmt;

use super::error::{Error, ErrorKind};

/// The longest namespace or operation, in bytes.
pub(super) const MAX_LEN: usize = 64;

/// A namespace that other languages and cachekit.io accept.
///
/// 1 to 64 characters from `a`-`z`, `0`-`9`, `.`, `_` and `-`. The first one is a letter or a digit, two
/// dots never follow each other, and it is neither `ns` nor `nsapi`, which the servers of the ecosystem
/// read as their own prefixes.
///
/// # Example
///
/// ```
/// use cachekit::interop::Namespace;
///
/// const USERS: Namespace<'static> = match Namespace::new("users") {
///     Ok(namespace) => namespace,
///     Err(error) => panic!("{}", error.reason()),
/// };
/// assert_eq!(USERS.as_str(), "users");
/// assert!(Namespace::new("Users").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Namespace<'a>(&'a str);

/// The name of an operation, like [`Namespace`] but without reserved names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation<'a>(&'a str);

impl<'a> Namespace<'a> {
    /// Checks a name; also at compile time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Segment`], with what is wrong with the name. Names are never repaired.
    pub const fn new(name: &'a str) -> Result<Self, Error> {
        if let Err(error) = check(name) {
            return Err(error);
        }
        if equals(name, "ns") || equals(name, "nsapi") {
            return Err(Error::new(
                ErrorKind::Segment,
                "the namespaces `ns` and `nsapi` are reserved: servers read keys that start with them in another way",
            ));
        }
        Ok(Self(name))
    }

    /// The name.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> Operation<'a> {
    /// Checks a name; also at compile time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Segment`], with what is wrong with the name. Names are never repaired.
    pub const fn new(name: &'a str) -> Result<Self, Error> {
        match check(name) {
            Ok(()) => Ok(Self(name)),
            Err(error) => Err(error),
        }
    }

    /// The name.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Namespace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The bytes that a name may contain, as a table, because this runs for each key.
static ALLOWED: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        allowed[byte as usize] = byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'.' | b'_' | b'-');
        byte += 1;
    }
    allowed
};

const fn check(name: &str) -> Result<(), Error> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > MAX_LEN {
        return Err(Error::new(
            ErrorKind::Segment,
            "a namespace or an operation has 1 to 64 characters",
        ));
    }
    if !(bytes[0].is_ascii_lowercase() || bytes[0].is_ascii_digit()) {
        return Err(Error::new(
            ErrorKind::Segment,
            "a namespace or an operation starts with a letter from `a` to `z` or a digit",
        ));
    }
    let mut at = 1;
    while at < bytes.len() {
        let byte = bytes[at];
        if !ALLOWED[byte as usize] {
            return Err(Error::new(
                ErrorKind::Segment,
                "a namespace or an operation has only `a` to `z`, `0` to `9`, `.`, `_` and `-`",
            ));
        }
        if byte == b'.' && bytes[at - 1] == b'.' {
            return Err(Error::new(
                ErrorKind::Segment,
                "a namespace or an operation never has two dots in a row: servers refuse them",
            ));
        }
        at += 1;
    }
    Ok(())
}

const fn equals(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}
