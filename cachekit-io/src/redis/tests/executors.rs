use super::{client, get, set};
use crate::Backend;
use crate::blocking::Blocking;
use cachekit_test_servers::Node;
use std::sync::Arc;

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn any_executor_polls_the_client() {
    let node = Node::start();
    let client = client(&node);
    set(&client, "k", "value").unwrap();
    let multi = tokio::runtime::Runtime::new().unwrap();
    let bare = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for runtime in [current_thread(), current_thread(), multi, bare] {
        let found = runtime.block_on(client.get("k")).unwrap().unwrap();
        assert_eq!(found.value(), "value");
    }
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("value"));
}

#[test]
fn calls_without_async_work_inside_of_async_code() {
    let node = Node::start();
    let blocking = Blocking::new(client(&node));
    let value = bytes::Bytes::from_static(b"v");
    for runtime in [current_thread(), tokio::runtime::Runtime::new().unwrap()] {
        runtime.block_on(async {
            blocking.set("k", value.clone(), &crate::SetOptions::new()).unwrap();
            assert_eq!(blocking.backend().get("k").await.unwrap().unwrap().value(), &value);
            assert_eq!(blocking.get("k").unwrap().unwrap().value(), &value);
        });
    }
}

#[test]
fn callers_share_one_connection() {
    let node = Node::start();
    let client = Arc::new(client(&node));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let client = Arc::clone(&client);
                tokio::spawn(async move { client.get("k").await })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap().unwrap().is_none());
        }
    });
    let made = node.admin(&["CLIENT", "LIST", "TYPE", "normal"]).text();
    let ours = made.lines().filter(|line| line.contains("cmd=get")).count();
    assert_eq!(ours, 1, "{made}");
}

#[test]
fn a_client_that_is_dropped_leaves_no_connection() {
    let node = Node::start();
    let client = client(&node);
    get(&client, "k").unwrap();
    drop(client);
    cachekit_test_servers::eventually("the connection ends", || {
        let made = node.admin(&["CLIENT", "LIST", "TYPE", "normal"]).text();
        let others = made.lines().filter(|line| !line.contains("cmd=client")).count();
        if others == 0 { Ok(()) } else { Err(made) }
    });
}
