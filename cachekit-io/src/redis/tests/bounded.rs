//! Values that are read if there is room for them.

use super::{LONG, builder, client, set, set_with, wait};
use crate::SetOptions;
use cachekit_test_servers::{Cluster, Node};
use std::time::Duration;

#[test]
fn a_value_is_read_up_to_a_length() {
    let node = Node::start();
    let client = client(&node);
    let windowed = SetOptions::new().ttl(LONG).stale_ttl(Duration::from_secs(30));
    set(&client, "plain", "0123456789").unwrap();
    set_with(&client, "windowed", "0123456789", &windowed).unwrap();
    for (key, stale) in [("plain", Duration::ZERO), ("windowed", Duration::from_secs(30))] {
        for most in [10, 11, 22, 4096, usize::MAX] {
            let found = wait(client.get_up_to(key, most)).unwrap().unwrap();
            assert_eq!(found.value.as_deref(), Some(b"0123456789".as_slice()), "{key} {most}");
            assert_eq!((found.length, found.stale_window), (10, stale));
        }
        for most in [0, 1, 9] {
            let found = wait(client.get_up_to(key, most)).unwrap().unwrap();
            assert_eq!((found.value, found.length, found.stale_window), (None, 10, stale));
        }
    }
    let found = wait(client.get_up_to("plain", 10)).unwrap().unwrap();
    assert_eq!((found.left, found.fresh_for()), (None, None));
    let found = wait(client.get_up_to("windowed", 10)).unwrap().unwrap();
    let (left, fresh) = (found.left.unwrap(), found.fresh_for().unwrap());
    assert_eq!(left, fresh + Duration::from_secs(30));
    assert!(fresh > LONG / 2 && fresh <= LONG);
    assert_eq!(format!("{found:?}").find("0123"), None);
    assert_eq!(wait(client.get_up_to("absent", 10)).unwrap(), None);
}

#[test]
fn an_empty_value_is_no_absent_one() {
    let node = Node::start();
    let client = client(&node);
    let windowed = SetOptions::new().ttl(LONG).stale_ttl(LONG);
    set(&client, "plain", "").unwrap();
    set_with(&client, "windowed", "", &windowed).unwrap();
    for key in ["plain", "windowed"] {
        let found = wait(client.get_up_to(key, 0)).unwrap().unwrap();
        assert_eq!((found.value.as_deref(), found.length), (Some(b"".as_slice()), 0));
    }
}

#[test]
fn no_more_than_asked_for_is_sent() {
    let node = Node::start();
    let client = builder(&node).timeout(LONG).build().unwrap();
    let sent = || -> u64 { node.info("total_net_output_bytes").unwrap().parse().unwrap() };
    let value: &'static str = "x".repeat(8 * 1024 * 1024).leak();
    set(&client, "large", value).unwrap();
    let before = sent();
    let found = wait(client.get_up_to("large", 16 * 1024)).unwrap().unwrap();
    assert_eq!((found.value, found.length), (None, value.len()));
    assert!(sent() - before < 64 * 1024);
}

#[test]
fn an_entry_that_is_over_its_window_is_stale_and_then_gone() {
    let node = Node::start();
    let client = client(&node);
    let options = SetOptions::new().ttl(Duration::from_secs(1000)).stale_ttl(LONG);
    set_with(&client, "k", "v", &options).unwrap();
    // As if the time to live had passed.
    node.admin(&["PEXPIRE", "k", "1000000"]);
    let found = wait(client.get_up_to("k", 1)).unwrap().unwrap();
    assert_eq!(found.fresh_for(), Some(Duration::ZERO));
    assert!(found.left.is_some_and(|left| left > Duration::ZERO));
    node.admin(&["PEXPIRE", "k", "0"]);
    assert_eq!(wait(client.get_up_to("k", 1)).unwrap(), None);
}

#[test]
fn a_cluster_is_asked_at_the_right_primary() {
    let cluster = Cluster::start();
    let url = format!("redis-cluster://{}", cluster.addresses());
    let client = crate::Redis::builder().url(url).build().unwrap();
    for key in ["a", "b", "c", "{d}", "e:lock"] {
        set(&client, key, "value").unwrap();
        let found = wait(client.get_up_to(key, 5)).unwrap().unwrap();
        assert_eq!(found.value.as_deref(), Some(b"value".as_slice()), "{key}");
    }
}
