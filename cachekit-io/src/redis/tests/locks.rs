use super::super::scripts;
use super::scripted::serve;
use super::{LONG, client, set_with, wait};
use crate::{Backend, BackendErrorKind, LockToken, Redis, SetOptions};
use cachekit_test_servers::{Node, eventually};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::time::Duration;

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
fn a_lock_that_is_granted_too_late_is_released() {
    let node = Node::start();
    let client = client(&node);
    let locks = client.locks().unwrap();
    let hasty = client.with_timeout(Duration::from_millis(100));
    let hasty = hasty.locks().unwrap();
    // From now on the server knows the script.
    drop(wait(locks.try_acquire("first", LONG)).unwrap().unwrap());
    for key in ["late", "left"] {
        set_with(&client, key, "v", &SetOptions::new()).unwrap();
        let paused = node.pause();
        if key == "late" {
            let late = wait(hasty.try_acquire(key, LONG)).unwrap_err();
            assert!(late.is_timeout(), "{late}");
        } else {
            let mut left = locks.try_acquire(key, LONG);
            let context = &mut Context::from_waker(Waker::noop());
            assert!(left.as_mut().poll(context).is_pending());
        }
        drop(paused);
        // Over the same connection: the server has seen the request by now.
        eventually("the lock is free", || match wait(locks.try_acquire(key, LONG)).unwrap() {
            Some(_) => Ok(()),
            None => Err(key.to_owned()),
        });
    }
}

#[test]
fn a_lock_that_is_granted_after_its_release_is_released_again() {
    let releases = Arc::new(AtomicUsize::new(0));
    let (freed, held) = mpsc::channel();
    let (freed, held) = (Mutex::new(freed), Mutex::new(held));
    let counted = Arc::clone(&releases);
    let url = serve(move |_, command| {
        if command[0] != "EVALSHA" {
            return vec![b"+OK\r\n".to_vec()];
        }
        if command[1] == scripts::ACQUIRE.hash() {
            // It was on its way for so long that the release arrived before it.
            held.lock().unwrap().recv().unwrap();
            return vec![b":1\r\n".to_vec()];
        }
        assert_eq!(command[1], scripts::RELEASE.hash());
        let before = counted.fetch_add(1, Ordering::SeqCst);
        freed.lock().unwrap().send(()).unwrap();
        vec![format!(":{}\r\n", before.min(1)).into_bytes()]
    });
    let client = Redis::builder().url(url).timeout(Duration::from_millis(100)).build().unwrap();
    // Connections of such a runtime are not used for the release.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
    let late = runtime.block_on(client.locks().unwrap().try_acquire("k", LONG)).unwrap_err();
    assert!(late.is_timeout(), "{late}");
    eventually("nothing is left to do", || match Arc::strong_count(&client.shared) {
        1 => Ok(()),
        count => Err(count.to_string()),
    });
    assert_eq!(releases.load(Ordering::SeqCst), 2);
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
