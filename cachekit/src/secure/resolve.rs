//! Which keys a call uses: those of the test scope, of the process, of the environment.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use cachekit_io::envelope::{
    CURRENT_VARIABLE, Envelope, EnvelopeError, KeySet, Keyring, PREVIOUS_VARIABLE,
};

use crate::scope;

/// Why nothing can be sealed.
#[derive(Clone, Debug)]
pub(crate) enum Reason {
    /// No keys are set.
    NoKeys,
    /// The environment has unusable keys.
    Keys(EnvelopeError),
    /// The tenant or the namespace is unusable.
    Context(EnvelopeError),
    /// The arguments do not serialize, so nothing identifies the entry.
    Arguments,
}

impl Reason {
    pub(crate) fn source(&self) -> Option<EnvelopeError> {
        match self {
            Self::Keys(error) | Self::Context(error) => Some(error.clone()),
            Self::NoKeys | Self::Arguments => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeys => write!(
                f,
                "there is no key to seal with: set {CURRENT_VARIABLE}, or call `cachekit::secure::set_keyring`"
            ),
            Self::Keys(error) => write!(f, "the keys of the environment cannot be used: {error}"),
            Self::Context(error) => write!(f, "nothing can be sealed for this call: {error}"),
            Self::Arguments => f.write_str(
                "the arguments do not serialize, so nothing says which entry they mean: say what the key is \
                 with `key = …`",
            ),
        }
    }
}

/// Read at each hit on a sealed entry: without a lock, and without a count that threads share.
static DEFAULT: ArcSwapOption<Envelope> = ArcSwapOption::const_empty();

/// Replaces the process's envelope.
pub(super) fn replace(envelope: Option<Envelope>) -> Option<Envelope> {
    DEFAULT.swap(envelope.map(Arc::new)).map(|old| Envelope::clone(&old))
}

/// What calls on this thread seal with.
pub(crate) fn envelope() -> Result<Envelope, Reason> {
    with_envelope(Envelope::clone)
}

/// The same, for as long as `use_it` takes.
#[inline]
pub(crate) fn with_envelope<R>(use_it: impl FnOnce(&Envelope) -> R) -> Result<R, Reason> {
    if let Some(envelope) = scope::settings::keys::<Envelope>() {
        return Ok(use_it(&envelope));
    }
    if let Some(envelope) = &*DEFAULT.load() {
        return Ok(use_it(envelope));
    }
    from_environment().as_ref().map(use_it).map_err(Reason::clone)
}

/// What the environment says. Read once.
fn from_environment() -> &'static Result<Envelope, Reason> {
    static RESOLVED: OnceLock<Result<Envelope, Reason>> = OnceLock::new();
    RESOLVED.get_or_init(|| {
        // An empty variable is a mistake, not a way to say "none". Previous keys alone show that the
        // operator meant to set the current one.
        let set = |name: &str| std::env::var_os(name).is_some();
        if !set(CURRENT_VARIABLE) && !set(PREVIOUS_VARIABLE) {
            return Err(Reason::NoKeys);
        }
        let keys = KeySet::from_env().map_err(Reason::Keys)?;
        Ok(Envelope::new(Arc::new(Keyring::new(keys))))
    })
}
