//! Real Redis and Valkey servers for tests, on loopback, each with ports and a directory of its own:
//! [`Node`], [`SentinelGroup`] and [`Cluster`].
//!
//! A constructor returns when the servers are ready. Everything ends with the value that started it, and
//! with the test process however that ends. `redis-server` has to be installed; with
//! `CACHEKIT_TEST_SERVER=valkey` it is `valkey-server`. What goes wrong here is a panic that says what: a
//! test cannot go on without its servers.

mod certificates;
mod cluster;
mod node;
mod options;
mod ports;
mod process;
mod program;
mod resp;
mod sentinel;
mod time;
mod wait;

#[cfg(test)]
mod tests;

pub use certificates::Certificates;
pub use cluster::Cluster;
pub use node::{Node, Pause};
pub use options::NodeOptions;
pub use resp::Reply;
pub use sentinel::SentinelGroup;
pub use wait::eventually;
