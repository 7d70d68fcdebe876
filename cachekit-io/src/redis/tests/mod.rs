mod access;
mod address;
mod batches;
mod bounded;
mod cluster;
mod conformance;
mod copies;
mod env;
mod errors;
mod exchange;
mod executors;
mod faults;
mod fences;
mod keys;
mod locks;
mod scripted;
mod sentinel;

use crate::{Backend, BackendError, Redis, RedisBuilder, SetOptions};
use bytes::Bytes;
use cachekit_test_servers::Node;
use std::future::Future;
use std::time::Duration;

/// Runs a future on an executor that knows nothing of sockets.
fn wait<T>(future: impl Future<Output = T>) -> T {
    pollster::block_on(future)
}

fn builder(node: &Node) -> RedisBuilder {
    Redis::builder().url(node.url())
}

fn client(node: &Node) -> Redis {
    builder(node).build().unwrap()
}

fn set(client: &Redis, key: &str, value: &'static str) -> Result<(), BackendError> {
    set_with(client, key, value, &SetOptions::new())
}

fn set_with(
    client: &Redis,
    key: &str,
    value: &'static str,
    options: &SetOptions,
) -> Result<(), BackendError> {
    wait(client.set(key, Bytes::from_static(value.as_bytes()), options))
}

/// The text under a key.
fn get(client: &Redis, key: &str) -> Result<Option<String>, BackendError> {
    let found = wait(client.get(key))?;
    Ok(found.map(|found| String::from_utf8(found.value().to_vec()).unwrap()))
}

/// The error, and all that it and its causes show.
fn shown(error: &BackendError) -> String {
    let first = std::error::Error::source(error);
    let causes = std::iter::successors(first, |cause| cause.source());
    let causes: Vec<_> = causes.map(|cause| format!("{cause} {cause:?}")).collect();
    format!("{error} {error:?} {}", causes.join(" "))
}

const LONG: Duration = Duration::from_secs(3600);
