//! Layers between a program and a backend, each a [`Backend`](crate::Backend) around a backend.
//!
//! | layer | what it does | what a caller sees |
//! | --- | --- | --- |
//! | [`Deadline`] | bounds the duration of each operation | [`Timeout`](crate::BackendErrorKind::Timeout) |
//! | [`Retry`] | repeats passing failures, within a budget | the last failure |
//! | [`CircuitBreaker`] | stops calls to a backend that is down | [`CircuitOpen`](crate::BackendErrorKind::CircuitOpen) |
//! | [`ConcurrencyLimit`] | bounds how many operations run at once | [`Backpressure`](crate::BackendErrorKind::Backpressure) |
//!
//! A layer has every [`Capability`](crate::Capability) of the backend that it wraps, and no other. The
//! operations of capabilities pass through the layer too; subscriptions to events go straight to the backend.
//!
//! The clients of this crate have deadlines and retries already: the client of the HTTP API uses [`Deadline`] and
//! [`Retry`] itself, and `cachekit` has a budget and a circuit breaker for every backend. Layers are for backends that have
//! none, and for programs that use a backend directly.
//!
//! # Which stands around which
//!
//! The layer that is added last handles each operation first. A common stack, from the inside to the outside:
//!
//! ```
//! use cachekit_io::layers::{CircuitBreaker, ConcurrencyLimit, Deadline, Layer, Retry};
//! use cachekit_io::{Backend, BackendError, MemoryBackend};
//! use std::time::Duration;
//!
//! # pollster::block_on(async {
//! let backend = MemoryBackend::new();
//! // Each attempt has 200 ms.
//! let backend = Deadline::new(Duration::from_millis(200)).around(backend);
//! // At most 64 attempts run at once.
//! let backend = ConcurrencyLimit::new(64).around(backend);
//! // Five failures in a row, timeouts among them, and the backend is left alone for five seconds.
//! let backend = CircuitBreaker::new().around(backend);
//! // Up to two more attempts.
//! let backend = Retry::new(2).around(backend);
//! // And for all of that together, a second.
//! let backend = Deadline::new(Duration::from_secs(1)).around(backend);
//!
//! backend.set("k", "v".into(), &Default::default()).await?;
//! assert!(backend.exists("k").await?);
//! # Ok::<(), BackendError>(())
//! # }).unwrap();
//! ```
//!
//! A circuit breaker counts the results that it sees. It does not see an operation that an outer deadline gave up, so
//! put a deadline inside it, too. One budget, breaker or limit can serve several backends, and its state can be read,
//! if it is shared:
//!
//! ```
//! use cachekit_io::MemoryBackend;
//! use cachekit_io::layers::{CircuitBreaker, Layer};
//! use std::sync::Arc;
//!
//! let breaker = Arc::new(CircuitBreaker::new());
//! let backend = Arc::clone(&breaker).around(MemoryBackend::new());
//! assert!(!breaker.is_open());
//! # let _ = backend;
//! ```

mod batch;
mod call;
mod circuit_breaker;
mod concurrency_limit;
mod deadline;
mod layered;
mod removal;
mod retry;

#[cfg(test)]
mod tests;

pub use self::call::{Attempt, Call};
pub use self::circuit_breaker::CircuitBreaker;
pub use self::concurrency_limit::ConcurrencyLimit;
pub use self::deadline::Deadline;
pub use self::layered::{Layer, Layered};
#[cfg(feature = "http")]
pub(crate) use self::retry::Failed;
pub use self::retry::{Retry, RetryBudget};
