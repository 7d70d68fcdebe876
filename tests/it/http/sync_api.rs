//! Calls that block, from every place there is. Each test has a process of its own, so that one that hangs
//! is found and harms no other.

use super::local::Local;
use bytes::Bytes;
use cachekit_io::blocking::CachekitIo;
use cachekit_io::{BatchEntry, Expiry, SetOptions};
use cachekit_tests::in_child;
use std::time::{Duration, Instant};

/// Every operation there is.
fn everything(client: &CachekitIo) {
    let ttl = SetOptions::new().ttl(Duration::from_secs(60));
    let lease = Duration::from_secs(30);
    client.warm_up().expect("connected");
    client.set("k", Bytes::from_static(b"value"), &ttl).expect("stored");
    assert_eq!(client.get("k").expect("an answer").expect("a hit").value(), "value");
    assert!(client.exists("k").expect("an answer"));
    assert_eq!(client.expiry("k").expect("an answer"), Expiry::In(Duration::from_secs(60)));
    assert!(client.refresh_ttl("k", Duration::from_secs(90)).expect("an answer"));
    assert!(client.delete("k").expect("an answer"));
    assert!(client.get("k").expect("an answer").is_none());
    assert_eq!(client.health().expect("an answer").backend_type, "cachekit.io");
    let entries = ["a", "b", "c"].map(|key| BatchEntry::new(key, key.into()));
    assert!(client.set_many(&entries).iter().all(Result::is_ok));
    let found = client.get_many(&["a", "b", "c", "d"]);
    assert_eq!(found.iter().filter(|found| matches!(found, Ok(Some(_)))).count(), 3);
    assert!(client.delete_many(&["a", "b", "c"]).iter().all(Result::is_ok));
    let lock = client.acquire_lock("k", lease).expect("an answer").expect("free");
    assert!(client.acquire_lock("k", lease).expect("an answer").is_none());
    let soon = Instant::now() + Duration::from_millis(50);
    assert!(client.acquire_lock_wait("k", lease, soon).expect("an answer").is_none());
    assert!(lock.release().expect("an answer"));
}

/// A server and a client of it, in a process of their own.
fn with_client(test: &str, body: impl FnOnce(CachekitIo)) {
    in_child(test, || {
        let server = Local::start();
        body(CachekitIo::new(server.client()));
        drop(server);
    });
}

#[test]
fn on_a_thread() {
    with_client("http::sync_api::on_a_thread", |client| everything(&client));
}

#[test]
fn on_several_threads_at_once() {
    with_client("http::sync_api::on_several_threads_at_once", |client| {
        cachekit_tests::together(8, |index| {
            let (key, value) = (format!("k{index}"), Bytes::from(vec![7; index]));
            for _ in 0..20 {
                client.set(&key, value.clone(), &SetOptions::new()).expect("stored");
                let found = client.get(&key).expect("an answer").expect("a hit");
                assert_eq!(found.value(), &value);
            }
        });
    });
}

#[test]
fn inside_a_multi_threaded_tokio() {
    with_client("http::sync_api::inside_a_multi_threaded_tokio", |client| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            // The only worker is blocked, and connections made in the runtime would be stuck with it.
            client.backend().get("k").await.expect("an answer");
            let blocking = client.clone();
            tokio::spawn(async move { everything(&blocking) }).await.expect("no panic");
            let blocking = client.clone();
            let task = tokio::task::spawn_blocking(move || everything(&blocking));
            task.await.expect("no panic");
            everything(&client);
            client.backend().get("k").await.expect("an answer");
        });
    });
}

#[test]
fn inside_a_current_thread_tokio() {
    with_client("http::sync_api::inside_a_current_thread_tokio", |client| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        runtime.block_on(async {
            // This makes a connection that is driven here, where nothing moves during a blocking call.
            client.backend().get("k").await.expect("an answer");
            everything(&client);
            let blocking = client.clone();
            tokio::spawn(async move { everything(&blocking) }).await.expect("no panic");
            let blocking = client.clone();
            let task = tokio::task::spawn_blocking(move || everything(&blocking));
            task.await.expect("no panic");
            client.backend().get("k").await.expect("an answer");
        });
    });
}

#[test]
fn inside_smol() {
    with_client("http::sync_api::inside_smol", |client| {
        smol::block_on(async {
            client.backend().get("k").await.expect("an answer");
            everything(&client);
            let blocking = client.clone();
            smol::spawn(async move { everything(&blocking) }).await;
            let blocking = client.clone();
            smol::unblock(move || everything(&blocking)).await;
            client.backend().get("k").await.expect("an answer");
        });
    });
}

#[test]
fn between_two_runtimes() {
    with_client("http::sync_api::between_two_runtimes", |client| {
        // The connection made in a runtime goes with it; the client stays.
        for _ in 0..3 {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
            runtime.block_on(async { client.backend().get("k").await.expect("an answer") });
            drop(runtime);
            everything(&client);
        }
    });
}
