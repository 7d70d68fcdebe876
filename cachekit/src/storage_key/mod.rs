//! Storage keys: `ns:{namespace}:func:{function}:args:{hash}:{codec}`.
//!
//! The hash is Blake2b-256 over everything that tells calls apart: first the hash of what the function is
//! ([`Origin`]), taken once in a process; then the arguments in MessagePack, which names fields and is canonical.
//! Where that form does not hold all of them (`Some(None)` is written as `None`), their bincode follows, which does.
//! A call whose arguments neither form holds in full stays in the process. The readable part is for people.

use std::io;

use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use serde::Serialize;

use self::origin::{DIGEST, Origin};
use crate::cached_function::FunctionRef;
use crate::contained::contained;
use crate::key::{CacheKey, Fidelity, Form};
use crate::store::StoreRef;

mod origin;
pub(crate) mod stays;

/// The key of one call, and whether other processes agree on what it names. `None` if the arguments do
/// not serialize.
pub(crate) fn storage_key<Q>(
    (function, store): (FunctionRef, Option<&StoreRef>),
    key: &Q::Owned,
) -> Option<(String, bool)>
where
    Q: CacheKey<Owned: Serialize>,
{
    const END: &str = ":m";
    with_origin(function, store, |origin| {
        let (digest, unambiguous) = identity_from::<Q>(origin, key)?;
        let digits = hex(digest);
        let start = &origin.start;
        let mut text = String::with_capacity(start.len() + digits.len() + END.len());
        text.push_str(start);
        text.push_str(std::str::from_utf8(&digits).ok()?);
        text.push_str(END);
        Some((text, unambiguous))
    })
}

/// What the storage keys of a function have in common. It goes with the store; a companion of a function that was never
/// called has no store, and makes none for it.
fn with_origin<R>(
    function: FunctionRef,
    store: Option<&StoreRef>,
    read: impl FnOnce(&Origin) -> R,
) -> R {
    match store {
        Some(store) => read(store.attached(|| Origin::new(function))),
        None => read(&Origin::new(function)),
    }
}

/// The hash of everything that tells calls apart, and whether other processes agree on what it names.
/// `None` if the arguments do not serialize.
pub(crate) fn identity<Q>(
    (function, store): (FunctionRef, Option<&StoreRef>),
    key: &Q::Owned,
) -> Option<([u8; DIGEST], bool)>
where
    Q: CacheKey<Owned: Serialize>,
{
    with_origin(function, store, |origin| identity_from::<Q>(origin, key))
}

fn identity_from<Q>(origin: &Origin, key: &Q::Owned) -> Option<([u8; DIGEST], bool)>
where
    Q: CacheKey<Owned: Serialize>,
{
    let mut told = Told::after(&origin.digest);
    // Serialization is the user's code: what panics in it does not serialize.
    let fidelity = contained(|| write(&mut told, key, Q::fidelity(key, Form::Native))).flatten()?;
    if fidelity == Fidelity::Partial {
        origin.say_partly_written();
    }
    let mut digest = [0; DIGEST];
    digest.copy_from_slice(origin.hash.hash(told.bytes()).as_bytes());
    Some((digest, origin.is_unambiguous() && fidelity != Fidelity::Partial))
}

/// The same of the key that all languages share, which names neither the function nor its types.
pub(crate) fn is_unambiguous_in_interop<Q: CacheKey>(
    (function, store): (FunctionRef, Option<&StoreRef>),
    key: &Q::Owned,
) -> bool {
    with_origin(function, store, |origin| is_unambiguous::<Q>(origin, key))
}

fn is_unambiguous<Q: CacheKey>(origin: &Origin, key: &Q::Owned) -> bool {
    let fidelity = contained(|| Q::fidelity(key, Form::Interop)).unwrap_or(Fidelity::Partial);
    if fidelity == Fidelity::Partial {
        origin.say_partly_written();
    }
    origin.is_unambiguous() && fidelity != Fidelity::Partial
}

/// In lower case. Digits are computed, not looked up: so the compiler does many at once.
fn hex(digest: [u8; DIGEST]) -> [u8; 2 * DIGEST] {
    let digit = |half: u8| half + b'0' + u8::from(half > 9) * (b'a' - b'0' - 10);
    let mut digits = [0; 2 * DIGEST];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(digest) {
        pair[0] = digit(byte >> 4);
        pair[1] = digit(byte & 15);
    }
    digits
}

/// Bytes of a length.
const LENGTH: usize = 8;

/// Writes the arguments as they enter the hash: the length of their MessagePack, and that; where needed, their
/// bincode.
fn write<K: Serialize>(told: &mut Told, key: &K, fidelity: Fidelity) -> Option<Fidelity> {
    rmp_serde::encode::write_named(told, key).ok()?;
    told.close();
    if fidelity != Fidelity::Exact {
        return Some(fidelity);
    }
    let end = told.length;
    let exact = bincode::config::standard();
    if bincode::serde::encode_into_writer(key, &mut *told, exact).is_ok() {
        return Some(fidelity);
    }
    // One part could be written so, and the whole cannot.
    told.truncate(end);
    Some(Fidelity::Partial)
}

/// What enters the hash. Mostly short: nothing is allocated for it then.
struct Told {
    short: [u8; Self::SHORT],
    length: usize,
    /// Everything, once it is longer.
    long: Vec<u8>,
}

impl Told {
    /// What the hash takes in one step.
    const SHORT: usize = 128;
    /// Where the arguments begin.
    const START: usize = DIGEST + LENGTH;

    /// What the function is, and room for the length of what follows, which is known afterwards.
    fn after(function: &[u8; DIGEST]) -> Self {
        let mut short = [0; Self::SHORT];
        short[..DIGEST].copy_from_slice(function);
        Self { short, length: Self::START, long: Vec::new() }
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.short.get_mut(self.length..end) {
            Some(room) if self.long.is_empty() => room.copy_from_slice(bytes),
            _ => self.push_long(bytes),
        }
        self.length = end;
    }

    #[cold]
    fn push_long(&mut self, bytes: &[u8]) {
        if self.long.is_empty() {
            self.long.reserve(4 * Self::SHORT);
            self.long.extend_from_slice(&self.short[..self.length]);
        }
        self.long.extend_from_slice(bytes);
    }

    fn truncate(&mut self, length: usize) {
        self.length = length;
        self.long.truncate(length);
    }

    /// Enters the length of everything since the start.
    fn close(&mut self) {
        let length = ((self.length - Self::START) as u64).to_be_bytes();
        let bytes = if self.long.is_empty() { &mut self.short[..] } else { &mut self.long };
        bytes[DIGEST..Self::START].copy_from_slice(&length);
    }

    fn bytes(&self) -> &[u8] {
        if self.long.is_empty() { &self.short[..self.length] } else { &self.long }
    }
}

impl io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.push(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Writer for &mut Told {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.push(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serializer;
    use serde::ser::Error;

    use super::*;

    const FUNCTION: [u8; DIGEST] = [7; DIGEST];

    fn written<K: Serialize>(key: &K, fidelity: Fidelity) -> (Vec<u8>, Fidelity) {
        let mut told = Told::after(&FUNCTION);
        let fidelity = write(&mut told, key, fidelity).unwrap();
        (told.bytes().to_vec(), fidelity)
    }

    /// The same, as it is said at the top.
    fn expected<K: Serialize>(key: &K) -> (Vec<u8>, usize) {
        let packed = rmp_serde::to_vec_named(key).unwrap();
        let mut bytes = FUNCTION.to_vec();
        bytes.extend_from_slice(&(packed.len() as u64).to_be_bytes());
        bytes.extend_from_slice(&packed);
        let end = bytes.len();
        if let Ok(exact) = bincode::serde::encode_to_vec(key, bincode::config::standard()) {
            bytes.extend_from_slice(&exact);
        }
        (bytes, end)
    }

    #[test]
    fn what_enters_the_hash_is_the_same_at_any_length() {
        for length in 0..600 {
            let text: String =
                (0_u8..26).map(|n| char::from(b'a' + n)).cycle().take(length).collect();
            let key = (u64::MAX, text.as_str(), [Some(1_u8), None]);
            let (all, end) = expected(&key);
            assert_eq!(written(&key, Fidelity::Full).0, all[..end], "{length}");
            assert_eq!(written(&key, Fidelity::Exact).0, all, "{length}");
        }
    }

    /// What MessagePack takes and bincode does not, behind a text of this length.
    struct OnlyPacked(usize);

    impl Serialize for OnlyPacked {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            struct Last;
            impl Serialize for Last {
                fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                    if std::any::type_name::<S>().contains("rmp") {
                        return to.serialize_u8(1);
                    }
                    Err(S::Error::custom("no"))
                }
            }
            ("x".repeat(self.0), Last).serialize(to)
        }
    }

    #[test]
    fn half_a_bincode_does_not_enter_the_hash() {
        for length in [0, 60, 80, 90, 200, 500] {
            let key = OnlyPacked(length);
            let (bytes, fidelity) = written(&key, Fidelity::Exact);
            assert_eq!(fidelity, Fidelity::Partial);
            assert_eq!(bytes, expected(&key).0, "{length}");
        }
    }

    #[test]
    fn digits_are_those_of_the_formatter() {
        for start in (0..=u8::MAX).step_by(DIGEST) {
            let mut digest = [0; DIGEST];
            for (byte, value) in digest.iter_mut().zip(start..=u8::MAX) {
                *byte = value;
            }
            let text = digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            assert_eq!(hex(digest), text.as_bytes());
        }
    }
}
