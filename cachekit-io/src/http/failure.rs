//! What went wrong with one attempt, and whether there may be another.

use super::api_key::ApiKey;
use crate::attempts::{Again, Says, When};
use crate::layers::Failed;
use crate::{BackendError, BackendErrorKind, Operation};
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How many characters of an answer an error shows.
const EXCERPT_CHARS: usize = 256;

/// A failed attempt. Attempts that wait for one connection share its failure, hence `Clone`.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) kind: BackendErrorKind,
    pub(super) again: Again,
    pub(super) retry_after: Option<Duration>,
    /// What is safe to repeat need not wait where the connection was at fault, not the service.
    when: When,
    /// The service put the request off before it did anything.
    is_put_off: bool,
    context: Cow<'static, str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Failure {
    /// What is safe to repeat need not wait.
    #[cold]
    pub(super) fn at_once(mut self) -> Self {
        self.when = When::AtOnce;
        self
    }

    #[cold]
    pub(super) fn new(
        kind: BackendErrorKind,
        again: Again,
        context: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            again,
            retry_after: None,
            when: When::Later,
            is_put_off: false,
            context: context.into(),
            source: None,
        }
    }

    /// The service put the request off before it did anything.
    #[cold]
    pub(super) fn put_off(mut self) -> Self {
        self.is_put_off = true;
        self
    }

    /// The way to the service is in trouble.
    #[cold]
    pub(super) fn transport(
        again: Again,
        context: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::new(BackendErrorKind::Transient, again, context).with_source(source)
    }

    /// The service answered what the API does not know.
    #[cold]
    pub(super) fn malformed(context: impl Into<Cow<'static, str>>) -> Self {
        Self::new(BackendErrorKind::Transient, Again::Never, context)
    }

    /// It happened on a connection that was made before: if the request was not processed, another need not wait.
    #[cold]
    pub(super) fn on_a_connection(mut self) -> Self {
        if self.again == Again::Unprocessed {
            self.when = When::AtOnce;
        }
        self
    }

    pub(super) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// As the caller of an operation sees it.
    #[cold]
    pub(super) fn into_error(self, operation: Operation, key: Option<&str>) -> BackendError {
        let mut error = BackendError::new(self.kind, operation).with_context(self.context);
        if let Some(key) = key {
            error = error.with_key(key);
        }
        if let Some(delay) = self.retry_after {
            error = error.with_retry_after(delay);
        }
        if let Some(source) = self.source {
            error = error.with_source(Shared(source));
        }
        if self.again == Again::Unprocessed {
            error = error.with_unprocessed();
        }
        error
    }
}

impl Failed for Failure {
    fn says(&self) -> Says {
        Says { again: self.again, when: self.when, retry_after: self.retry_after }
    }

    fn did_nothing(&self) -> bool {
        self.is_put_off || self.again == Again::Unprocessed
    }

    fn maybe_processed(mut self) -> Self {
        if self.again == Again::Unprocessed {
            self.again = Again::IfRepeatable;
        }
        self
    }
}

/// One source of several errors.
#[derive(Debug)]
struct Shared(Arc<dyn Error + Send + Sync>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// `HTTP 503: ` and the beginning of the body, fit for a log.
pub(super) fn describe(status: u16, body: &[u8], api_key: &ApiKey) -> String {
    // The key goes before the text is cut: half a key must not stay at the end.
    let text = api_key.redact(&String::from_utf8_lossy(body));
    let excerpt: String = text.chars().filter(|c| !c.is_control()).take(EXCERPT_CHARS).collect();
    if excerpt.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {excerpt}") }
}
