//! Everything of cachekit that leaves the process.
//!
//! The centre is the [`Backend`] trait: a byte store that several processes can share. Five
//! operations are required (`get`, `set`, `delete`, `exists`, `health`). Everything else that a store can do
//! is a [`Capability`], which the caller asks for and never assumes:
//!
//! | capability | asked for with | answers |
//! | --- | --- | --- |
//! | [`Locks`] | [`Backend::locks`] | may this caller fill the key? |
//! | [`TtlControl`] | [`Backend::ttl`] | how long does the entry live, and can it live longer? |
//! | [`Batch`] | [`Backend::batch`] | many keys in one round trip |
//! | [`Fencing`] | [`Backend::fencing`] | was the key invalidated while I computed its value? |
//! | [`InvalidationEvents`] | [`Backend::events`] | which keys did others invalidate? |
//!
//! [`MemoryBackend`] is always available: a bounded store with every capability and a clock that tests
//! can advance.
//!
//! ```
//! use bytes::Bytes;
//! use cachekit_io::{Backend, BackendError, MemoryBackend, SetOptions};
//! use std::time::Duration;
//!
//! # pollster::block_on(async {
//! let backend = MemoryBackend::new();
//! let options = SetOptions::new().ttl(Duration::from_secs(60));
//! backend.set("greeting", Bytes::from_static(b"hello"), &options).await?;
//!
//! let found = backend.get("greeting").await?.expect("stored a line above");
//! assert_eq!(found.value(), "hello");
//! assert!(found.is_fresh());
//! # Ok::<(), BackendError>(())
//! # }).unwrap();
//! ```
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `conformance` | `conformance`: the checks that every backend must pass, for your own tests |
//! | `file` | [`mod@file`]: a directory that the processes of one machine share ([`FileBackend`]); on Unix |
//! | `http` | [`http`]: the client of the HTTP API ([`CachekitIo`]), and `blocking`: every backend without async |
//! | `redis` | `redis`: Redis and Valkey, one node, Sentinel and Cluster, and `blocking` |
//! | `layers` | [`layers`]: deadline, retry, circuit breaker and concurrency limit around any backend |
//! | `envelope` | `envelope`: sealed values and blinded keys, so that a store cannot read them |
//! | `aws-lc-rs` | the same seal by `aws-lc-rs`, several times faster; needs a C compiler |
//! | `ring` | the same seal by `ring`, which `http` and `redis` use for TLS |
//! | `wire` | `wire`: the HTTP API of cachekit.io as types, for clients and servers |
//! | `testing` | `testing::FaultyBackend`: scripted faults and a log of calls |
//!
//! Without features the crate depends only on `bytes`: no executor, no network, no cryptography.

// Where the documentation is built with a nightly compiler, each item says which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[doc(hidden)]
pub mod alarm;
#[cfg(any(feature = "layers", feature = "redis"))]
mod attempts;
#[cfg(any(feature = "layers", feature = "redis"))]
mod backoff;
#[doc(hidden)]
pub mod circuit;
mod contained;
mod contract;
#[doc(hidden)]
pub mod env;
mod error;
mod listeners;
mod memory;
mod operation;
#[doc(hidden)]
pub mod per_process;

#[cfg(any(feature = "http", feature = "redis"))]
pub mod blocking;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(feature = "envelope")]
pub mod envelope;
#[cfg(all(feature = "file", unix))]
pub mod file;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "layers")]
pub mod layers;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "http", feature = "redis"))]
mod runtime;
#[cfg(any(feature = "http", feature = "redis"))]
mod settings;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(any(feature = "layers", feature = "redis"))]
mod timed;
#[cfg(any(feature = "http", feature = "redis"))]
mod tls;
#[cfg(feature = "wire")]
pub mod wire;

pub use crate::contract::{
    Backend, Batch, BatchEntry, BatchResults, BoxFuture, Capability, Expiry, FenceToken, Fencing,
    Fetched, Freshness, Health, InvalidationEvent, InvalidationEvents, InvalidationListener,
    LockToken, Locks, SetOptions, Subscription, TtlControl,
};
pub use crate::error::{BackendError, BackendErrorKind};
#[cfg(all(feature = "file", unix))]
pub use crate::file::{FileBackend, FileBackendBuilder};
#[cfg(feature = "http")]
pub use crate::http::CachekitIo;
pub use crate::memory::{Clock, ManualClock, MemoryBackend, MemoryBackendBuilder};
pub use crate::operation::Operation;
#[cfg(feature = "redis")]
pub use crate::redis::{Redis, RedisBuilder};
