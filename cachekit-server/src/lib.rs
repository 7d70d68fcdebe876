//! A server for the HTTP API of cachekit.io: for self-hosting, and for every test that needs the
//! service.
//!
//! `cachekit-server --dev` starts one on the command line; [`Server::builder`] starts one in the process.
//! What it answers is the API that published clients know; the operator's guide is the page *Operating the
//! server* of the documentation.
//!
//! ```text
//! TCP ─► TLS (ALPN h2, http/1.1) ─► hyper ─► authentication ─► rate and quota ─► path, method, key, scope
//!                                                                ─► locks ─► Store (memory, disk)
//!                                                                ─► Redis, with locks
//! ```
//!
//! | type | what |
//! | --- | --- |
//! | [`Server`], [`Builder`], [`Running`] | start, reload, stop |
//! | [`ApiKeys`], [`ApiKey`], [`KeyKind`], [`Scope`], [`TenantLimits`] | who may do what, and how much |
//! | [`Store`], [`MemoryStore`], [`DiskStore`], [`RedisStore`] | where entries live |
//! | [`Identity`], [`DevAuthority`] | certificates |
//! | [`Limits`], [`KeyRule`] | what is allowed |

// The guide's examples run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/server.md")]
struct Guide;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod admin;
mod alarm;
mod auth;
mod clock;
mod connection;
mod dev;
mod home;
mod http;
mod limits;
mod linger;
mod locks;
mod metrics;
mod open_files;
mod openapi;
mod outgoing;
mod peers;
mod room;
mod server;
mod store;
mod stream;
mod tenant;
mod tls;
mod unread;
mod watch;

pub use crate::auth::{ApiKey, ApiKeyError, ApiKeys, KeyFileError, KeyKind, Scope};
pub use crate::clock::{Timestamp, wall_clock};
pub use crate::dev::{DevAuthority, DevError};
pub use crate::http::KeyRule;
pub use crate::limits::Limits;
pub use crate::server::{Builder, Running, Server, StartError};
pub use crate::store::{
    DiskStore, DiskStoreError, ENTRY_OVERHEAD, Entry, EntryKey, Lifetime, Measured, MemoryStore,
    RedisStore, RedisStoreError, Store, StoreError, StoreStats, Usage,
};
pub use crate::tenant::{TenantLimits, TenantLimitsError};
pub use crate::tls::{Identity, TlsError};
