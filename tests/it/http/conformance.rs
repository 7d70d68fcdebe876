//! The contract of a backend, kept by client and server together.

use super::fronts::ThroughBlocking;
use super::local::{Local, client_of};
use super::relay::Relay;
use cachekit_io::blocking::Blocking;
use cachekit_io::conformance::{Subject, check_all};
use cachekit_io::{Backend, Redis};
use cachekit_server::{DiskStore, KeyRule, RedisStore, Timestamp};
use cachekit_test_servers::{Cluster, Node, SentinelGroup};
use cachekit_tests::block_on;
use std::time::Duration;

#[derive(Clone, Copy)]
enum Protocol {
    H1,
    H2,
}

enum Store {
    Memory,
    Disk,
    Redis(RedisStore, Box<dyn Fn(Duration) + Send + Sync>),
}

impl Store {
    /// In Redis, where time passes by itself and like this.
    fn redis(url: &str, let_pass: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        let store = block_on(RedisStore::open(Redis::builder().url(url))).expect("Redis answers");
        Self::Redis(store, Box::new(let_pass))
    }
}

/// Keeps what is needed while the backend made of the client is checked.
fn keeps_the_contract<B: Backend>(
    protocol: Protocol,
    store: Store,
    front: impl FnOnce(cachekit_io::CachekitIo) -> B,
) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut let_pass = None;
    let mut server = Local::start_with(|builder| match store {
        Store::Memory => builder.key_rule(KeyRule::Any),
        Store::Disk => {
            let begin = Timestamp::from_millis(0);
            let disk = DiskStore::open(directory.path(), 64 * 1024 * 1024, begin);
            builder.key_rule(KeyRule::Any).store(disk.expect("a store"))
        }
        Store::Redis(redis, time) => {
            let_pass = Some(time);
            builder.key_rule(KeyRule::Any).redis_store(redis)
        }
    });
    let relay = matches!(protocol, Protocol::H1).then(|| Relay::http1(&server));
    let url = relay.as_ref().map_or_else(|| server.url(), Relay::url);
    let client = client_of(&url, &server.key, &server.authority.pem).build().expect("a client");
    let backend = front(client);
    let hands = server.hands.clone();
    let subject = Subject::new(&backend).with_lock_fencing().advance(move |by| {
        hands.advance(by);
        if let Some(let_pass) = &let_pass {
            let_pass(by);
        }
        std::future::ready(())
    });
    let report = block_on(check_all(&subject));
    report.assert_passed();
    // Everything the client can do was looked at: it offers neither fencing tokens nor events.
    for (check, reason) in report.skipped() {
        let cannot = ["fencing::", "events::"].iter().any(|module| check.starts_with(module));
        assert!(cannot, "{check} was skipped: {reason}");
    }
    // The relay really spoke to the server, and nobody went around it.
    assert!(server.requests() > 50);
    assert!(relay.is_none_or(|relay| relay.accepted() > 0));
    drop(subject);
    let ending = server.shutdown();
    assert!(server.block_on(ending).expect("no panic"), "the server ends by itself");
}

#[test]
fn over_http_2_with_the_memory_store() {
    keeps_the_contract(Protocol::H2, Store::Memory, |client| client);
}

#[test]
fn over_http_2_with_the_disk_store() {
    keeps_the_contract(Protocol::H2, Store::Disk, |client| client);
}

#[test]
fn over_http_1_with_the_memory_store() {
    keeps_the_contract(Protocol::H1, Store::Memory, |client| client);
}

#[test]
fn over_http_1_with_the_disk_store() {
    keeps_the_contract(Protocol::H1, Store::Disk, |client| client);
}

#[test]
fn over_redis() {
    let node = Node::start();
    let url = node.url();
    let store = Store::redis(&url, move |by| node.let_pass(by));
    keeps_the_contract(Protocol::H2, store, |client| client);
}

#[test]
fn over_a_sentinel_group() {
    let group = SentinelGroup::start();
    let url = format!("redis-sentinel://{}/{}", group.addresses(), group.name());
    let store = Store::redis(&url, move |by| group.let_pass(by));
    keeps_the_contract(Protocol::H2, store, |client| client);
}

#[test]
fn over_a_cluster() {
    let cluster = Cluster::start();
    let url = format!("redis-cluster://{}", cluster.addresses());
    let store = Store::redis(&url, move |by| cluster.let_pass(by));
    keeps_the_contract(Protocol::H1, store, |client| client);
}

#[test]
fn through_the_blocking_api() {
    keeps_the_contract(Protocol::H2, Store::Memory, |client| {
        ThroughBlocking(Blocking::new(client))
    });
    keeps_the_contract(Protocol::H1, Store::Memory, |client| {
        ThroughBlocking(Blocking::new(client))
    });
}
