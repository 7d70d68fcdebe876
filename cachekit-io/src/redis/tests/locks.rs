use super::{LONG, client, set_with, wait};
use crate::{Backend, BackendErrorKind, LockToken, SetOptions};
use cachekit_test_servers::Node;

#[test]
fn locks_contend_with_those_of_other_clients() {
    let node = Node::start();
    let client = client(&node);
    let locks = client.locks().unwrap();
    node.admin(&["SET", "k:lock", "theirs", "NX", "PX", "60000"]);
    assert!(wait(locks.try_acquire("k", LONG)).unwrap().is_none());
    assert!(!wait(locks.release("k", &LockToken::new("ours"))).unwrap());
    node.admin(&["DEL", "k:lock"]);

    let token = wait(locks.try_acquire("k", LONG)).unwrap().unwrap();
    assert_eq!(node.admin(&["GET", "k:lock"]).text(), token.as_str());
    let left = node.admin(&["PTTL", "k:lock"]).integer().unwrap();
    assert!(left > 3_500_000, "{left}");
    assert!(wait(locks.release("k", &token)).unwrap());
    assert_eq!(node.admin(&["DBSIZE"]).integer(), Some(0));
}

#[test]
fn a_lock_from_before_a_failover_writes_nothing() {
    let node = Node::options().config("enable-debug-command local").start();
    let client = client(&node);
    let locks = client.locks().unwrap();
    let token = wait(locks.try_acquire("k", LONG)).unwrap().unwrap();
    let options = SetOptions::new().lock(token);
    set_with(&client, "k", "before", &options).unwrap();
    node.admin(&["DEBUG", "CHANGE-REPL-ID"]);
    let error = set_with(&client, "k", "after", &options).unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Superseded);
}
