//! Writes that are confirmed by replicas.

use super::{builder, get, set, set_with, wait};
use crate::{Backend, Batch, BatchEntry, Fencing, Locks, Redis, SetOptions, TtlControl};
use bytes::Bytes;
use cachekit_test_servers::{Cluster, Node, SentinelGroup, eventually};
use futures_util::future::join_all;
use std::time::Duration;

const PATIENT: Duration = Duration::from_secs(30);

fn of_group(group: &SentinelGroup, replicas: u32) -> Redis {
    let url = format!("redis-sentinel://{}/{}", group.addresses(), group.name());
    Redis::builder().url(url).replicas(replicas).timeout(PATIENT).build().unwrap()
}

/// What all nodes of the group have at this moment.
fn everywhere(group: &SentinelGroup, key: &str) -> Vec<String> {
    group.nodes().iter().map(|node| node.admin(&["GET", key]).text()).collect()
}

#[test]
fn what_is_confirmed_is_on_the_replicas() {
    let group = SentinelGroup::start();
    let client = of_group(&group, 2);
    let nothing = everywhere(&group, "never-written");
    for round in 0..50 {
        let key = format!("key-{round}");
        set(&client, &key, "value").unwrap();
        assert_eq!(everywhere(&group, &key), ["value"; 3]);
        wait(client.delete(&key)).unwrap();
        assert_eq!(everywhere(&group, &key), nothing);

        let token = wait(client.try_acquire(&key, PATIENT)).unwrap().unwrap();
        set_with(&client, &key, "locked", &SetOptions::new().lock(token)).unwrap();
        assert_eq!(everywhere(&group, &key), ["locked"; 3]);
        let fence = wait(client.fence(&key)).unwrap();
        let value = Bytes::from_static(b"fenced");
        assert!(wait(client.set_fenced(&key, value, &SetOptions::new(), &fence)).unwrap());
        assert_eq!(everywhere(&group, &key), ["fenced"; 3]);

        let items = ["a", "b"].map(|key| BatchEntry {
            key,
            value: Bytes::from_static(b"many"),
            options: SetOptions::new(),
        });
        assert!(wait(client.set_many(&items)).iter().all(Result::is_ok));
        for key in ["a", "b"] {
            assert_eq!(everywhere(&group, key), ["many"; 3]);
        }
        assert!(wait(client.delete_many(&["a", "b"])).iter().all(Result::is_ok));
        for key in ["a", "b"] {
            assert_eq!(everywhere(&group, key), nothing);
        }
    }
}

#[test]
fn callers_at_the_same_time_share_the_wait() {
    let group = SentinelGroup::start();
    let client = of_group(&group, 2);
    let keys: Vec<_> = (0..200).map(|at| format!("key-{at}")).collect();
    let waits = || {
        let stat = group.primary().info("cmdstat_wait").unwrap();
        let calls = stat.strip_prefix("calls=").and_then(|rest| rest.split(',').next());
        calls.and_then(|calls| calls.parse::<usize>().ok()).unwrap_or_default()
    };
    let sets = keys.iter().map(async |key| {
        client.set(key, Bytes::from_static(b"value"), &SetOptions::new()).await.unwrap();
    });
    let before = waits();
    wait(join_all(sets));
    assert!(waits() - before < keys.len());
    for key in &keys {
        assert_eq!(everywhere(&group, key), ["value"; 3]);
    }
}

#[test]
fn too_few_replicas_are_an_error_that_leaves_reads_alone() {
    let node = Node::start();
    let client = builder(&node).replicas(1).timeout(Duration::from_secs(1)).build().unwrap();
    let error = set(&client, "k", "value").unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("too few replicas"), "{error}");
    // It took effect where it was sent.
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("value"));
    assert!(wait(client.delete("k")).unwrap_err().is_transient());
    assert_eq!(get(&client, "k").unwrap(), None);
    let options = SetOptions::new();
    let item = BatchEntry { key: "k", value: Bytes::from_static(b"v"), options };
    assert!(wait(client.set_many(&[item])).iter().all(Result::is_err));
    // What was deleted by an attempt that was not confirmed is not confirmed by the next one either.
    assert!(wait(client.delete("k")).is_err());
    assert!(wait(client.delete("k")).is_err());
    // A lock is bound to the primary anyway.
    assert!(wait(client.try_acquire("k", PATIENT)).unwrap().is_some());
    assert!(wait(client.refresh("k", PATIENT)).is_err());
}

#[test]
fn a_replica_that_hangs_is_missed_until_it_goes_on() {
    let group = SentinelGroup::start();
    let url = format!("redis-sentinel://{}/{}", group.addresses(), group.name());
    let client = Redis::builder().url(url).replicas(2).timeout(Duration::from_secs(2));
    let client = client.build().unwrap();
    set(&client, "k", "one").unwrap();
    let primary = group.primary().port();
    let replica = group.nodes().iter().find(|node| node.port() != primary).unwrap();
    let pause = replica.pause();
    set(&client, "k", "two").unwrap_err();
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("two"));
    drop(pause);
    eventually("it catches up", || set(&client, "k", "three").map_err(|error| error.to_string()));
    assert_eq!(replica.admin(&["GET", "k"]).text(), "three");
}

#[test]
fn a_cluster_confirms_in_every_slot_and_after_one_moved() {
    let cluster = Cluster::start();
    let url = format!("redis-cluster://{}", cluster.addresses());
    let client = Redis::builder().url(url).replicas(1).timeout(PATIENT).build().unwrap();
    let keys: Vec<_> = (0..60).map(|at| format!("{{key}}-{at}")).collect();
    for key in &keys {
        set(&client, key, "value").unwrap();
    }
    let has = |node: &Node| node.admin(&["DBSIZE"]).integer().unwrap();
    let count: i64 = cluster.nodes().iter().map(has).sum();
    assert!(count >= 120, "every entry is there twice: {count}");

    set(&client, "moves", "one").unwrap();
    let slot = cluster.slot_of("moves");
    let from = cluster.owner_of(slot).port();
    let to = cluster.primaries().find(|node| node.port() != from).unwrap();
    cluster.move_slot(slot, to);
    set(&client, "moves", "three").unwrap();
    assert_eq!(get(&client, "moves").unwrap().as_deref(), Some("three"));
    cluster.failover(slot);
    set(&client, "moves", "four").unwrap();
    assert!(wait(client.delete("moves")).unwrap());
}
