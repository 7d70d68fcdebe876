//! What `init` and `check` report.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What a problem is about.
///
/// The first three do not stop a cached function: it runs, its result is cached in the process, and what
/// failed is counted in its [`Stats`](crate::Stats). They are for the start of a program, where a
/// wrong setting is cheap to notice. The last two are what a `#[cache::secure]` function returns if its error
/// type is `From<cachekit::Error>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The environment or the settings ask for something that is not available: a variable is missing or has a
    /// value that is not accepted, or two variables contradict each other. Lasts until the setting is changed and the
    /// program is restarted.
    Configuration,
    /// A backend does not answer, or refuses. May go away by itself.
    Unreachable,
    /// What an annotated function requires does not fit its backend. Lasts until the code is changed.
    Function,
    /// There is no key, tenant or namespace that a `#[cache::secure]` function could seal with. If the call
    /// can return an error, it returns this one: the function was not run and nothing was looked up, so that a
    /// missing key is noticed. It fails closed, is not retried, and lasts until the keyring or the tenant is
    /// corrected. [`init`](crate::init) reports it for keys.
    Unsealed,
    /// The shared tier answered a `#[cache::secure]` function with `on_tamper = error` with an entry that was
    /// not sealed for this very call: changed, moved, plaintext, or sealed with a key that is not in the
    /// keyring. The function was not run. The entry stays where it is until it expires or the call is
    /// invalidated, refreshed or set; until then each call returns this. It fails closed and is not retried.
    Refused,
    /// An argument of a function with `interop = …` cannot be represented in all languages: a number out of range, a
    /// float that is not finite, a map whose keys are not strings. If the call can return an error, it returns this
    /// one, and the function was not run. Lasts as long as the argument does. Also the error of a
    /// `responses::CacheResponses` that should invalidate a string that is not a URI or names no host.
    Argument,
}

/// The problems that [`init`](crate::init) or [`check`](crate::check) found, all of them, one per line; or why a
/// `#[cache::secure]` function could not be called.
///
/// Opaque: use [`kind`](Self::kind), or read [`problems`](Self::problems). It holds no key, no value and
/// no credential.
///
/// # Example
///
/// ```
/// match cachekit::init() {
///     Ok(()) => {}
///     Err(error) => eprintln!("caching starts with a problem: {error}"),
/// }
/// ```
#[derive(Clone)]
pub struct Error {
    problems: Arc<[Problem]>,
}

/// One thing that is wrong.
#[derive(Clone)]
pub struct Problem {
    kind: ErrorKind,
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Problem {
    pub(crate) fn new(kind: ErrorKind, message: String) -> Self {
        Self { kind, message, source: None }
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What it is about.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl Error {
    /// `Ok` if there is no problem.
    pub(crate) fn of(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { problems: problems.into() }) }
    }

    /// An error of one problem.
    pub(crate) fn one(problem: Problem) -> Self {
        Self { problems: Arc::from([problem]) }
    }

    /// What the first problem is about; more permanent problems come first.
    pub fn kind(&self) -> ErrorKind {
        self.problems.first().map_or(ErrorKind::Configuration, Problem::kind)
    }

    /// Whether a setting must be changed.
    pub fn is_configuration(&self) -> bool {
        self.problems.iter().any(|problem| problem.kind == ErrorKind::Configuration)
    }

    /// Whether a backend did not answer as it should.
    pub fn is_unreachable(&self) -> bool {
        self.problems.iter().any(|problem| problem.kind == ErrorKind::Unreachable)
    }

    /// Everything that is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("problems", &self.problems).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.problems.first()?.source.as_deref()?;
        Some(source)
    }
}
