//! A backend that misbehaves on purpose, to test code that uses backends.
//!
//! [`FaultyBackend`] wraps a real backend, makes its operations fail, wait, lose writes or damage
//! bytes as a test commands, and logs all calls.
//!
//! ```
//! use cachekit_io::testing::{Fault, FaultyBackend};
//! use cachekit_io::{Backend, BackendErrorKind, MemoryBackend, Operation};
//!
//! # pollster::block_on(async {
//! let backend = FaultyBackend::new(MemoryBackend::new());
//! backend.inject(Fault::fail(BackendErrorKind::Timeout).on(Operation::Get).times(1));
//!
//! assert!(backend.get("k").await.unwrap_err().is_timeout());
//! assert!(backend.get("k").await.unwrap().is_none());
//! assert_eq!(backend.count(Operation::Get), 2);
//! # });
//! ```

mod backend;
mod capabilities;
mod fault;
mod log;
mod script;

#[cfg(test)]
mod tests;

pub use self::backend::FaultyBackend;
pub use self::fault::Fault;
pub use self::log::Call;
