use super::{get, recovers, set, wait};
use crate::{Backend, Redis};
use cachekit_test_servers::{Cluster, Node, eventually};
use std::time::{Duration, Instant};

fn client(cluster: &Cluster) -> Redis {
    let url = format!("redis-cluster://{}", cluster.nodes()[0].address());
    Redis::builder().url(url).timeout(Duration::from_secs(20)).build().unwrap()
}

/// A primary that does not have this slot.
fn another(cluster: &Cluster, slot: u16) -> &Node {
    let owner = cluster.owner_of(slot).port();
    cluster.nodes()[..3].iter().find(|node| node.port() != owner).unwrap()
}

#[test]
fn moved_slots_are_found() {
    let cluster = Cluster::start();
    let client = client(&cluster);
    set(&client, "k", "before").unwrap();
    let slot = cluster.slot_of("k");
    cluster.move_slot(slot, another(&cluster, slot));
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("before"));
    set(&client, "k", "after").unwrap();
    let token = wait(client.fencing().unwrap().fence("k")).unwrap();
    wait(client.delete("k")).unwrap();
    let value = bytes::Bytes::from_static(b"late");
    let options = crate::SetOptions::new();
    let fenced = client.fencing().unwrap().set_fenced("k", value, &options, &token);
    assert!(!wait(fenced).unwrap());
    recovers(&client, "MOVED");
}

#[test]
fn a_slot_on_the_move_is_read_and_written() {
    let cluster = Cluster::start();
    let client = client(&cluster);
    set(&client, "k", "value").unwrap();
    let slot = cluster.slot_of("k");
    let to = another(&cluster, slot);
    cluster.begin_move(slot, to);
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("value"));
    cluster.move_entries(slot, to);
    // The old owner says ASK now.
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("value"));
    assert!(wait(client.exists("k")).unwrap());
    // An entry and what stands beside it cannot all be looked up while the slot moves: this waits.
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| set(&client, "k", "after"));
        cluster.finish_move(slot, to);
        writer.join().unwrap().unwrap();
    });
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("after"));
    recovers(&client, "ASK and TRYAGAIN");
}

#[test]
fn a_failover_is_followed() {
    let cluster = Cluster::start();
    let client = client(&cluster);
    set(&client, "k", "before").unwrap();
    cluster.failover(cluster.slot_of("k"));
    recovers(&client, "a failover of a Cluster in good order");
}

#[test]
fn a_dead_primary_is_waited_for() {
    let cluster = Cluster::start();
    let client = client(&cluster);
    set(&client, "k", "before").unwrap();
    cluster.owner_of(cluster.slot_of("k")).stop();
    // No new attempt by the caller: one operation lasts until the failover is over.
    let died = Instant::now();
    set(&client, "k", "after").unwrap();
    println!("recovery after the death of a primary of a Cluster: {:?}", died.elapsed());
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("after"));
}

#[test]
fn all_connections_may_be_lost_at_once() {
    let cluster = Cluster::start();
    let client = client(&cluster);
    let keys: Vec<_> = (0..50).map(|id| format!("k{id}")).collect();
    for key in &keys {
        set(&client, key, "value").unwrap();
    }
    for node in cluster.nodes() {
        node.admin(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }
    for key in &keys {
        assert_eq!(get(&client, key).unwrap().as_deref(), Some("value"), "{key}");
    }
}

#[test]
fn a_cluster_that_restarts_is_waited_for() {
    let cluster = Cluster::start();
    let client = client(&cluster);
    set(&client, "k", "before").unwrap();
    for node in cluster.nodes() {
        node.stop();
    }
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| set(&client, "k", "after"));
        for node in cluster.nodes() {
            node.restart_in_background();
        }
        writer.join().unwrap().unwrap();
    });
    recovers(&client, "a restart of a whole Cluster");
}

#[test]
fn a_program_starts_before_its_cluster() {
    let cluster = Cluster::start();
    for node in cluster.nodes() {
        node.stop();
    }
    let client = client(&cluster);
    let hasty = client.with_timeout(Duration::from_millis(100));
    assert!(set(&hasty, "k", "early").is_err());
    for node in cluster.nodes() {
        node.restart();
    }
    eventually("the client connects", || {
        set(&client, "k", "value").map_err(|error| error.to_string())
    });
    let health = wait(client.health()).unwrap();
    assert_eq!(health.detail("primaries"), Some("3"));
}
