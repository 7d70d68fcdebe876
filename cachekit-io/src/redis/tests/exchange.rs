//! What is in Redis, byte for byte.

use super::super::layout::MAGIC;
use super::{LONG, client, get, set, set_with, wait};
use crate::{Backend, Expiry, Redis, SetOptions};
use bytes::Bytes;
use cachekit_test_servers::{Node, Reply};
use std::time::Duration;

/// How often a command was called.
fn calls(node: &Node, command: &str) -> u64 {
    let stats = node.info(&format!("cmdstat_{command}")).unwrap();
    stats.split(['=', ',']).nth(1).map_or(0, |count| count.parse().unwrap())
}

#[test]
fn values_of_other_clients_are_found_and_ours_by_them() {
    let node = Node::start();
    let client = client(&node);
    let theirs = b"\x83\xa1a\x01\0\xff\r\n";
    node.admin(&[b"SET".as_slice(), b"ns:theirs", theirs, b"EX", b"300"]);
    let found = wait(client.get("ns:theirs")).unwrap().unwrap();
    assert_eq!(found.value(), &theirs[..]);
    assert!(found.is_fresh());

    let ours = Bytes::from_static(b"\x92\x01\xc0");
    let options = SetOptions::new().ttl(Duration::from_secs(300));
    wait(client.set("ns:ours", ours.clone(), &options)).unwrap();
    assert_eq!(node.admin(&["GET", "ns:ours"]), Reply::Text(ours.to_vec()));
    let left = node.admin(&["TTL", "ns:ours"]).integer().unwrap();
    assert!((290..=300).contains(&left), "{left}");
    set(&client, "ns:lasting", "v").unwrap();
    assert_eq!(node.admin(&["TTL", "ns:lasting"]).integer(), Some(-1));
}

#[test]
fn a_get_is_one_bare_command() {
    let node = Node::start();
    let client = client(&node);
    set(&client, "k", "v").unwrap();
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("v"));
    let commands = |name| node.info(name).unwrap().parse::<u64>().unwrap();
    let before = (commands("total_commands_processed"), calls(&node, "get"));
    for _ in 0..10 {
        assert_eq!(get(&client, "k").unwrap().as_deref(), Some("v"));
    }
    assert_eq!(calls(&node, "get") - before.1, 10);
    // The commands of the test itself, to count: AUTH and INFO, each time.
    let own = 3 * 2;
    assert!(commands("total_commands_processed") - before.0 <= 10 + own);
    assert_eq!(calls(&node, "pttl"), 0);
}

#[test]
fn stale_windows_outlive_the_client() {
    let node = Node::start();
    let options = SetOptions::new().ttl(Duration::from_millis(40)).stale_ttl(LONG);
    set_with(&client(&node), "k", "value", &options).unwrap();
    let lasting = SetOptions::new().ttl(LONG).stale_ttl(LONG);
    set_with(&client(&node), "lasting", "value", &lasting).unwrap();

    let restarted = client(&node);
    let found = cachekit_test_servers::eventually("the value is stale", || {
        let found = wait(restarted.get("k")).unwrap().unwrap();
        if found.is_fresh() { Err("it is fresh".to_owned()) } else { Ok(found) }
    });
    assert_eq!(found.value(), "value");
    let found = wait(restarted.get("lasting")).unwrap().unwrap();
    assert!(found.is_fresh());
    assert!(found.fresh_for().unwrap() <= LONG);
    let many = wait(restarted.batch().unwrap().get_many(&["k", "lasting"]));
    let fresh: Vec<_> = many.into_iter().map(|r| r.unwrap().unwrap().is_fresh()).collect();
    assert_eq!(fresh, [false, true]);

    // A refresh moves the end of the entry and leaves its window.
    assert!(wait(restarted.ttl().unwrap().refresh("lasting", 2 * LONG)).unwrap());
    let Expiry::In(left) = wait(restarted.ttl().unwrap().expiry("lasting")).unwrap() else {
        panic!("the entry has an end");
    };
    assert!(left > 2 * LONG && left <= 3 * LONG, "{left:?}");
    assert!(!wait(restarted.ttl().unwrap().refresh("k", LONG)).unwrap());
}

#[test]
fn values_that_look_like_a_header_come_back_as_given() {
    let node = Node::start();
    let client = client(&node);
    let mut long = MAGIC.to_vec();
    long.extend_from_slice(&[0xff; 20]);
    let values = [&MAGIC[..1], &MAGIC[..3], &MAGIC[..], &long[..11], &long[..12], &long[..]];
    for value in values {
        for options in [SetOptions::new(), SetOptions::new().ttl(LONG).stale_ttl(LONG)] {
            let value = Bytes::copy_from_slice(value);
            wait(client.set("k", value.clone(), &options)).unwrap();
            let found = wait(client.get("k")).unwrap().unwrap();
            assert_eq!(found.value(), &value);
            assert!(found.is_fresh());
        }
    }
    assert!(wait(client.ttl().unwrap().refresh("k", LONG)).unwrap());
}

#[test]
fn a_prefix_keeps_programs_apart() {
    let node = Node::start();
    let with = |prefix: &str| super::builder(&node).prefix(prefix).build().unwrap();
    let (one, two): (Redis, Redis) = (with("one:"), with("two:"));
    set(&one, "k", "1").unwrap();
    assert_eq!(get(&two, "k").unwrap(), None);
    assert_eq!(node.admin(&["GET", "one:k"]).text(), "1");
}

#[test]
fn something_else_than_a_value_is_no_value() {
    let node = Node::start();
    let client = client(&node);
    node.admin(&["SADD", "k", "member"]);
    let error = get(&client, "k").unwrap_err();
    assert_eq!(error.kind(), crate::BackendErrorKind::Permanent);
    set(&client, "k", "value").unwrap();
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("value"));
}

#[test]
fn a_timed_get_tells_when_any_entry_ends() {
    let node = Node::start();
    let client = client(&node);
    node.admin(&["SET", "theirs", "v", "EX", "300"]);
    node.admin(&["SET", "lasting", "v"]);
    let windowed = SetOptions::new().ttl(LONG).stale_ttl(LONG);
    set_with(&client, "windowed", "v", &windowed).unwrap();
    let fresh_for = |key| wait(client.get_timed(key)).unwrap().unwrap().fresh_for();
    let left = fresh_for("theirs").unwrap();
    assert!((Duration::from_secs(290)..=Duration::from_secs(300)).contains(&left), "{left:?}");
    assert_eq!(fresh_for("lasting"), None);
    assert!(fresh_for("windowed").unwrap() <= LONG);
    assert_eq!(wait(client.get_timed("nothing")).unwrap(), None);
    // Through whatever stands around it.
    let around: Box<dyn Backend> = Box::new(std::sync::Arc::new(client.clone()));
    assert!(wait(around.get_timed("theirs")).unwrap().unwrap().fresh_for().is_some());
    // The plain one does not ask.
    assert_eq!(wait(client.get("theirs")).unwrap().unwrap().fresh_for(), None);
}

#[test]
fn what_other_programs_read_is_stored_as_it_is() {
    let node = Node::start();
    let client = client(&node);
    let options = SetOptions::new().ttl(LONG).stale_ttl(LONG).verbatim();
    set_with(&client, "k", "value", &options).unwrap();
    assert_eq!(node.admin(&["GET", "k"]), Reply::Text(b"value".to_vec()));
    let left = node.admin(&["PTTL", "k"]).integer().unwrap();
    assert!(Duration::from_millis(left.try_into().unwrap()) <= LONG, "{left}");
    let fencing = client.fencing().unwrap();
    let fence = wait(fencing.fence("k")).unwrap();
    let value = Bytes::from_static(b"fenced");
    assert!(wait(fencing.set_fenced("k", value, &options, &fence)).unwrap());
    assert_eq!(node.admin(&["GET", "k"]), Reply::Text(b"fenced".to_vec()));
}

#[test]
fn a_prefix_renames_keys() {
    let node = Node::start();
    assert!(!client(&node).renames_keys());
    let prefixed = super::builder(&node).prefix("app:").build().unwrap();
    let around: Box<dyn Backend> = Box::new(std::sync::Arc::new(prefixed));
    assert!(around.renames_keys());
}
