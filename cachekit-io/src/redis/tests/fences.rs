use super::{LONG, client, get, set, wait};
use crate::{Backend, FenceToken, Redis, SetOptions};
use bytes::Bytes;
use cachekit_test_servers::{Node, SentinelGroup, eventually};

fn fence(client: &Redis, key: &str) -> FenceToken {
    wait(client.fencing().unwrap().fence(key)).unwrap()
}

fn fill(client: &Redis, key: &str, token: &FenceToken) -> bool {
    let value = Bytes::from_static(b"filled");
    let options = SetOptions::new();
    wait(client.fencing().unwrap().set_fenced(key, value, &options, token)).unwrap()
}

#[test]
fn a_fence_that_is_gone_refuses_the_fill() {
    let node = Node::start();
    let client = client(&node);
    let token = fence(&client, "k");
    let left = node.admin(&["PTTL", "k%fence"]).integer().unwrap();
    assert!((1..=300_000).contains(&left), "{left}");
    node.admin(&["DEL", "k%fence"]);
    assert!(!fill(&client, "k", &token));
    let token = fence(&client, "k");
    node.admin(&["FLUSHALL"]);
    assert!(!fill(&client, "k", &token));
    assert_eq!(get(&client, "k").unwrap(), None);
    // Not even one that names a fence of nothing.
    assert!(!fill(&client, "k", &FenceToken::new("")));
}

#[test]
fn another_client_moves_the_fence() {
    let node = Node::start();
    let (one, two) = (client(&node), client(&node));
    let token = fence(&one, "k");
    set(&two, "k", "newer").unwrap();
    assert!(!fill(&one, "k", &token));
    let token = fence(&one, "k");
    wait(two.delete("k")).unwrap();
    assert!(!fill(&one, "k", &token));
    assert_eq!(get(&one, "k").unwrap(), None);
}

#[test]
fn a_fence_from_another_history_refuses_the_fill() {
    let node = Node::options().config("enable-debug-command local").start();
    let client = client(&node);
    let old = fence(&client, "k");
    // As after a failover: the data set is there, and the id is another.
    node.admin(&["DEBUG", "CHANGE-REPL-ID"]);
    assert!(!fill(&client, "k", &old));
    let new = fence(&client, "k");
    assert_ne!(old, new);
    assert!(fill(&client, "k", &new));
}

#[test]
fn without_the_permission_to_ask_for_the_history_fences_hold() {
    let node = Node::options().user("app", "s3cret", "~* +@all -info").start();
    let client = Redis::builder().url(node.url_for("app", "s3cret")).build().unwrap();
    let token = fence(&client, "k");
    wait(client.delete("k")).unwrap();
    assert!(!fill(&client, "k", &token));
    let token = fence(&client, "k");
    assert!(fill(&client, "k", &token));
    let locks = client.locks().unwrap();
    let lock = wait(locks.try_acquire("k", LONG)).unwrap().unwrap();
    super::set_with(&client, "k", "v", &SetOptions::new().lock(lock)).unwrap();
}

#[test]
fn a_fence_does_not_survive_a_failover() {
    let group = SentinelGroup::start();
    let url = format!("redis-sentinel://{}/{}", group.addresses(), group.name());
    let client = Redis::builder().url(url).build().unwrap();
    let token = fence(&client, "k");
    let before = group.primary().port();
    eventually("the replicas have the fence", || {
        let replica = |node: &&Node| node.port() != before;
        let has = |node: &Node| node.admin(&["EXISTS", "k%fence"]).integer() == Some(1);
        let all = group.nodes().iter().filter(replica).all(has);
        if all { Ok(()) } else { Err("not yet".to_owned()) }
    });
    group.failover();
    assert!(!fill(&client, "k", &token));
    let token = fence(&client, "k");
    assert!(fill(&client, "k", &token));
}
