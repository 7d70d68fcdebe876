//! What stands between a program and a backend: layers around it, each a [`Backend`] again.
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
//! The clients of this crate have deadlines and retries of their own, and `cachekit` has a budget and a circuit breaker
//! for every backend. Layers are for backends that have none, and for programs that use a backend directly.
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
//! inside of it, too.

#[cfg(any(feature = "http", feature = "layers"))]
pub(crate) mod backoff;
#[doc(hidden)]
pub mod circuit;

#[cfg(feature = "layers")]
mod batch;
#[cfg(feature = "layers")]
mod call;
#[cfg(feature = "layers")]
mod circuit_breaker;
#[cfg(feature = "layers")]
mod concurrency_limit;
#[cfg(feature = "layers")]
mod deadline;
#[cfg(feature = "layers")]
mod layered;
#[cfg(feature = "layers")]
mod retry;

#[cfg(all(test, feature = "layers"))]
mod tests;

#[cfg(feature = "layers")]
pub use self::{
    call::{Attempt, Call},
    circuit_breaker::CircuitBreaker,
    concurrency_limit::ConcurrencyLimit,
    deadline::Deadline,
    layered::{Layer, Layered},
    retry::{Retry, RetryBudget},
};
