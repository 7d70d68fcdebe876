//! Keys for `#[cache::secure]` functions (feature `secure`).
//!
//! ```standalone_crate
//! use cachekit::cache;
//! use cachekit::secure::{KeySet, Keyring, MasterKey, set_keyring};
//!
//! #[cache::secure(ttl = 3600, namespace = "sensitive-data")]
//! fn diagnosis(patient: u64) -> String {
//!     format!("the file of {patient}")
//! }
//!
//! // A program of yours reads it from where it keeps its secrets; or sets `CACHEKIT_MASTER_KEY`.
//! let key = MasterKey::generate()?;
//! set_keyring(Keyring::new(KeySet::new(key, [])?));
//! cachekit::init().expect("a key is there");
//!
//! assert_eq!(diagnosis(7), "the file of 7");
//! assert_eq!(diagnosis(7), "the file of 7");
//! assert_eq!(diagnosis::stats().hits, 1);
//! # Ok::<(), cachekit::secure::EnvelopeError>(())
//! ```
//!
//! Values, and the keys they are stored under, are sealed before they leave the process. The book says against
//! whom that protects, and against whom it does not, under "Security".
//!
//! # Which keys a call uses
//!
//! Those of the call's test scope ([`Scope::with_keyring`](crate::testing::Scope::with_keyring)), else those of
//! [`set_keyring`] or [`set_envelope`], else those of the environment, read once: `CACHEKIT_MASTER_KEY` and
//! `CACHEKIT_PREVIOUS_MASTER_KEYS`. A variable that is set but unusable is an error, never "not set".
//!
//! # Without keys
//!
//! Nothing is ever stored in plaintext, not even in this process. A function whose error type is
//! `From<cachekit::Error>` returns an error of kind [`Unsealed`](crate::ErrorKind::Unsealed). Any other function
//! runs at each call; that is logged once for each function (`tracing`, target `cachekit`) and counted in
//! [`Stats::unsealed`](crate::Stats::unsealed). [`init`](crate::init) reports it at the start.

use std::sync::Arc;

#[doc(no_inline)]
pub use cachekit_io::envelope::{
    CURRENT_VARIABLE, Envelope, EnvelopeError, EnvelopeErrorKind, FileKeySource, KeyId, KeySet,
    KeySource, Keyring, MAX_PREVIOUS, MasterKey, PREVIOUS_VARIABLE, Padding, Provider,
};

#[cfg(feature = "interop")]
pub(crate) mod ecosystem;
pub(crate) mod resolve;
pub(crate) mod seal;
pub(crate) mod tiers;

use crate::error::{Error, ErrorKind, Problem};

/// Installs the keys that `#[cache::secure]` functions seal and open with, for the whole process.
///
/// Returns the keys that it replaces. Entries of this process that the new keys do not open become misses. For
/// padding and readable namespaces, see [`set_envelope`].
///
/// # Example
///
/// ```
/// use cachekit::secure::{FileKeySource, Keyring, set_keyring};
///
/// # fn setup() -> Result<(), cachekit::secure::EnvelopeError> {
/// set_keyring(Keyring::from_source(FileKeySource::new("/run/secrets/cachekit"))?);
/// # Ok(())
/// # }
/// ```
pub fn set_keyring(keyring: impl Into<Arc<Keyring>>) -> Option<Arc<Keyring>> {
    set_envelope(Envelope::new(keyring)).map(|envelope| Arc::clone(envelope.keyring()))
}

/// Like [`set_keyring`], with the settings of the envelope: padding, and whether storage keys show their
/// namespace. Returns the envelope that it replaces.
///
/// # Example
///
/// ```
/// use cachekit::secure::{Envelope, KeySet, Keyring, MasterKey, Padding, set_envelope};
///
/// let keyring = Keyring::new(KeySet::new(MasterKey::generate()?, [])?);
/// set_envelope(Envelope::new(keyring).padding(Padding::Padme).readable_namespace(true));
/// # Ok::<(), cachekit::secure::EnvelopeError>(())
/// ```
pub fn set_envelope(envelope: Envelope) -> Option<Envelope> {
    resolve::replace(Some(envelope))
}

/// Returns to the keys of the environment. Returns the keys that were installed.
///
/// # Example
///
/// ```
/// assert!(cachekit::secure::clear_keyring().is_none());
/// ```
pub fn clear_keyring() -> Option<Arc<Keyring>> {
    resolve::replace(None).map(|envelope| Arc::clone(envelope.keyring()))
}

/// The keys that calls on this thread use: to [reload](Keyring::reload) them, or to see whether
/// [previous ones](Keyring::previous_hits) are still needed.
///
/// # Errors
///
/// Of kind [`Unsealed`](ErrorKind::Unsealed) if there are no usable keys.
///
/// # Example
///
/// ```
/// use cachekit::secure::{KeySet, Keyring, MasterKey, keyring, set_keyring};
///
/// set_keyring(Keyring::new(KeySet::new(MasterKey::generate()?, [])?));
/// assert!(keyring()?.previous_hits().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn keyring() -> Result<Arc<Keyring>, Error> {
    match resolve::envelope() {
        Ok(envelope) => Ok(Arc::clone(envelope.keyring())),
        Err(reason) => Err(Error::one(problem(ErrorKind::Unsealed, String::new(), &reason))),
    }
}

/// The fingerprint that `cachekit open --fingerprint` takes for entries with values of this type: the return type
/// of the function, or `T` if it returns a `Result<T, E>` and its errors are not cached.
///
/// It is authenticated with each entry but not stored, and it changes when the type does. It is not secret.
///
/// # Example
///
/// ```
/// println!("--fingerprint {}", cachekit::secure::fingerprint::<Vec<String>>());
/// ```
pub fn fingerprint<T: serde::de::DeserializeOwned>() -> String {
    use std::fmt::Write as _;
    let bytes = seal::fingerprint::<T>();
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// A problem with the keys, after a few words that say which ones.
pub(crate) fn problem(kind: ErrorKind, mut whose: String, reason: &resolve::Reason) -> Problem {
    whose.push_str(&reason.to_string());
    let problem = Problem::new(kind, whose);
    match reason.source() {
        Some(source) => problem.with_source(source),
        None => problem,
    }
}
