//! Two nodes of the server over a Cluster of six processes, under load, while a node and a primary are
//! killed: no wrong value, nothing lost that was confirmed, no hang.

use super::load::Load;
use super::program::Program;
use bytes::Bytes;
use cachekit_io::{BackendError, CachekitIo, SetOptions};
use cachekit_test_servers::{Cluster, Node};
use std::time::{Duration, Instant};

/// Time for an operation of the client: more than a failover takes.
const BUDGET: Duration = Duration::from_secs(20);

/// Until an operation succeeds, and how long that took. Each attempt has its own deadline.
async fn until<T>(
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<T, BackendError>,
) -> (T, Duration) {
    let began = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return (done, began.elapsed()),
            Err(error) => {
                assert!(error.fails_open(), "{what}: {error:?}");
                assert!(began.elapsed() < 6 * BUDGET, "{what}: {error:?}");
            }
        }
    }
}

/// A key of each primary, by the name that the server gives it in Redis.
fn key_on(cluster: &Cluster, primary: &Node) -> String {
    let keys = (0..).map(|at| format!("probe:{at}"));
    let mut on_it = keys.filter(|key| {
        let slot = cluster.slot_of(&format!("cachekit-server:dev:{key}"));
        cluster.owner_of(slot).port() == primary.port()
    });
    on_it.next().expect("every primary has some")
}

async fn takes_writes(clients: &[CachekitIo], key: &str) -> Duration {
    let mut longest = Duration::ZERO;
    for client in clients {
        let value = Bytes::from_static(b"value");
        let set = async || client.set(key, value.clone(), &SetOptions::new()).await;
        longest = longest.max(until("a write", set).await.1);
        assert_eq!(client.get(key).await.expect("it is up").expect("a hit").value(), &value);
    }
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_and_a_primary_are_killed_under_load() {
    let cluster = tokio::task::block_in_place(Cluster::start);
    let url = format!("redis-cluster://{}", cluster.addresses());
    let options = ["--store", &url, "--store-replicas", "1", "--store-timeout", "5"];
    let mut nodes = [Program::with(&options), Program::with(&options)];
    let client = |node: &Program| node.builder().timeout(BUDGET).build().expect("a client");
    let clients: Vec<_> = nodes.iter().map(client).collect();
    let primary = cluster.primaries().next().expect("there are three");
    let key = key_on(&cluster, primary);
    takes_writes(&clients, &key).await;

    // All that was confirmed is on two processes of Redis: nothing of it may be lost.
    let load = Load::start_over(clients.clone(), true, 11);
    load.progress(1000).await;

    nodes[0].kill();
    load.progress(500).await;
    nodes[0].start_again();
    load.progress(500).await;

    let slot = cluster.slot_of(&format!("cachekit-server:dev:{key}"));
    let replica = cluster.replica_of(primary);
    let killed = Instant::now();
    primary.stop();
    tokio::task::block_in_place(|| cluster.wait_for_owner(slot, replica));
    let elected = killed.elapsed();
    let (found, read) = until("a read", async || clients[1].get(&key).await).await;
    assert_eq!(found.expect("it was confirmed").value(), "value");
    println!("a new primary after {elected:?}, a read {read:?} later");
    load.progress(500).await;

    // A primary without a replica confirms nothing: writes go on when it has one.
    tokio::task::block_in_place(|| {
        primary.restart();
        cluster.wait_until_agreed();
    });
    let agreed = killed.elapsed();
    let written = takes_writes(&clients, &key).await;
    println!("the Cluster is whole after {agreed:?}, a write {written:?} later");
    load.progress(1000).await;

    // A node and a primary at once.
    let primary = cluster.owner_of(slot);
    let replica = cluster.replica_of(primary);
    nodes[1].kill();
    primary.stop();
    nodes[1].start_again();
    tokio::task::block_in_place(|| {
        cluster.wait_for_owner(slot, replica);
        primary.restart();
        cluster.wait_until_agreed();
    });
    takes_writes(&clients, &key).await;
    load.progress(1000).await;
    println!("{}", load.finish().await);
    for node in &nodes {
        assert!(!node.log().contains("panicked"), "{}", node.log());
    }
}
