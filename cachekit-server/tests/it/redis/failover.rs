//! What a failover may take with it, and what not.

use super::node;
use crate::support::{Answer, Client};
use cachekit_io::Redis;
use cachekit_test_servers::{Cluster, Node};
use std::time::Duration;
use tokio::task::block_in_place;

const KEY: &str = "/v1/cache/k";
const NAME: &str = "cachekit-server:acme:k";

/// Asks until the answer is a success.
async fn until_done(client: &mut Client, method: &str, body: &[u8]) {
    let asking = async { while client.call(method, KEY, body).await.status != 200 {} };
    tokio::time::timeout(Duration::from_secs(60), asking).await.expect("it succeeds");
}

/// What is there, as soon as the new primary is known.
async fn found(client: &mut Client) -> Answer {
    let asking = async {
        loop {
            let answer = client.call("GET", KEY, b"").await;
            if answer.status != 503 {
                return answer;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.expect("an answer")
}

/// Lets a primary die, and waits for its replica to take over.
fn fail_over(cluster: &Cluster, slot: u16, primary: &Node, replica: &Node) {
    primary.stop();
    cluster.wait_for_owner(slot, replica);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_only_one_process_has_is_not_confirmed() {
    let cluster = block_in_place(Cluster::start);
    let url = format!("redis-cluster://{}", cluster.addresses());
    let settings = Redis::builder().url(url).timeout(Duration::from_secs(5)).replicas(1);
    let a = node(settings).await;
    let mut client = a.h2().await;
    client.put(KEY, &[], b"value").await;
    let slot = cluster.slot_of(NAME);
    let primary = cluster.owner_of(slot);
    let replica = cluster.replica_of(primary);

    // Nothing of what comes reaches the replica.
    let pause = replica.pause();
    primary.admin(&["CLIENT", "KILL", "TYPE", "replica"]);
    let answer = client.call("DELETE", KEY, b"").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(client.call("PUT", "/v1/cache/k", b"newer").await.status, 503);
    assert_eq!(client.get(KEY).await.as_deref(), Some(b"newer".as_slice()), "reads go on");
    // Dead before the replica goes on: it must not get the rest now.
    primary.stop();
    drop(pause);
    block_in_place(|| fail_over(&cluster, slot, primary, replica));
    assert_eq!(found(&mut client).await.body, b"value", "as it was confirmed");

    // With a replica again it is confirmed, and not lost with the primary.
    block_in_place(|| {
        primary.restart();
        cluster.wait_until_agreed();
    });
    until_done(&mut client, "DELETE", b"").await;
    block_in_place(|| fail_over(&cluster, slot, replica, primary));
    assert_eq!(found(&mut client).await.status, 404);
    block_in_place(|| {
        replica.restart();
        cluster.wait_until_agreed();
    });
    until_done(&mut client, "PUT", b"last").await;
    block_in_place(|| fail_over(&cluster, slot, primary, replica));
    assert_eq!(found(&mut client).await.body, b"last");
}
