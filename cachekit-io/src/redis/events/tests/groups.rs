use super::{Heard, built, get_again, is_told};
use crate::redis::tests::scripted::serve;
use crate::{InvalidationEvent, Redis};
use cachekit_test_servers::{Cluster, Node, SentinelGroup, eventually};
use pollster::block_on;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

#[test]
fn a_failover_of_a_sentinel_group_is_a_gap_and_the_new_primary_tells() {
    let group = SentinelGroup::start();
    let redis = built(Redis::builder().url(format!(
        "redis-sentinel://{}/{}",
        group.addresses(),
        group.name()
    )));
    let heard = Heard::by(&redis);
    is_told(&redis, &heard, "k", || drop(group.primary().admin(&["SET", "k", "v"])));

    heard.forget();
    group.failover();
    heard.wait_for("a failover in good order", &InvalidationEvent::Gap);
    is_told(&redis, &heard, "k", || drop(group.primary().admin(&["SET", "k", "w"])));

    heard.forget();
    let primary = group.primary();
    primary.stop();
    heard.wait_for("the primary is killed", &InvalidationEvent::Gap);
    let primary = group.wait_for_other_primary(primary.port());
    is_told(&redis, &heard, "k", || drop(primary.admin(&["SET", "k", "x"])));
}

#[test]
fn every_primary_of_a_cluster_tells_wherever_a_slot_moves() {
    let cluster = Cluster::start();
    let redis = built(Redis::builder().url(format!("redis-cluster://{}", cluster.addresses())));
    let heard = Heard::by(&redis);
    let owner = |key: &str| -> &Node { cluster.owner_of(cluster.slot_of(key)) };
    for key in ["a", "b", "c", "d", "e", "f"] {
        is_told(&redis, &heard, key, || drop(owner(key).admin(&["SET", key, "v"])));
    }

    // An entry that moves is told, and changes at its new place are.
    let slot = cluster.slot_of("a");
    let to = cluster.owner_of((slot + 8_000) % 16_384);
    is_told(&redis, &heard, "a", || cluster.move_slot(slot, to));
    is_told(&redis, &heard, "a", || drop(to.admin(&["SET", "a", "w"])));

    heard.forget();
    cluster.failover(slot);
    heard.wait_for("a failover in good order", &InvalidationEvent::Gap);
    is_told(&redis, &heard, "a", || drop(owner("a").admin(&["SET", "a", "x"])));

    heard.forget();
    let primary = owner("a");
    primary.stop();
    heard.wait_for("the primary is killed", &InvalidationEvent::Gap);
    get_again(&redis, "a");
    is_told(&redis, &heard, "a", || drop(owner("a").admin(&["SET", "a", "y"])));
}

#[test]
fn a_primary_that_is_cut_off_from_its_cluster_is_a_gap() {
    let cluster = Cluster::start();
    let primary = &cluster.nodes()[0];
    let redis = built(Redis::builder().url(format!("redis-cluster://{}", primary.address())));
    let key = (0..).map(|number| number.to_string());
    let owns = |key: &String| cluster.owner_of(cluster.slot_of(key)).port() == primary.port();
    let key = key.into_iter().find(owns).unwrap();
    let heard = Heard::by(&redis);
    is_told(&redis, &heard, &key, || drop(primary.admin(&["SET", &key, "v"])));
    let slot = cluster.slot_of(&key);
    let (_, connection) = redis.shared.topology.link_at_once(slot).unwrap();
    heard.forget();
    // It answers, and no other node does.
    let paused: Vec<_> = cluster.nodes()[1..].iter().map(Node::pause).collect();
    eventually("the connection to it is given up", || {
        if connection.is_closed() { Ok(()) } else { Err("it is in use".to_owned()) }
    });
    heard.wait_for("it is cut off", &InvalidationEvent::Gap);
    assert_eq!(primary.admin(&["PING"]).text(), "PONG");
    drop(paused);
    cluster.wait_until_agreed();
    is_told(&redis, &heard, &key, || {
        drop(cluster.owner_of(cluster.slot_of(&key)).admin(&["SET", &key, "w"]));
    });
}

#[test]
fn a_cluster_that_failed_as_a_whole_is_no_gap_every_second() {
    let (first, second) = (Arc::new(AtomicU16::new(0)), Arc::new(AtomicBool::new(true)));
    let urls = [0, 1].map(|number| {
        let (port, second_failed) = (Arc::clone(&first), Arc::clone(&second));
        serve(move |_, command| {
            let words: Vec<_> = command.iter().map(String::as_str).collect();
            vec![match words[..] {
                ["CLUSTER", "INFO"] if number == 0 || second_failed.load(Ordering::SeqCst) => {
                    b"+cluster_state:fail\r\n".to_vec()
                }
                ["CLUSTER", "SLOTS"] => {
                    let port = port.load(Ordering::SeqCst);
                    format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n")
                        .into_bytes()
                }
                ["GET", _] => b"$-1\r\n".to_vec(),
                _ => b"+OK\r\n".to_vec(),
            }]
        })
    });
    let ports = urls.map(|url| url.split([':', '?']).nth(2).unwrap().parse::<u16>().unwrap());
    first.store(ports[0], Ordering::SeqCst);
    let [one, other] = ports;
    let url = format!("redis-cluster://127.0.0.1:{one},127.0.0.1:{other}?protocol=resp2");
    let redis = built(Redis::builder().url(url));
    get_again(&redis, "k");
    let topology = &redis.shared.topology;
    let (_, connection) = topology.link_at_once(0).unwrap();
    let events = &redis.shared.events.0;
    block_on(events.check(&connection));
    assert!(!connection.is_closed(), "all nodes say the same");
    second.store(false, Ordering::SeqCst);
    block_on(topology.cluster().unwrap().refresh());
    block_on(events.check(&connection));
    assert!(connection.is_closed(), "the others go on without it");
}
