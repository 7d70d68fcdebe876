//! Sealing and opening in the native format.

use super::aead::{Key, Nonce, TAG_LEN, decrypt_first};
use super::context::AssociatedData;
use super::derive::ScopeKey;
use super::error::EnvelopeErrorKind as Kind;
use super::layout::{CLEAR_LEN, COMMITMENT_LEN, PLACE_LEN, PREAMBLE_LEN, is_committed, preamble};
use super::secret::EntryKey;
use super::xaes::{LONG_NONCE_LEN, short};
use super::{
    Context, EnvelopeError, HEADER_LEN, Header, Keyring, MAX_VALUE_LEN, Padding, Provider, random,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use zeroize::Zeroize as _;

/// Seals and opens entries with the keys of a [`Keyring`].
///
/// Cheap to clone; all clones share the keyring.
///
/// # Example
///
/// ```
/// use cachekit_io::envelope::{Context, Envelope, EnvelopeErrorKind, KeySet, Keyring, MasterKey};
///
/// # fn main() -> Result<(), cachekit_io::envelope::EnvelopeError> {
/// let envelope = Envelope::new(Keyring::new(KeySet::new(MasterKey::generate()?, [])?));
/// let mut entry = Vec::new();
/// envelope.seal(&Context::new("acme", "users", "s1:aa"), b"for Ada", &mut entry)?;
///
/// // Moved to another key, it does not open.
/// let moved = envelope.open_in_place(&Context::new("acme", "users", "s1:bb"), &mut entry);
/// assert_eq!(moved.unwrap_err().kind(), EnvelopeErrorKind::WrongPlace);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Envelope {
    keyring: Arc<Keyring>,
    padding: Padding,
    provider: Provider,
    readable_namespace: bool,
}

impl Envelope {
    /// With these keys, without padding, with the fastest provider.
    pub fn new(keyring: impl Into<Arc<Keyring>>) -> Self {
        Self {
            keyring: keyring.into(),
            padding: Padding::None,
            provider: Provider::default(),
            readable_namespace: false,
        }
    }

    /// How the lengths of sealed values are hidden. Entries open whatever their padding.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// Which library encrypts.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.provider = provider;
        self
    }

    /// Whether storage keys show their namespace: `ns:{namespace}:s1:{hash}` instead of `s1:{hash}`.
    /// The cachekit.io API needs it where the right to write depends on the namespace.
    pub fn readable_namespace(mut self, readable: bool) -> Self {
        self.readable_namespace = readable;
        self
    }

    /// The keys.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// Seals `value` for its context; `out` is overwritten, and reused when it is large enough.
    ///
    /// # Errors
    ///
    /// [`InvalidContext`](Kind::InvalidContext) for an empty or overlong tenant or namespace,
    /// [`TooLarge`](Kind::TooLarge) above [`MAX_VALUE_LEN`], [`Random`](Kind::Random) if the operating
    /// system gives no randomness. `out` is empty then.
    pub fn seal(
        &self,
        context: &Context<'_>,
        value: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EnvelopeError> {
        out.clear();
        if value.len() > MAX_VALUE_LEN {
            return Err(Kind::TooLarge.into());
        }
        out.reserve(self.padding.padded_len(value.len()) + HEADER_LEN + TAG_LEN);
        out.resize(HEADER_LEN, 0);
        out.extend_from_slice(value);
        self.seal_in_place(context, out)
    }

    /// Seals what follows the first [`HEADER_LEN`] bytes of `buffer`, without a copy.
    ///
    /// # Errors
    ///
    /// As [`seal`](Self::seal). `buffer` is empty then, so that the caller cannot store what was not sealed.
    ///
    /// # Panics
    ///
    /// If `buffer` is shorter than [`HEADER_LEN`].
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::envelope::{Context, Envelope, HEADER_LEN, KeySet, Keyring, MasterKey};
    /// use std::io::Write as _;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let envelope = Envelope::new(Keyring::new(KeySet::new(MasterKey::generate()?, [])?));
    /// let context = Context::new("acme", "users", "s1:aa");
    /// let mut buffer = vec![0; HEADER_LEN];
    /// write!(buffer, "encoded right here")?;
    /// envelope.seal_in_place(&context, &mut buffer)?;
    /// assert_eq!(envelope.open_in_place(&context, &mut buffer)?.value(), b"encoded right here");
    /// # Ok(())
    /// # }
    /// ```
    pub fn seal_in_place(
        &self,
        context: &Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<(), EnvelopeError> {
        assert!(buffer.len() >= HEADER_LEN, "the buffer has no room for the header");
        let sealed = self.try_seal(context, buffer);
        if sealed.is_err() {
            buffer.clear();
        }
        sealed
    }

    fn try_seal(&self, context: &Context<'_>, buffer: &mut Vec<u8>) -> Result<(), EnvelopeError> {
        let mut data = AssociatedData::new();
        data.fill(context)?;
        self.padding.pad(buffer, HEADER_LEN)?;
        let mut nonce = [0; LONG_NONCE_LEN];
        random::fill(&mut nonce)?;
        let mut data_key = EntryKey::empty();
        let (key_id, seed) = self.keyring.scope(context.tenant, context.namespace, |scope| {
            let key = scope.current();
            key.entries().derive(&nonce, data_key.expose_mut());
            (key.id, key.place_seed())
        })?;
        let header = Header::new(self.padding, key_id, nonce).encode();
        let (front, body) = buffer.split_at_mut(CLEAR_LEN);
        front.copy_from_slice(&header);
        body[..PREAMBLE_LEN].copy_from_slice(&preamble(data.place(seed)));
        let data = data.with_header(&header);
        let tag = self.provider.0.seal(data_key.expose(), &short(&nonce), data, body);
        let tag = tag.map_err(|_| EnvelopeError::from(Kind::TooLarge))?;
        buffer.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens an entry where it lies.
    ///
    /// # Errors
    ///
    /// A [refusal](EnvelopeError::is_refusal) for every entry that was not sealed with a key of the
    /// keyring for exactly this context; `entry` then holds nothing of use. Also
    /// [`InvalidContext`](Kind::InvalidContext).
    pub fn open_in_place<'a>(
        &self,
        context: &Context<'_>,
        entry: &'a mut [u8],
    ) -> Result<Opened<'a>, EnvelopeError> {
        let mut data = AssociatedData::new();
        data.fill(context)?;
        let mut data_key = EntryKey::empty();
        let header = Header::parse(entry);
        let known = self.keyring.scope(context.tenant, context.namespace, |scope| {
            let header = header.as_ref().ok()?;
            let (slot, key) = scope.find(header.key_id())?;
            key.entries().derive(&header.nonce, data_key.expose_mut());
            Some((slot, scope.counter(slot), key.place_seed()))
        })?;
        let header = header?;
        let (slot, counter, seed) = known.ok_or(Kind::WrongKey)?;
        let (front, body) = entry.split_at_mut(CLEAR_LEN);
        let (body, tag) = body.split_last_chunk_mut().ok_or(Kind::Damaged)?;
        let found = *body.first_chunk().ok_or(Kind::Damaged)?;
        let nonce = short(&header.nonce);
        let opened =
            self.provider.0.open(data_key.expose(), &nonce, data.with_header(front), body, tag);
        let opened = opened.is_ok() && body.first_chunk().is_some_and(is_committed);
        if !opened {
            body.zeroize();
            return Err(why_refused((data_key.expose(), &nonce), found, data.place(seed)).into());
        }
        let sealed = &mut body[PREAMBLE_LEN..];
        let Some(len) = header.padding().unpadded_len(sealed) else {
            sealed.zeroize();
            return Err(Kind::Damaged.into());
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Opened { value: &mut sealed[..len], slot })
    }

    /// The storage keys of a logical key: where the current key puts the entry, then where each
    /// previous key did, in the keyring's order.
    ///
    /// Writes go to the first. A read that misses there tries the others, and seals what it finds
    /// anew under the first. An invalidation deletes all of them, and then all but the first once more: what
    /// a process that had read the entry before writes anew is then refused by a fence or a lock, or deleted.
    ///
    /// # Errors
    ///
    /// [`InvalidContext`](Kind::InvalidContext) for an empty or overlong tenant or namespace, and for
    /// a [readable namespace](Self::readable_namespace) with other characters than `A-Za-z0-9_-` or
    /// more than 64 of them.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::envelope::{Envelope, KeySet, Keyring, MasterKey};
    ///
    /// # fn main() -> Result<(), cachekit_io::envelope::EnvelopeError> {
    /// let envelope = Envelope::new(Keyring::new(KeySet::new(MasterKey::generate()?, [])?));
    /// let keys = envelope.storage_keys("acme", "users", b"user:42")?;
    /// assert_eq!((keys.len(), keys[0].len()), (1, 67));
    /// assert_ne!(keys, envelope.storage_keys("other", "users", b"user:42")?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn storage_keys(
        &self,
        tenant: &str,
        namespace: &str,
        logical_key: &[u8],
    ) -> Result<Vec<String>, EnvelopeError> {
        let mut prefix = String::new();
        if self.readable_namespace {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            if namespace.len() > 64 || !namespace.bytes().all(allowed) {
                let context = "a readable namespace has 1 to 64 characters of A-Za-z0-9_-";
                return Err(EnvelopeError::with_context(Kind::InvalidContext, context));
            }
            prefix = format!("ns:{namespace}:");
        }
        self.keyring.scope(tenant, namespace, |scope| {
            let blind = |key: &ScopeKey| hex::encode(key.blind(logical_key));
            scope.keys().map(|key| format!("{prefix}s1:{}", blind(key))).collect()
        })
    }
}

/// What is wrong with an entry that did not open, by what was encrypted before its value.
#[cold]
fn why_refused(
    (key, nonce): (&Key, &Nonce),
    mut found: [u8; PREAMBLE_LEN],
    here: [u8; PLACE_LEN],
) -> Kind {
    decrypt_first(key, nonce, &mut found);
    if !is_committed(&found) {
        Kind::WrongKey
    } else if found[COMMITMENT_LEN..] != here {
        Kind::WrongPlace
    } else {
        Kind::Tampered
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("padding", &self.padding)
            .field("provider", &self.provider)
            .field("readable_namespace", &self.readable_namespace)
            .finish_non_exhaustive()
    }
}

/// A value that was opened where its entry lay.
///
/// `Debug` shows its length only.
pub struct Opened<'a> {
    value: &'a mut [u8],
    slot: usize,
}

impl<'a> Opened<'a> {
    /// The value.
    pub fn value(&self) -> &[u8] {
        self.value
    }

    /// The value, for as long as the buffer is borrowed.
    pub fn into_value(self) -> &'a mut [u8] {
        self.value
    }

    /// Whether a previous key sealed it: seal it anew, so that the old key can be dropped some day.
    pub fn used_previous(&self) -> bool {
        self.slot > 0
    }
}

impl fmt::Debug for Opened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("value_len", &self.value.len())
            .field("used_previous", &self.used_previous())
            .finish()
    }
}
