//! One holder among all nodes, and fills that were overtaken.

use super::{node, node_with, settings};
use crate::support::Client;
use cachekit_server::Limits;
use cachekit_test_servers::{Node, SentinelGroup};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Barrier;

const KEY: &str = "/v1/cache/k";
const RELEASED: (u16, bool) = (200, true);
const NOT_HELD: (u16, bool) = (200, false);

/// Stores a value under a lock.
async fn fill(client: &mut Client, id: &str, value: &[u8]) -> u16 {
    client.ask("PUT", KEY, &[("x-cachekit-lock-id", id)], value).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_held_on_every_node() {
    let redis = Node::start();
    let (a, b) = (node(settings(&redis)).await, node(settings(&redis)).await);
    let (mut on_a, mut on_b) = (a.h2().await, b.h1().await);
    let id = on_a.lock(KEY, 60_000).await.expect("free");
    assert_eq!(on_b.lock(KEY, 60_000).await, None);
    for other in ["0123", "no-lock-at-all", "%00"] {
        assert_eq!(on_b.unlock(KEY, other).await, NOT_HELD);
        assert_eq!(fill(&mut on_b, other, b"forged").await, 412);
    }
    // A holder may change the node.
    assert_eq!(fill(&mut on_b, &id, b"one").await, 200);
    assert_eq!(fill(&mut on_a, &id, b"two").await, 200);
    assert_eq!(on_b.unlock(KEY, &id).await, RELEASED);
    assert_eq!(on_a.unlock(KEY, &id).await, NOT_HELD);
    assert_eq!(fill(&mut on_a, &id, b"late").await, 412);
    on_b.lock(KEY, 60_000).await.expect("free again");
    assert_eq!(on_a.lock(KEY, 60_000).await, None);
    assert_eq!(on_a.get(KEY).await.as_deref(), Some(b"two".as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_on_one_node_loses_against_changes_on_another() {
    let redis = Node::start();
    let (a, b) = (node(settings(&redis)).await, node(settings(&redis)).await);
    let (mut on_a, mut on_b) = (a.h2().await, b.h2().await);
    // A deletion counts even if it found nothing.
    let id = on_a.lock(KEY, 60_000).await.expect("free");
    assert_eq!(on_b.call("DELETE", KEY, b"").await.status, 200);
    assert_eq!(fill(&mut on_a, &id, b"outdated").await, 412);
    assert_eq!(on_b.get(KEY).await, None);
    assert_eq!(on_a.unlock(KEY, &id).await, RELEASED, "the lock itself is still held");

    let id = on_a.lock(KEY, 60_000).await.expect("free");
    on_b.put(KEY, &[], b"newer").await;
    assert_eq!(fill(&mut on_a, &id, b"outdated").await, 412);
    assert_eq!(on_a.get(KEY).await.as_deref(), Some(b"newer".as_slice()));
    on_a.unlock(KEY, &id).await;

    // A new lock, a new history; a refreshed life is no change of the value.
    let id = on_a.lock(KEY, 60_000).await.expect("free");
    on_b.call("PATCH", "/v1/cache/k/ttl", br#"{"ttl":60}"#).await;
    assert_eq!(fill(&mut on_a, &id, b"fresh").await, 200);
    assert_eq!(on_b.get(KEY).await.as_deref(), Some(b"fresh".as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_ask_two_nodes_at_once_one_gets_the_lock() {
    let redis = Node::start();
    let nodes = [node(settings(&redis)).await, node(settings(&redis)).await];
    for round in 0..20 {
        let start = Arc::new(Barrier::new(8));
        let mut asking = Vec::new();
        for node in nodes.iter().cycle().take(8) {
            let (mut client, start) = (node.h2().await, Arc::clone(&start));
            asking.push(tokio::spawn(async move {
                start.wait().await;
                client.lock(&format!("{KEY}{round}"), 60_000).await
            }));
        }
        let mut granted = 0;
        for asked in asking {
            granted += usize::from(asked.await.expect("no panic").is_some());
        }
        assert_eq!(granted, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_runs_out_on_every_node() {
    let redis = Node::start();
    let (a, b) = (node(settings(&redis)).await, node(settings(&redis)).await);
    let (mut on_a, mut on_b) = (a.h2().await, b.h2().await);
    let first = on_a.lock(KEY, 5000).await.expect("free");
    assert_eq!(on_b.lock(KEY, 5000).await, None);
    redis.let_pass(Duration::from_secs(5));
    assert_eq!(fill(&mut on_a, &first, b"late").await, 412);
    let second = on_b.lock(KEY, 5000).await.expect("the lease ran out");
    assert_eq!(fill(&mut on_a, &first, b"late").await, 412);
    assert_eq!(on_a.unlock(KEY, &first).await, NOT_HELD);
    assert_eq!(fill(&mut on_b, &second, b"right").await, 200);
    assert_eq!(on_a.get(KEY).await.as_deref(), Some(b"right".as_slice()));
    on_b.unlock(KEY, &second).await;

    // An hour is the longest.
    on_a.lock(KEY, u64::MAX).await.expect("free");
    redis.let_pass(Duration::from_secs(3500));
    assert_eq!(on_b.lock(KEY, 1).await, None);
    redis.let_pass(Duration::from_secs(100));
    // A short one really runs out by itself.
    let short = on_b.lock(KEY, 20).await.expect("an hour is over");
    let next = async { while on_a.lock(KEY, 5000).await.is_none() {} };
    tokio::time::timeout(Duration::from_secs(60), next).await.expect("it runs out");
    assert_eq!(fill(&mut on_b, &short, b"late").await, 412);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_holds_so_many_locks_through_one_node() {
    let redis = Node::start();
    let mut limits = Limits::default();
    limits.max_locks_per_tenant = 2;
    let a = node_with(settings(&redis), |builder| builder.limits(limits)).await;
    let mut client = a.h2().await;
    let path = |at: usize| format!("/v1/cache/key-{at}");
    let ask = |at: usize| (path(at) + "/lock", br#"{"timeout_ms":60000}"#);
    let first = client.lock(&path(0), 60_000).await.expect("free");
    // What is contested takes no place.
    assert_eq!(client.lock(&path(0), 60_000).await, None);
    client.lock(&path(1), 60_000).await.expect("free");
    let (third, body) = ask(2);
    let answer = client.call("POST", &third, body).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    // Another tenant has places of its own.
    a.h2().await.with_key(&a.other).lock(&path(2), 60_000).await.expect("free");
    assert_eq!(client.unlock(&path(0), &first).await, RELEASED);
    client.lock(&path(2), 60_000).await.expect("a place is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_of_before_a_failover_writes_nothing() {
    let group = SentinelGroup::start();
    let url = format!("redis-sentinel://{}/{}", group.addresses(), group.name());
    let settings = || cachekit_io::Redis::builder().url(&*url).timeout(Duration::from_secs(30));
    let (a, b) = (node(settings()).await, node(settings()).await);
    let id = a.h2().await.lock(KEY, 3_600_000).await.expect("free");
    tokio::task::block_in_place(|| group.failover());
    // A connection without a request does not live that long.
    let (mut on_a, mut on_b) = (a.h2().await, b.h2().await);
    // The new primary may have missed a deletion that was confirmed.
    assert_eq!(fill(&mut on_a, &id, b"in doubt").await, 412);
    assert_eq!(on_b.get(KEY).await, None);
    on_b.put(KEY, &[], b"right").await;
    assert_eq!(on_a.get(KEY).await.as_deref(), Some(b"right".as_slice()));
}
