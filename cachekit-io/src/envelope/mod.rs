//! Sealed values and blinded keys: the store cannot read what leaves the process.
//!
//! ```
//! use cachekit_io::envelope::{Context, Envelope, KeySet, Keyring, MasterKey};
//!
//! # fn main() -> Result<(), cachekit_io::envelope::EnvelopeError> {
//! let keyring = Keyring::new(KeySet::new(MasterKey::generate()?, [])?);
//! let envelope = Envelope::new(keyring);
//!
//! // Where it is stored: a keyed hash of the logical key.
//! let keys = envelope.storage_keys("acme", "users", b"user:42")?;
//! let context = Context::new("acme", "users", &keys[0]).codec("msgpack");
//!
//! let mut entry = Vec::new();
//! envelope.seal(&context, b"Ada Lovelace", &mut entry)?;
//! let opened = envelope.open_in_place(&context, &mut entry)?;
//! assert_eq!(opened.value(), b"Ada Lovelace");
//! # Ok(())
//! # }
//! ```
//!
//! # The two formats
//!
//! - [`Envelope`]: the native one. A fresh data key per entry, a key commitment, a key id, and
//!   everything that identifies the entry is authenticated.
//! - [`interop`]: the one that all SDKs of the ecosystem read, bit for bit.
//!
//! An entry of one format is never accepted as one of the other. The threat model and the layout to
//! the last byte are in the guide, under "Security".

mod aead;
mod context;
mod derive;
mod error;
pub mod interop;
mod keyring;
mod layout;
mod padding;
mod random;
mod seal;
mod secret;
#[cfg(test)]
mod tests;
mod xaes;

pub use self::aead::Provider;
pub use self::context::{Context, MAX_NAME_LEN};
pub use self::error::{EnvelopeError, EnvelopeErrorKind};
pub use self::keyring::{
    CURRENT_VARIABLE, FileKeySource, KeyId, KeySet, KeySource, Keyring, MAX_PREVIOUS, MasterKey,
    PREVIOUS_VARIABLE,
};
pub use self::layout::{HEADER_LEN, Header, OVERHEAD, SEALED_LEN};
pub use self::padding::{MAX_VALUE_LEN, Padding};
pub use self::seal::{Envelope, Opened};
