use super::{Heard, client, fence, fill, get, get_again, is_told, set};
use crate::{Backend, InvalidationEvent, SetOptions};
use bytes::Bytes;
use cachekit_test_servers::{Node, eventually};
use pollster::block_on;
use std::time::Duration;

/// Something else is told, so what was said before it has arrived.
fn catch_up(redis: &crate::Redis, heard: &Heard, node: &Node) {
    node.admin(&["SET", "marker", "1"]);
    get(redis, "marker");
    node.admin(&["SET", "marker", "2"]);
    heard.wait_for_change("marker");
}

#[test]
fn whatever_changes_what_was_read_is_told() {
    let node = Node::start();
    let redis = client(&node);
    let heard = Heard::by(&redis);
    node.admin(&["SET", "k", "v"]);
    is_told(&redis, &heard, "k", || drop(node.admin(&["SET", "k", "w"])));
    is_told(&redis, &heard, "k", || drop(node.admin(&["PEXPIRE", "k", "1"])));
    eventually("it expires", || match get(&redis, "k") {
        None => Ok(()),
        Some(_) => Err("still there".to_owned()),
    });
    is_told(&redis, &heard, "k", || drop(node.admin(&["SET", "k", "new"])));
    is_told(&redis, &heard, "k", || drop(node.admin(&["DEL", "k"])));
    let other = client(&node);
    set(&other, "k", "v");
    is_told(&redis, &heard, "k", || assert!(block_on(other.delete("k")).unwrap()));
}

#[test]
fn keys_are_told_as_the_caller_knows_them() {
    let node = Node::start();
    let redis = super::built(crate::Redis::builder().url(node.url()).prefix("shop:"));
    let heard = Heard::by(&redis);
    let key = "{a}:100%:lock";
    set(&redis, key, "v");
    let other = super::built(crate::Redis::builder().url(node.url()).prefix("shop:"));
    is_told(&redis, &heard, key, || set(&other, key, "w"));
}

#[test]
fn what_the_backend_fills_itself_is_told_later_and_not_echoed() {
    let node = Node::start();
    let redis = client(&node);
    let heard = Heard::by(&redis);
    let ttl = SetOptions::new().ttl(Duration::from_secs(60));

    set(&redis, "set", "v");
    let token = fence(&redis, "filled");
    assert!(fill(&redis, "filled", "v", &token));
    block_on(redis.set("refreshed", Bytes::from_static(b"v"), &ttl)).unwrap();
    get(&redis, "refreshed");
    assert!(block_on(redis.ttl().unwrap().refresh("refreshed", Duration::from_secs(90))).unwrap());
    let entries = [crate::BatchEntry::new("many", Bytes::from_static(b"v"))];
    block_on(redis.batch().unwrap().set_many(&entries)).remove(0).unwrap();

    catch_up(&redis, &heard, &node);
    // Only what this backend overwrote, when it did.
    for (key, told) in [("set", 1), ("filled", 0), ("refreshed", 1), ("many", 1)] {
        assert_eq!(heard.about(key), told, "{key}");
    }
    for key in ["set", "filled", "refreshed", "many"] {
        heard.forget();
        node.admin(&["SET", key, "by others"]);
        heard.wait_for_change(key);
    }
}

#[test]
fn flushing_the_server_is_told() {
    let node = Node::start();
    let redis = client(&node);
    let heard = Heard::by(&redis);
    for command in ["FLUSHALL", "FLUSHDB"] {
        set(&redis, "k", "v");
        heard.forget();
        node.admin(&[command]);
        heard.wait_for(command, &InvalidationEvent::Cleared);
    }
}

#[test]
fn what_the_server_forgets_to_track_is_told() {
    let node = Node::options().config("tracking-table-max-keys 10").start();
    let redis = client(&node);
    let heard = Heard::by(&redis);
    let keys: Vec<_> = (0..100).map(|number| format!("k{number}")).collect();
    for key in &keys {
        set(&redis, key, "v");
        get(&redis, key);
    }
    // What is forgotten is told; what is not is told when it changes.
    heard.forget();
    for key in &keys {
        get(&redis, key);
    }
    for key in &keys {
        node.admin(&["SET", key.as_str(), "w"]);
    }
    for key in &keys {
        heard.wait_for_change(key);
    }
}

#[test]
fn what_is_evicted_while_this_backend_is_served_is_told() {
    let node = Node::options().config("maxmemory-policy allkeys-random").start();
    let redis = client(&node);
    let heard = Heard::by(&redis);
    let keys: Vec<_> = (0..50).map(|number| format!("k{number}")).collect();
    for key in &keys {
        node.admin(&["SET", key.as_str(), "v"]);
        get(&redis, key);
    }
    node.admin(&["CONFIG", "SET", "maxmemory", "1"]);
    // Room is made for this, and nothing is enough.
    let full = block_on(redis.set("more", Bytes::from_static(b"v"), &SetOptions::new()));
    assert!(full.is_err());
    for key in &keys {
        heard.wait_for_change(key);
    }
}

#[test]
fn a_lost_connection_is_a_gap_and_the_next_one_tracks() {
    let node = Node::options().persistent().start();
    let redis = client(&node);
    let heard = Heard::by(&redis);
    set(&redis, "k", "v");

    heard.forget();
    node.admin(&["CLIENT", "KILL", "TYPE", "normal"]);
    heard.wait_for("the connection is killed", &InvalidationEvent::Gap);
    is_told(&redis, &heard, "k", || drop(node.admin(&["SET", "k", "w"])));

    heard.forget();
    node.restart();
    heard.wait_for("the server is restarted", &InvalidationEvent::Gap);
    is_told(&redis, &heard, "k", || drop(node.admin(&["SET", "k", "x"])));
}

#[test]
fn a_connection_that_says_nothing_is_a_gap() {
    let node = Node::start();
    let redis = client(&node);
    let heard = Heard::by(&redis);
    set(&redis, "k", "v");

    heard.forget();
    let paused = node.pause();
    heard.wait_for("the server is paused", &InvalidationEvent::Gap);
    drop(paused);
    is_told(&redis, &heard, "k", || drop(node.admin(&["SET", "k", "w"])));
}

#[test]
fn a_server_that_became_a_replica_is_a_gap() {
    let (node, primary) = (Node::start(), Node::start());
    let redis = client(&node);
    let heard = Heard::by(&redis);
    get_again(&redis, "k");
    heard.forget();
    node.admin(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    heard.wait_for("the server is a replica", &InvalidationEvent::Gap);
}

#[test]
fn nothing_is_tracked_unless_a_listener_is_subscribed() {
    let node = Node::start();
    let redis = client(&node);
    let tracking = || {
        let list = node.admin(&["CLIENT", "LIST", "TYPE", "normal"]).text();
        list.lines()
            .filter(|line| line.contains("lib-name=cachekit") || !line.contains("cmd=client"))
            .any(|line| {
                line.split(' ').any(|part| part.starts_with("flags=") && part.contains('t'))
            })
    };
    get(&redis, "k");
    assert!(!tracking());
    let heard = Heard::by(&redis);
    assert!(tracking(), "also on connections that were there before");
    drop(heard);
    eventually("tracking is off", || if tracking() { Err("on".to_owned()) } else { Ok(()) });
    // And on again.
    let heard = Heard::by(&redis);
    is_told(&redis, &heard, "k", || drop(node.admin(&["SET", "k", "w"])));
}
