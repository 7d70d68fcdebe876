//! A server killed under load: no wrong value, and the same client goes on.

use super::load::Load;
use super::program::{Program, Store};
use bytes::Bytes;
use cachekit_io::SetOptions;

async fn killed_under_load(store: Store) {
    let mut server = Program::start(store);
    let client = server.client();
    let before = Bytes::from_static(b"written before");
    client.set("before", before.clone(), &SetOptions::new()).await.expect("stored");
    let load = Load::start(&client, store == Store::Disk, 7);
    load.progress(300).await;
    for _ in 0..2 {
        server.kill();
        server.start_again();
        // With the client there was, and no other.
        load.progress(300).await;
    }
    let found =
        client.get("before").await.expect("an answer").map(cachekit_io::Fetched::into_value);
    match store {
        Store::Disk => assert_eq!(found, Some(before), "the disk is warm"),
        Store::Memory => assert_eq!(found, None, "the memory is empty"),
    }
    load.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_disk_store_nothing_confirmed_is_lost() {
    killed_under_load(Store::Disk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_memory_store_everything_is_a_miss() {
    killed_under_load(Store::Memory).await;
}

/// While there is no server an operation fails soon, and its kind says to go on without the cache.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_away_operations_fail_open() {
    let mut server = Program::start(Store::Memory);
    let client = server.builder().max_retries(1).build().expect("a client");
    client.warm_up().await.expect("a connection");
    server.kill();
    for _ in 0..3 {
        let error = client.get("k").await.expect_err("nobody is there");
        assert!(error.is_transient() && error.fails_open(), "{error:?}");
    }
    server.start_again();
    assert!(client.get("k").await.expect("it is back").is_none());
}
