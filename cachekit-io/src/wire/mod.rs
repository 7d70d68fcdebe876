//! The HTTP API of cachekit.io as types: what client and server must agree on, and nothing else
//! (feature `wire`).
//!
//! | module | what |
//! | --- | --- |
//! | [`path`] | a key as one path segment, and back |
//! | [`header`] | header names |
//! | [`freshness`] | what `X-CacheKit-Freshness` and `X-CacheKit-Fresh-For` say |
//! | [`limits`] | times to live and sizes |
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
