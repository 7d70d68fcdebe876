//! The identity of an entry. An entry opens under exactly the context it was sealed with.

use super::EnvelopeError;
use super::error::EnvelopeErrorKind as Kind;
use super::layout::{CLEAR_LEN, PLACE_LEN};
use std::fmt;
use twox_hash::XxHash3_64;

/// The longest tenant and the longest namespace, in bytes.
pub const MAX_NAME_LEN: usize = 255;

/// The longest storage key, codec name and fingerprint, in bytes.
const MAX_PART_LEN: usize = 64 * 1024;

/// The owner of an entry, its storage key and how its value is read.
///
/// Tenant and namespace select the keys; all five parts are authenticated. `Debug` shows only lengths.
///
/// # Example
///
/// ```
/// use cachekit_io::envelope::Context;
///
/// let context = Context::new("acme", "users", "s1:5d41…").codec("msgpack").fingerprint(b"\x01\x02");
/// assert!(!format!("{context:?}").contains("acme"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Context<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) key: &'a str,
    pub(crate) codec: &'a str,
    pub(crate) fingerprint: &'a [u8],
}

impl<'a> Context<'a> {
    /// For the entry of this tenant and namespace (1 to [`MAX_NAME_LEN`] bytes each) that is stored
    /// under `key`, as the backend sees it.
    pub fn new(tenant: &'a str, namespace: &'a str, key: &'a str) -> Self {
        Self { tenant, namespace, key, codec: "", fingerprint: &[] }
    }

    /// The codec that wrote the value.
    pub fn codec(mut self, codec: &'a str) -> Self {
        self.codec = codec;
        self
    }

    /// The fingerprint of the value's schema.
    pub fn fingerprint(mut self, fingerprint: &'a [u8]) -> Self {
        self.fingerprint = fingerprint;
        self
    }
}

/// Bytes of the length before a part.
const LEN_LEN: usize = 4;

/// Size of a cipher block. Both libraries read whole blocks faster than parts of one.
const ALIGNMENT: usize = 16;

/// Additional data of usual length fit here, without an allocation for an entry.
const SHORT: usize = 384;

/// Bytes of known length, on the stack if they are few.
pub(crate) struct Short {
    stack: [u8; SHORT],
    /// Empty if the stack is enough.
    heap: Vec<u8>,
    len: usize,
}

impl Short {
    pub(crate) const fn new() -> Self {
        Self { stack: [0; SHORT], heap: Vec::new(), len: 0 }
    }

    /// `first`; then every part with its length before it (four bytes, big-endian), so that no two lists of as many parts give
    /// the same bytes; then `last`, and zeros up to a multiple of `alignment`. Once for each value.
    ///
    /// # Errors
    ///
    /// `InvalidContext` for a part that is too long.
    #[inline]
    pub(crate) fn fill<const N: usize>(
        &mut self,
        first: &[u8],
        parts: [&[u8]; N],
        last: &[u8],
        alignment: usize,
    ) -> Result<(), EnvelopeError> {
        if parts.iter().any(|part| part.len() > MAX_PART_LEN) {
            let context = "a key, codec or fingerprint of more than 64 KiB";
            return Err(EnvelopeError::with_context(Kind::InvalidContext, context));
        }
        let len = parts.iter().map(|part| LEN_LEN + part.len()).sum::<usize>();
        self.len = (first.len() + len + last.len()).next_multiple_of(alignment);
        if self.len > SHORT {
            self.heap = vec![0; self.len];
        }
        let (start, mut rest) = self.bytes_mut().split_at_mut(first.len());
        start.copy_from_slice(first);
        for part in parts {
            let (here, after) = rest.split_at_mut(LEN_LEN + part.len());
            let (prefix, bytes) = here.split_at_mut(LEN_LEN);
            prefix.copy_from_slice(&len_prefix(part));
            bytes.copy_from_slice(part);
            rest = after;
        }
        rest[..last.len()].copy_from_slice(last);
        Ok(())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        if self.heap.is_empty() { &self.stack[..self.len] } else { &self.heap }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        if self.heap.is_empty() { &mut self.stack[..self.len] } else { &mut self.heap }
    }
}

/// Appends the length (four bytes, big-endian) and the bytes; they are far shorter than 4 GiB.
pub(crate) fn push_part(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&len_prefix(part));
    bytes.extend_from_slice(part);
}

#[expect(clippy::cast_possible_truncation, reason = "callers bound the length")]
fn len_prefix(part: &[u8]) -> [u8; LEN_LEN] {
    (part.len() as u32).to_be_bytes()
}

/// Checks a tenant or a namespace: an empty one was probably forgotten.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), EnvelopeError> {
    if name.is_empty() || name.len() > MAX_NAME_LEN {
        let context =
            format!("the {what} has {} bytes; 1 to {MAX_NAME_LEN} are allowed", name.len());
        return Err(EnvelopeError::with_context(Kind::InvalidContext, context));
    }
    Ok(())
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("tenant_len", &self.tenant.len())
            .field("namespace_len", &self.namespace.len())
            .field("key_len", &self.key.len())
            .field("codec", &self.codec)
            .finish_non_exhaustive()
    }
}

/// The additional data, authenticated but not encrypted: header, then context.
pub(crate) struct AssociatedData(Short);

impl AssociatedData {
    pub(crate) const fn new() -> Self {
        Self(Short::new())
    }

    /// Space for a header, then every part of the context, then zeros up to a whole number of cipher blocks. Once for
    /// each value.
    pub(crate) fn fill(&mut self, context: &Context<'_>) -> Result<(), EnvelopeError> {
        let parts: [&[u8]; 5] = [
            context.tenant.as_bytes(),
            context.namespace.as_bytes(),
            context.key.as_bytes(),
            context.codec.as_bytes(),
            context.fingerprint,
        ];
        self.0.fill(&[0; CLEAR_LEN], parts, &[], ALIGNMENT)
    }

    /// Header and context. The bytes of the entry are authenticated, not what was parsed from them.
    pub(crate) fn with_header(&mut self, header: &[u8]) -> &[u8] {
        let bytes = self.0.bytes_mut();
        bytes[..CLEAR_LEN].copy_from_slice(header);
        bytes
    }

    /// A short hash of the context, without the header. It says "this is the entry of another call" when the tag does
    /// not match; nothing is ever accepted because of it. It is encrypted with the value, so no reader of the store
    /// sees it. An attacker may flip its bits and learn why an entry was refused: the seed makes guesses useless.
    pub(crate) fn place(&self, seed: u64) -> [u8; PLACE_LEN] {
        XxHash3_64::oneshot_with_seed(seed, &self.0.bytes()[CLEAR_LEN..]).to_be_bytes()
    }
}
