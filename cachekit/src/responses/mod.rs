//! Whole HTTP responses, cached by a [`tower_layer::Layer`] on the engine of annotated functions.
//!
//! [`CacheResponses`] goes around any service of `http` requests and responses: an axum `Router`, a hyper service, a
//! client. It implements what RFC 9111 requires of a shared cache, for the part that servers need. The page *HTTP
//! responses* of the book lists this rule by rule.
//!
//! - A response is stored if the handler says how long it is fresh, and nothing forbids it.
//! - While a handler produces a response, other requests for it wait. A response that turns out not to be for all
//!   clients is given to none of them.
//! - A `PUT`, `POST`, `PATCH` or `DELETE` that was not refused invalidates its target, and beats the handlers that began
//!   before it.
//! - Conditional requests are answered with 304.
//! - With the feature `shared`, responses are shared like the values of `#[cache]` functions.
//!
//! Needs the feature `tower`.

mod answer;
mod body;
mod builder;
mod cache_control;
mod change;
mod conditional;
mod ending;
mod ends;
mod engine;
mod fill;
mod key;
mod layer;
mod request;
mod service;
mod stale;
mod stats;
mod storable;
mod stored;
mod target;
mod vary;

#[cfg(test)]
mod tests;

pub use self::body::Body;
pub use self::builder::Builder;
pub use self::layer::CacheResponses;
pub use self::request::Authority;
pub use self::service::CachedResponses;
pub use self::stats::ResponseStats;
