//! Why an entry was refused, or why keys could not be used.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// The kinds of failure of the envelope.
///
/// The first five are *refusals*: an entry was read that must not be used. The caller treats it as
/// a miss and counts it by its kind. The others are mistakes in settings or calls.
///
/// # Example
///
/// ```
/// use cachekit_io::envelope::EnvelopeErrorKind;
///
/// assert!(EnvelopeErrorKind::Tampered.is_refusal());
/// assert_eq!(EnvelopeErrorKind::WrongPlace.as_str(), "wrong_place");
/// assert!(!EnvelopeErrorKind::Configuration.is_refusal());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EnvelopeErrorKind {
    /// The entry was sealed here, and header, ciphertext or tag were changed since. In the interop
    /// format this also means the wrong key, or the wrong storage key; its bytes do not distinguish
    /// these.
    Tampered,
    /// No key of the keyring sealed the entry: a key that was dropped, another tenant, another
    /// namespace, or a changed key id, nonce or commitment.
    WrongKey,
    /// The entry is intact and sealed by a known key, but for another storage key, codec or schema.
    /// A change of only the place field looks the same.
    WrongPlace,
    /// Not an entry of this format: plaintext, a foreign format, another version or cipher suite.
    Downgraded,
    /// Cut short, or with fields that no writer produces.
    Damaged,
    /// An unusable tenant, namespace or key, such as an empty tenant.
    InvalidContext,
    /// The value is larger than one entry can hold.
    TooLarge,
    /// The operating system provided no random bytes.
    Random,
    /// A master key or the keyring is missing, malformed or contradictory.
    Configuration,
}

impl EnvelopeErrorKind {
    /// The kinds that refuse an entry.
    pub const REFUSALS: [Self; 5] =
        [Self::Tampered, Self::WrongKey, Self::WrongPlace, Self::Downgraded, Self::Damaged];

    /// Whether an entry was refused, as opposed to a wrong setting or call.
    pub fn is_refusal(self) -> bool {
        Self::REFUSALS.contains(&self)
    }

    /// A fixed lower-case name, fit for a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tampered => "tampered",
            Self::WrongKey => "wrong_key",
            Self::WrongPlace => "wrong_place",
            Self::Downgraded => "downgraded",
            Self::Damaged => "damaged",
            Self::InvalidContext => "invalid_context",
            Self::TooLarge => "too_large",
            Self::Random => "random",
            Self::Configuration => "configuration",
        }
    }
}

impl fmt::Display for EnvelopeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tampered => "sealed entry was changed",
            Self::WrongKey => "sealed entry belongs to no key of the keyring",
            Self::WrongPlace => "sealed entry belongs to another place",
            Self::Downgraded => "entry is not sealed in this format",
            Self::Damaged => "sealed entry is damaged",
            Self::InvalidContext => "tenant, namespace or key not accepted",
            Self::TooLarge => "value too large to seal",
            Self::Random => "no random bytes from the operating system",
            Self::Configuration => "wrong key configuration",
        })
    }
}

/// What went wrong with an entry or with the keys.
///
/// It holds no key, no value, no tenant and no storage key.
///
/// # Example
///
/// ```
/// use cachekit_io::envelope::{EnvelopeErrorKind, MasterKey};
///
/// let error = MasterKey::from_hex("too short").unwrap_err();
/// assert_eq!(error.kind(), EnvelopeErrorKind::Configuration);
/// assert!(!error.to_string().contains("too short"));
/// ```
#[derive(Clone)]
pub struct EnvelopeError {
    kind: EnvelopeErrorKind,
    context: Option<Cow<'static, str>>,
    source: Option<Arc<io::Error>>,
}

impl EnvelopeError {
    /// An error for your own [`KeySource`](super::KeySource): in a few words without secrets,
    /// why it could not supply the keys.
    #[cold]
    pub fn configuration(context: impl Into<Cow<'static, str>>) -> Self {
        Self::with_context(EnvelopeErrorKind::Configuration, context)
    }

    pub(crate) fn with_context(
        kind: EnvelopeErrorKind,
        context: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { kind, context: Some(context.into()), source: None }
    }

    pub(crate) fn with_source(mut self, source: io::Error) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Puts a name before the context: which variable, which line, which key.
    /// Combines several errors into one that names all.
    pub(crate) fn all(errors: Vec<Self>) -> Option<Self> {
        errors.into_iter().reduce(|mut all, next| {
            let texts = [all.context.take(), next.context].map(Option::unwrap_or_default);
            all.context = Some(texts.join("; ").into());
            all
        })
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        let context = self.context.take().unwrap_or_default();
        self.context = Some(format!("{name}: {context}").into());
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> EnvelopeErrorKind {
        self.kind
    }

    /// Whether an entry was refused, as opposed to a wrong setting or call.
    pub fn is_refusal(&self) -> bool {
        self.kind.is_refusal()
    }
}

impl From<EnvelopeErrorKind> for EnvelopeError {
    #[cold]
    fn from(kind: EnvelopeErrorKind) -> Self {
        Self { kind, context: None, source: None }
    }
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match &self.context {
            Some(context) => write!(f, ": {context}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeError")
            .field("kind", &self.kind)
            .field("context", &self.context)
            .field("source", &self.source)
            .finish()
    }
}

impl Error for EnvelopeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
