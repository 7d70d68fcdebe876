//! What stands between a program and a backend: layers around it, each a [`Backend`](crate::Backend) again.
//!
//! | layer | what it does | what a caller sees |
//! | --- | --- | --- |
//! | [`Deadline`] | bounds each operation in time | [`Timeout`](crate::BackendErrorKind::Timeout) |
//! | [`Retry`] | tries again what failed for a moment, within a budget | the last failure |
//! | [`CircuitBreaker`] | leaves a backend alone that is down | [`CircuitOpen`](crate::BackendErrorKind::CircuitOpen) |
//! | [`ConcurrencyLimit`] | lets so many operations run at once | [`Backpressure`](crate::BackendErrorKind::Backpressure) |
//!
//! A layer hands on every [`Capability`](crate::Capability) of what it stands around, and offers no other. The
//! operations of capabilities pass the layer as well; subscriptions to events go straight through.
//!
//! The clients of this crate have deadlines and retries already: that of the HTTP API goes through [`Deadline`] and
//! [`Retry`] itself, and `cachekit` has a budget and a circuit breaker for every backend. Layers are for backends that have
//! none, and for programs that use a backend directly.
//!
//! # Which stands around which
//!
//! The layer that was put on last is asked first. A common stack, from the inside to the outside:
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
//! A circuit breaker counts what comes back to it. An operation that an outer deadline gave up does not: put a deadline
//! inside of it, too. One budget, breaker or limit serves several backends, and can be looked at, if it is shared:
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
