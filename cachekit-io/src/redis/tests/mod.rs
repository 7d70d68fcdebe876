mod access;
mod address;
mod batches;
mod bounded;
mod cluster;
mod conformance;
mod copies;
mod cut_off;
mod env;
mod errors;
mod exchange;
mod executors;
mod faults;
mod fences;
mod keys;
mod locks;
mod refreshes;
pub(super) mod scripted;
mod sentinel;

use crate::{Backend, BackendError, Redis, RedisBuilder, SetOptions};
use bytes::Bytes;
use cachekit_test_servers::Node;
use std::future::Future;
use std::time::{Duration, Instant};

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

/// Far more than a busy machine adds to a timeout: what takes longer hangs.
const GRACE: Duration = Duration::from_secs(20);

/// Makes a call, which must end by its timeout.
fn in_time<T>(client: &Redis, call: impl FnOnce() -> T) -> T {
    let asked = Instant::now();
    let result = call();
    assert!(asked.elapsed() < client.timeout() + GRACE, "it took {:?}", asked.elapsed());
    result
}

/// Writes and reads, and prints how long it took after what happened; from now on all is well.
fn recovers(client: &Redis, what: &str) {
    let since = Instant::now();
    cachekit_test_servers::eventually("the client recovers", || {
        in_time(client, || set(client, "k", "after")).map_err(|error| error.to_string())
    });
    assert_eq!(get(client, "k").unwrap().as_deref(), Some("after"));
    println!("recovery after {what}: {:?}", since.elapsed());
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
