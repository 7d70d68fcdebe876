//! What one node stores, all nodes serve.

use super::{node, node_with, settings};
use crate::support::page;
use cachekit_io::Redis;
use cachekit_server::KeyRule;
use cachekit_test_servers::{Cluster, Node};
use std::time::Duration;

const KEY: &str = "/v1/cache/k";

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_stores_the_others_serve() {
    let redis = Node::start();
    let (a, b) = (node(settings(&redis)).await, node(settings(&redis)).await);
    let (mut on_a, mut on_b) = (a.h2().await, b.h1().await);
    assert_eq!(on_b.get(KEY).await, None);
    let life = [("x-cachekit-ttl", "60"), ("x-cachekit-stale-ttl", "30")];
    on_a.put(KEY, &life, b"value").await;
    let answer = on_b.call("GET", KEY, b"").await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"value".as_slice()));
    assert_eq!(answer.header("x-cachekit-freshness"), Some("fresh"));
    let fresh_for: u64 = answer.header("x-cachekit-fresh-for").expect("told").parse().expect("one");
    assert!((30..=60).contains(&fresh_for), "{fresh_for}");
    assert_eq!(on_b.call("HEAD", KEY, b"").await.status, 200);

    // Past its time to live on both, and then gone on both.
    redis.let_pass(Duration::from_secs(61));
    for client in [&mut on_a, &mut on_b] {
        let answer = client.call("GET", KEY, b"").await;
        assert_eq!((answer.status, answer.header("x-cachekit-freshness")), (200, Some("stale")));
        let refresh = client.call("PATCH", "/v1/cache/k/ttl", br#"{"ttl":60}"#).await;
        assert_eq!(refresh.status, 409, "what is stale stays it");
    }
    redis.let_pass(Duration::from_secs(30));
    for client in [&mut on_a, &mut on_b] {
        assert_eq!(client.get(KEY).await, None);
    }

    on_b.put(KEY, &[], b"another").await;
    assert_eq!(on_a.call("GET", "/v1/cache/k/ttl", b"").await.text(), r#"{"ttl":null}"#);
    assert_eq!(on_a.call("DELETE", KEY, b"").await.status, 200);
    assert_eq!(on_b.get(KEY).await, None);
    assert_eq!(on_b.call("HEAD", KEY, b"").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_on_one_node_counts_on_the_others() {
    let redis = Node::start();
    let (a, b) = (node(settings(&redis)).await, node(settings(&redis)).await);
    let (mut on_a, mut on_b) = (a.h2().await, b.h2().await);
    on_a.put(KEY, &[("x-cachekit-ttl", "10"), ("x-cachekit-stale-ttl", "10")], b"v").await;
    let refresh = on_b.call("PATCH", "/v1/cache/k/ttl", br#"{"ttl":1000}"#).await;
    assert_eq!(refresh.status, 200);
    redis.let_pass(Duration::from_secs(900));
    let answer = on_a.call("GET", KEY, b"").await;
    assert_eq!((answer.status, answer.header("x-cachekit-freshness")), (200, Some("fresh")));
    // The stale window stays, and counts.
    let longest = on_a.call("PATCH", "/v1/cache/k/ttl", br#"{"ttl":2592000}"#).await;
    assert_eq!(longest.status, 400);
    redis.let_pass(Duration::from_secs(105));
    let answer = on_b.call("GET", KEY, b"").await;
    assert_eq!((answer.status, answer.header("x-cachekit-freshness")), (200, Some("stale")));
    // What is absent stays absent, and that is no mistake.
    on_a.call("DELETE", KEY, b"").await;
    let refresh = on_a.call("PATCH", "/v1/cache/k/ttl", br#"{"ttl":10}"#).await;
    assert_eq!(refresh.status, 200);
    assert_eq!(on_a.get(KEY).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_all_sizes_come_back_as_they_were() {
    let redis = Node::start();
    let (a, b) = (node(settings(&redis)).await, node(settings(&redis)).await);
    let (mut on_a, mut on_b) = (a.h2().await, b.h1().await);
    for life in [[].as_slice(), &[("x-cachekit-ttl", "60"), ("x-cachekit-stale-ttl", "30")]] {
        for length in [0, 1, 12, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 5_000_000] {
            // Begins as a header of the client does.
            let mut value = b"\xC1CK\x01\0\0\0\0\0\0\0\x05".repeat(length / 12 + 1);
            value.truncate(length);
            on_a.put(KEY, life, &value).await;
            let found = on_b.get(KEY).await.expect("a hit");
            assert!(found == value, "{length}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_and_clients_of_redis_do_not_meet() {
    let redis = Node::start();
    let a = node(settings(&redis).prefix("shop:")).await;
    let (mut acme, mut other) = (a.h2().await, a.h2().await.with_key(&a.other));
    acme.put(KEY, &[], b"acme's").await;
    assert_eq!(other.get(KEY).await, None);
    other.put(KEY, &[], b"other's").await;
    other.call("DELETE", KEY, b"").await;
    assert_eq!(acme.get(KEY).await.as_deref(), Some(b"acme's".as_slice()));
    let names = redis.admin(&["KEYS", "*:k"]);
    let names: Vec<_> = names.array().iter().map(cachekit_test_servers::Reply::text).collect();
    assert_eq!(names, ["shop:cachekit-server:acme:k"]);
    // Nodes with another prefix, another cache.
    let b = node(settings(&redis)).await;
    assert_eq!(b.h2().await.get(KEY).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_key_is_one_of_its_own_in_a_cluster() {
    let cluster = Cluster::start();
    let url = format!("redis-cluster://{}", cluster.addresses());
    let settings = || Redis::builder().url(&*url).timeout(Duration::from_secs(30));
    let any = |builder: cachekit_server::Builder| builder.key_rule(KeyRule::Any);
    let (a, b) = (node_with(settings(), any).await, node_with(settings(), any).await);
    let (mut on_a, mut on_b) = (a.h2().await, b.h2().await);
    let keys = ["a", "%7Ba%7D", "%7Ba%7Db", "%7B", "%7D%7B", "%25", "%257B", "a:lock", "a%25fence"];
    for key in keys {
        on_a.put(&format!("/v1/cache/{key}"), &[], key.as_bytes()).await;
    }
    for key in keys {
        let path = format!("/v1/cache/{key}");
        assert_eq!(on_b.get(&path).await.as_deref(), Some(key.as_bytes()), "{key}");
        let id = on_b.lock(&path, 60_000).await.expect("free");
        assert_eq!(on_a.lock(&path, 60_000).await, None);
        on_a.call("DELETE", &path, b"").await;
        let header = [("x-cachekit-lock-id", id.as_str())];
        assert_eq!(on_b.ask("PUT", &path, &header, b"late").await.status, 412);
        assert_eq!(on_b.get(&path).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_cannot_know_it_does_not_tell() {
    let redis = Node::start();
    let a = node(settings(&redis)).await;
    let mut client = a.h2().await;
    client.put(KEY, &[], b"v").await;
    client.lock(KEY, 60_000).await.expect("free");
    let health = client.call("GET", "/v1/cache/health", b"").await;
    assert_eq!((health.status, health.text()), (200, r#"{"status":"ok"}"#));
    assert_eq!(a.metric("cachekit_server_store_up").await, 1);
    assert_eq!(a.metric("cachekit_server_locks_held").await, 1);
    assert_eq!(a.metric("cachekit_server_store_failures_total").await, 0);
    let metrics = page(a.server.admin_addr().expect("there is one"), "/metrics").await;
    for name in [
        "cachekit_server_store_entries",
        "cachekit_server_store_bytes",
        "cachekit_server_store_evictions",
    ] {
        assert!(!metrics.contains(name), "{name}");
    }
}
