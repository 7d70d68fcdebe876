//! Redis that stops, ends, is full, or is not there yet.

use super::{SHORT, node, node_with, settings, until_ready_is};
use crate::support::{Answer, Client, Fixture};
use cachekit_server::{
    ApiKey, ApiKeys, KeyKind, RedisStore, Scope, Server, StartError, TenantLimits,
};
use cachekit_test_servers::Node;
use std::net::SocketAddr;

const KEY: &str = "/v1/cache/k";

fn admin_of(node: &Fixture) -> SocketAddr {
    node.server.admin_addr().expect("there is one")
}

/// Every kind of request.
async fn all(client: &mut Client) -> Vec<Answer> {
    let lock = [("x-cachekit-lock-id", "0123")];
    let mut answers = Vec::new();
    for (method, path, headers, body) in [
        ("GET", KEY, [].as_slice(), b"".as_slice()),
        ("HEAD", KEY, &[], b""),
        ("PUT", KEY, &[], b"another"),
        ("PUT", KEY, &lock, b"another"),
        ("DELETE", KEY, &[], b""),
        ("GET", "/v1/cache/k/ttl", &[], b""),
        ("PATCH", "/v1/cache/k/ttl", &[], br#"{"ttl":60}"#),
        ("POST", "/v1/cache/k/lock", &[], br#"{"timeout_ms":1}"#),
        ("DELETE", "/v1/cache/k/lock", &lock, b""),
        ("GET", "/v1/cache/health", &[], b""),
    ] {
        answers.push(client.ask(method, path, headers, body).await);
    }
    answers
}

fn are_refused(answers: &[Answer]) {
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_is_503_until_it_goes_on() {
    let redis = Node::start();
    let a = node(settings(&redis).timeout(SHORT)).await;
    let [mut h1, mut h2] = a.both().await;
    h1.put("/v1/cache/other", &[], b"value").await;
    until_ready_is(admin_of(&a), 200).await;
    let before = a.metric("cachekit_server_store_failures_total").await;
    let pause = redis.pause();
    let (on_h1, on_h2) = tokio::join!(all(&mut h1), all(&mut h2));
    are_refused(&on_h1);
    are_refused(&on_h2);
    let page = until_ready_is(admin_of(&a), 503).await;
    assert!(page.ends_with("the store takes no writes\n"), "{page}");
    assert_eq!(a.metric("cachekit_server_store_up").await, 0);
    drop(pause);
    until_ready_is(admin_of(&a), 200).await;
    assert_eq!(a.metric("cachekit_server_store_up").await, 1);
    assert!(a.metric("cachekit_server_store_failures_total").await > before);
    for client in [&mut h1, &mut h2] {
        let found = client.get("/v1/cache/other").await;
        assert_eq!(found.as_deref(), Some(b"value".as_slice()));
        client.put(KEY, &[], b"new").await;
        assert_eq!(client.get(KEY).await.as_deref(), Some(b"new".as_slice()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_ended_is_503_until_another_is_there() {
    let redis = Node::options().persistent().start();
    let a = node(settings(&redis)).await;
    let mut client = a.h2().await;
    client.put("/v1/cache/other", &[], b"value").await;
    redis.stop();
    are_refused(&all(&mut client).await);
    until_ready_is(admin_of(&a), 503).await;
    are_refused(&all(&mut client).await);
    tokio::task::block_in_place(|| redis.restart());
    until_ready_is(admin_of(&a), 200).await;
    let found = client.get("/v1/cache/other").await;
    assert_eq!(found.as_deref(), Some(b"value".as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_before_its_redis() {
    let redis = Node::start();
    redis.stop();
    let a = node(settings(&redis)).await;
    let mut client = a.h2().await;
    are_refused(&all(&mut client).await);
    until_ready_is(admin_of(&a), 503).await;
    tokio::task::block_in_place(|| redis.restart());
    until_ready_is(admin_of(&a), 200).await;
    client.put(KEY, &[], b"value").await;
    assert_eq!(client.get(KEY).await.as_deref(), Some(b"value".as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_refuses_writes_and_nothing_else() {
    let redis = Node::options().maxmemory("16mb").start();
    let a = node(settings(&redis)).await;
    let mut client = a.h2().await;
    client.put(KEY, &[], b"value").await;
    let large = vec![7; 1_000_000];
    let mut count = 0;
    let refused = loop {
        let answer = client.call("PUT", &format!("/v1/cache/large-{count}"), &large).await;
        if answer.status != 200 {
            break answer;
        }
        count += 1;
        assert!(count < 100, "Redis has a limit");
    };
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(client.get(KEY).await.as_deref(), Some(b"value".as_slice()));
    assert_eq!(client.call("DELETE", KEY, b"").await.status, 200);
    assert_eq!(client.get(KEY).await, None);
    for at in 0..count {
        let deleted = client.call("DELETE", &format!("/v1/cache/large-{at}"), b"").await;
        assert_eq!(deleted.status, 200);
    }
    until_ready_is(admin_of(&a), 200).await;
    client.put(KEY, &[], &large).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_work_are_told_at_the_start() {
    let redis = Node::options()
        .password("s3cret-pass")
        .user("reader", "another-pass", "~* +get +ping")
        .start();
    for url in [
        redis.url_for("default", "wrong-pass"),
        redis.url(),
        redis.url_for("reader", "another-pass"),
        redis.url_for("default", "s3cret-pass") + "/99",
        "redis://default:s3cret-pass@".to_owned(),
    ] {
        let opened = RedisStore::open(settings(&redis).url(&*url)).await;
        let error = opened.expect_err(&url);
        let shown = format!("{error} {error:?}");
        assert!(error.to_string().starts_with("the Redis store: "), "{shown}");
        assert!(!shown.contains("pass@") && !shown.contains("-pass"), "{shown}");
    }
    let store = RedisStore::open(settings(&redis).url(redis.url_for("default", "s3cret-pass")));
    let store = store.await.expect("the right one");
    assert!(!format!("{store:?}").contains("s3cret"));
}

/// As the page on the server has them.
const PERMISSIONS: &str = "~cachekit-server* ~{cachekit-server* -@all +get +set +del +pttl +pexpire +strlen \
                           +getrange +exists +multi +exec +eval +evalsha +ping +info +wait +role \
                           +cluster|slots +asking";

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_missing_is_told_at_the_start() {
    for missing in ["set", "del", "pttl", "strlen", "getrange", "evalsha", "ping", "multi"] {
        let rules = PERMISSIONS.replacen(&format!(" +{missing} "), " ", 1);
        assert_ne!(rules, PERMISSIONS, "{missing}");
        let redis = Node::options().user("cachekit", "a-password", &rules).start();
        let settings = settings(&redis).url(redis.url_for("cachekit", "a-password"));
        assert!(RedisStore::open(settings).await.is_err(), "{missing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_permissions_are_enough() {
    let redis = Node::options().user("cachekit", "a-password", PERMISSIONS).start();
    let a = node(settings(&redis).url(redis.url_for("cachekit", "a-password"))).await;
    let mut client = a.h2().await;
    let statuses: Vec<_> = all(&mut client).await.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [404, 404, 200, 412, 200, 404, 200, 200, 200, 200]);
    client.put(KEY, &[("x-cachekit-ttl", "60"), ("x-cachekit-stale-ttl", "60")], b"v").await;
    let refresh = client.call("PATCH", "/v1/cache/k/ttl", br#"{"ttl":60}"#).await;
    assert_eq!(refresh.status, 200);
    let id = client.lock("/v1/cache/other", 60_000).await.expect("free");
    let header = [("x-cachekit-lock-id", id.as_str())];
    client.put("/v1/cache/other", &header, b"under a lock").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_cannot_be_kept_is_refused() {
    let redis = Node::start();
    let limits = TenantLimits { stored_bytes: Some(1000), ..TenantLimits::default() };
    let keys = || {
        let mut keys = ApiKeys::new();
        let key = ApiKey::generate(KeyKind::Live).expect("random bytes");
        keys.add(&key, "acme", &Scope::ALL, limits).expect("a good key");
        keys
    };
    for of_all in [true, false] {
        let store = RedisStore::open(settings(&redis)).await.expect("good settings");
        let builder = Server::builder().cleartext().redis_store(store);
        let builder = if of_all { builder.tenant_limits(limits) } else { builder.api_keys(keys()) };
        assert!(matches!(builder.bind().await.err(), Some(StartError::StoredBytes)));
    }
    let a = node_with(settings(&redis), |builder| builder).await;
    let replaced = a.server.replace_api_keys(keys());
    assert!(matches!(replaced, Err(StartError::StoredBytes)));
    a.h2().await.put(KEY, &[], b"the old keys stay").await;
}
