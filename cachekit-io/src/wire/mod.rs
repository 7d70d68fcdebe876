//! The HTTP API of cachekit.io as types: what client and server must agree on, and nothing else
//! (feature `wire`).
//!
//! | module | contents |
//! | --- | --- |
//! | [`path`] | a key as one path segment, and back |
//! | [`header`] | header names |
//! | [`freshness`] | reading `X-CacheKit-Freshness` and `X-CacheKit-Fresh-For` |
//! | [`limits`] | TTLs and sizes |
//! | [`body`] | JSON bodies |
//! | [`status`] | what a status means to a client |

pub mod body;
pub mod freshness;
pub mod header;
pub mod limits;
pub mod path;
pub mod status;

#[cfg(test)]
mod tests;
