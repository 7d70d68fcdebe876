//! What can go wrong between us and a backend.

mod kind;
#[cfg(test)]
mod tests;

pub use self::kind::BackendErrorKind;

use crate::Operation;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why an operation on a backend failed.
///
/// The error is opaque: use [`kind`](Self::kind) or one of the predicates. It is one word wide and
/// cheap to clone, so one failed fill can be reported to every waiter. Its cause
/// is available through [`source`](Error::source) and is not repeated in the message.
///
/// # What it never holds
///
/// An error ends up in logs. It holds no value, no key (at most the key's length), no credential
/// and no address that could contain one. Code that builds an error follows the same rule for the
/// context and for the source.
///
/// # Example
///
/// ```
/// use cachekit_io::{BackendError, BackendErrorKind, Operation};
///
/// let error = BackendError::new(BackendErrorKind::Transient, Operation::Get)
///     .with_context("connection reset")
///     .with_key("user:42");
///
/// assert!(error.is_retryable());
/// assert_eq!(error.key_len(), Some(7));
/// assert_eq!(
///     error.to_string(),
///     "get failed: temporary failure: connection reset (key of 7 bytes)",
/// );
/// ```
#[derive(Clone)]
pub struct BackendError {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    kind: BackendErrorKind,
    operation: Operation,
    context: Option<Cow<'static, str>>,
    key_len: Option<usize>,
    retry_after: Option<Duration>,
    is_unprocessed: bool,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl BackendError {
    /// An error of this kind in this operation.
    #[cold]
    pub fn new(kind: BackendErrorKind, operation: Operation) -> Self {
        let inner = Inner {
            kind,
            operation,
            context: None,
            key_len: None,
            retry_after: None,
            is_unprocessed: false,
            source: None,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Adds what was being done or what was wrong, in a few words without secrets.
    pub fn with_context(mut self, context: impl Into<Cow<'static, str>>) -> Self {
        Arc::make_mut(&mut self.inner).context = Some(context.into());
        self
    }

    /// Records which key it was about: its length is kept, the key is not.
    pub fn with_key(mut self, key: &str) -> Self {
        Arc::make_mut(&mut self.inner).key_len = Some(key.len());
        self
    }

    /// Adds how long the backend asked us to wait before the next attempt.
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        Arc::make_mut(&mut self.inner).retry_after = Some(delay);
        self
    }

    /// Notes that the backend certainly did nothing for the operation: it may be carried out again, whatever it is.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::{BackendError, BackendErrorKind, Operation};
    ///
    /// let error = BackendError::new(BackendErrorKind::Transient, Operation::Lock)
    ///     .with_context("nothing listens there")
    ///     .with_unprocessed();
    /// assert!(error.is_unprocessed());
    /// ```
    pub fn with_unprocessed(mut self) -> Self {
        Arc::make_mut(&mut self.inner).is_unprocessed = true;
        self
    }

    /// It is not known whether the backend did nothing: it was asked before, or about other items as well.
    #[cfg(feature = "layers")]
    pub(crate) fn maybe_processed(mut self) -> Self {
        if self.is_unprocessed() {
            Arc::make_mut(&mut self.inner).is_unprocessed = false;
        }
        self
    }

    /// Adds the cause, to be found through [`source`](Error::source).
    ///
    /// The cause is shown wherever the chain is printed: it must not contain secrets either.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::{BackendError, BackendErrorKind, Operation};
    /// use std::error::Error;
    /// use std::io;
    ///
    /// let error = BackendError::new(BackendErrorKind::Timeout, Operation::Set)
    ///     .with_source(io::Error::from(io::ErrorKind::TimedOut));
    /// let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    /// assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::TimedOut));
    /// ```
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Arc::make_mut(&mut self.inner).source = Some(Arc::from(source.into()));
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> BackendErrorKind {
        self.inner.kind
    }

    /// Which operation failed.
    pub fn operation(&self) -> Operation {
        self.inner.operation
    }

    /// What was being done or what was wrong, if the backend said.
    pub fn context(&self) -> Option<&str> {
        self.inner.context.as_deref()
    }

    /// The length in bytes of the key it was about.
    pub fn key_len(&self) -> Option<usize> {
        self.inner.key_len
    }

    /// How long the backend asked us to wait before the next attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// Whether the backend certainly did nothing for the operation, as far as the backend's client can tell: there was no
    /// connection, or it ended before the request was sent, or the other end said so (RFC 9113 §8.7). `false` means that it
    /// is not known.
    ///
    /// What must not be done twice, such as taking a lock, may be tried again then.
    pub fn is_unprocessed(&self) -> bool {
        self.inner.is_unprocessed
    }

    /// Whether the same operation may succeed when tried again; see the
    /// [table of kinds](BackendErrorKind).
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// Whether a circuit breaker counts it as a failure; see the [table of kinds](BackendErrorKind).
    pub fn counts_for_breaker(&self) -> bool {
        self.kind().counts_for_breaker()
    }

    /// Whether continuing without the cache fully handles it; see the
    /// [table of kinds](BackendErrorKind).
    pub fn fails_open(&self) -> bool {
        self.kind().fails_open()
    }

    /// Whether it is a [`Transient`](BackendErrorKind::Transient) failure.
    pub fn is_transient(&self) -> bool {
        self.kind() == BackendErrorKind::Transient
    }

    /// Whether a deadline passed ([`Timeout`](BackendErrorKind::Timeout)).
    pub fn is_timeout(&self) -> bool {
        self.kind() == BackendErrorKind::Timeout
    }

    /// Whether the credentials were refused ([`Authentication`](BackendErrorKind::Authentication)).
    pub fn is_authentication(&self) -> bool {
        self.kind() == BackendErrorKind::Authentication
    }

    /// Whether a breaker refused to try ([`CircuitOpen`](BackendErrorKind::CircuitOpen)).
    pub fn is_circuit_open(&self) -> bool {
        self.kind() == BackendErrorKind::CircuitOpen
    }

    /// Whether too many calls were in flight ([`Backpressure`](BackendErrorKind::Backpressure)).
    pub fn is_backpressure(&self) -> bool {
        self.kind() == BackendErrorKind::Backpressure
    }

    /// Whether a write under a lock came too late ([`Superseded`](BackendErrorKind::Superseded)).
    pub fn is_superseded(&self) -> bool {
        self.kind() == BackendErrorKind::Superseded
    }

    /// Whether the backend cannot do this at all ([`Unsupported`](BackendErrorKind::Unsupported)).
    pub fn is_unsupported(&self) -> bool {
        self.kind() == BackendErrorKind::Unsupported
    }

    /// Whether the key cannot be stored there ([`InvalidKey`](BackendErrorKind::InvalidKey)).
    pub fn is_invalid_key(&self) -> bool {
        self.kind() == BackendErrorKind::InvalidKey
    }

    /// Whether an option was impossible ([`InvalidOption`](BackendErrorKind::InvalidOption)).
    pub fn is_invalid_option(&self) -> bool {
        self.kind() == BackendErrorKind::InvalidOption
    }

    /// Whether the value was too large ([`TooLarge`](BackendErrorKind::TooLarge)).
    pub fn is_too_large(&self) -> bool {
        self.kind() == BackendErrorKind::TooLarge
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.inner.operation, self.inner.kind)?;
        if let Some(context) = self.context() {
            write!(f, ": {context}")?;
        }
        if let Some(key_len) = self.key_len() {
            write!(f, " (key of {key_len} bytes)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendError")
            .field("kind", &self.inner.kind)
            .field("operation", &self.inner.operation)
            .field("context", &self.inner.context)
            .field("key_len", &self.inner.key_len)
            .field("retry_after", &self.inner.retry_after)
            .field("is_unprocessed", &self.inner.is_unprocessed)
            .field("source", &self.inner.source)
            .finish()
    }
}

impl Error for BackendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.inner.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}
