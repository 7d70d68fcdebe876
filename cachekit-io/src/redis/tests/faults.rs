//! One node in trouble: no wrong value, no call beyond its deadline, and back as soon as the node is.
//!
//! How soon is printed: `cargo test -p cachekit-io --all-features --lib redis::tests -- --nocapture`.

use super::{builder, client, get, in_time, recovers, set, wait};
use crate::{Backend, BackendErrorKind};
use cachekit_test_servers::{Node, eventually};
use std::time::Duration;

#[test]
fn a_program_starts_before_its_server() {
    let node = Node::start();
    node.stop();
    let client = client(&node);
    for _ in 0..20 {
        assert!(get(&client, "k").unwrap_err().is_transient());
    }
    assert!(wait(client.health()).is_err());
    node.restart();
    recovers(&client, "a start of the server after the program's");
    wait(client.health()).unwrap();
}

#[test]
fn a_restart_is_survived() {
    let node = Node::options().persistent().start();
    let client = client(&node);
    set(&client, "k", "before").unwrap();
    node.restart();
    // The write is published in the background. If that came when nothing listened, operations fail for a moment.
    eventually("the value is back", || {
        let found = get(&client, "k").map_err(|error| {
            assert!(error.is_transient(), "{error}");
            error.to_string()
        })?;
        assert_eq!(found.as_deref(), Some("before"));
        Ok(())
    });
    recovers(&client, "a restart");
    node.stop();
    assert!(get(&client, "k").unwrap_err().is_transient());
    node.restart();
    recovers(&client, "a killed server is back");
}

#[test]
fn a_killed_connection_is_replaced_unnoticed() {
    let node = Node::start();
    let client = client(&node);
    set(&client, "k", "value").unwrap();
    for _ in 0..20 {
        node.admin(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        assert_eq!(get(&client, "k").unwrap().as_deref(), Some("value"));
    }
    node.admin(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    recovers(&client, "CLIENT KILL");
}

#[test]
fn a_server_that_stands_still_times_out() {
    let node = Node::start();
    let client = builder(&node).timeout(Duration::from_millis(200)).build().unwrap();
    set(&client, "k", "before").unwrap();
    let pause = node.pause();
    for _ in 0..3 {
        let error = in_time(&client, || get(&client, "k")).unwrap_err();
        assert!(error.is_timeout() || error.is_transient(), "{error}");
    }
    assert!(set(&client, "k", "meanwhile").is_err());
    let many = wait(client.batch().unwrap().get_many(&["k", "l"]));
    assert!(many.iter().all(Result::is_err));
    assert!(wait(client.health()).is_err());
    drop(pause);
    recovers(&client, "SIGSTOP and SIGCONT");
}

#[test]
fn a_timeout_of_zero_fails_at_once() {
    let node = Node::start();
    let client = client(&node);
    set(&client, "k", "value").unwrap();
    let hasty = client.with_timeout(Duration::ZERO);
    assert!(get(&hasty, "k").unwrap_err().is_timeout());
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("value"));
}

#[test]
fn a_full_server_takes_no_writes_but_deletes() {
    let node = Node::start();
    let client = client(&node);
    set(&client, "k", "before").unwrap();
    let token = wait(client.fencing().unwrap().fence("k")).unwrap();
    node.admin(&["CONFIG", "SET", "maxmemory", "1"]);
    let options = crate::SetOptions::new();
    let value = bytes::Bytes::from_static(b"after");
    let fenced = wait(client.fencing().unwrap().set_fenced("k", value, &options, &token));
    for error in [set(&client, "k", "after").unwrap_err(), fenced.unwrap_err()] {
        assert_eq!(error.kind(), BackendErrorKind::Backpressure, "{error}");
        assert!(error.to_string().contains("OOM"), "{error}");
    }
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("before"));
    assert!(wait(client.delete("k")).unwrap());
    node.admin(&["CONFIG", "SET", "maxmemory", "0"]);
    recovers(&client, "OOM");
}

#[test]
fn a_replica_takes_no_writes() {
    let node = Node::start();
    let client = client(&node);
    set(&client, "k", "before").unwrap();
    node.admin(&["REPLICAOF", "127.0.0.1", "1"]);
    let error = set(&client, "k", "after").unwrap_err();
    assert!(error.is_transient(), "{error}");
    node.admin(&["REPLICAOF", "NO", "ONE"]);
    recovers(&client, "READONLY");
}

#[test]
fn a_server_that_forgets_scripts_is_taught_again() {
    let node = Node::start();
    let client = client(&node);
    let locks = client.locks().unwrap();
    for _ in 0..2 {
        let token = wait(locks.try_acquire("k", Duration::from_secs(60))).unwrap().unwrap();
        node.admin(&["SCRIPT", "FLUSH"]);
        assert!(wait(locks.release("k", &token)).unwrap());
    }
}

#[test]
fn everything_may_be_gone() {
    let node = Node::start();
    let client = client(&node);
    let locks = client.locks().unwrap();
    set(&client, "k", "value").unwrap();
    let token = wait(locks.try_acquire("k", Duration::from_secs(60))).unwrap().unwrap();
    node.admin(&["FLUSHALL"]);
    assert_eq!(get(&client, "k").unwrap(), None);
    assert!(!wait(locks.release("k", &token)).unwrap());
    recovers(&client, "FLUSHALL");
}

#[test]
fn a_server_that_loads_its_data_is_waited_for_by_later_calls() {
    // A millisecond for each key, and between them time to say so.
    let node = Node::options()
        .persistent()
        .config("key-load-delay 1000")
        .config("loading-process-events-interval-bytes 1024")
        .start();
    let client = client(&node);
    set(&client, "k", "before").unwrap();
    let fill = "for i = 1, 5000 do redis.call('SET', 'other' .. i, string.rep('v', 100)) end";
    node.admin(&["EVAL", fill, "0"]);
    node.restart_in_background();
    eventually("it is loading", || match in_time(&client, || get(&client, "k")) {
        Err(error) if error.to_string().contains("loading") => Ok(()),
        Ok(value) => panic!("{value:?} before it was loaded"),
        Err(error) => Err(error.to_string()),
    });
    node.wait_until_ready();
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("before"));
    recovers(&client, "LOADING");
}

#[test]
fn a_slow_server_is_waited_for_up_to_the_timeout() {
    let node = Node::start();
    let patient = client(&node);
    let hasty = patient.with_timeout(Duration::from_millis(50));
    set(&patient, "k", "before").unwrap();
    node.admin(&["CLIENT", "PAUSE", "1000", "ALL"]);
    assert!(in_time(&hasty, || get(&hasty, "k")).unwrap_err().is_timeout());
    assert_eq!(get(&patient, "k").unwrap().as_deref(), Some("before"));
    recovers(&hasty, "a slow server");
}

#[test]
fn a_permission_that_is_taken_away_and_given_back() {
    let node = Node::options().user("app", "pw", "~* +@all").start();
    let client = crate::Redis::builder().url(node.url_for("app", "pw")).build().unwrap();
    set(&client, "k", "before").unwrap();
    node.admin(&["ACL", "SETUSER", "app", "-get", "-set"]);
    for error in [get(&client, "k").unwrap_err(), set(&client, "k", "meanwhile").unwrap_err()] {
        assert!(error.is_authentication() && error.to_string().contains("NOPERM"), "{error}");
    }
    node.admin(&["ACL", "SETUSER", "app", "+get", "+set"]);
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("before"));
    recovers(&client, "NOPERM");
}
