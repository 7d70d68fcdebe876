//! The ways in: TLS, sockets, users, databases, and what changes while the program runs.

use super::{builder, get, set, wait};
use crate::redis::RedisCredentials;
use crate::{Backend, BackendErrorKind, Redis};
use cachekit_test_servers::{Node, SentinelGroup, eventually};
use std::sync::{Arc, Mutex};

fn works(client: &Redis) {
    set(client, "k", "value").unwrap();
    assert_eq!(get(client, "k").unwrap().as_deref(), Some("value"));
}

/// Ends every connection but the administrator's.
fn cut(node: &Node) {
    node.admin(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
}

#[test]
fn tls_with_a_private_authority() {
    let node = Node::options().tls().start();
    works(&builder(&node).ca_file(node.ca_file().unwrap()).build().unwrap());
    let pem = std::fs::read(node.ca_file().unwrap()).unwrap();
    works(&builder(&node).ca_pem(pem).build().unwrap());

    let error = get(&builder(&node).build().unwrap(), "k").unwrap_err();
    assert!(error.to_string().contains("CACHEKIT_CA_FILE"), "{error}");
    let plain = Redis::builder().url(format!("redis://{}", node.address())).build().unwrap();
    assert!(get(&plain, "k").unwrap_err().is_transient());
    let other = Node::start();
    let tls = Redis::builder().url(format!("rediss://{}", other.address())).build().unwrap();
    assert!(get(&tls, "k").is_err());
}

#[test]
fn the_server_may_want_a_certificate() {
    let node = Node::options().tls().config("tls-auth-clients yes").start();
    let file = |name: &str| node.folder().join(name);
    let client = builder(&node).ca_file(node.ca_file().unwrap());
    assert!(get(&client.clone().build().unwrap(), "k").is_err());
    works(&client.client_certificate(file("server.pem"), file("server.key")).build().unwrap());
}

#[test]
fn changed_certificates_need_no_restart() {
    let node = Node::options().tls().start();
    let client = builder(&node).ca_file(node.ca_file().unwrap()).build().unwrap();
    works(&client);
    node.replace_certificates();
    cut(&node);
    works(&client);
}

#[test]
fn a_changed_client_certificate_needs_no_restart() {
    let node = Node::options().tls().config("tls-auth-clients yes").start();
    let file = |name: &str| node.folder().join(name);
    let client = builder(&node)
        .ca_file(node.ca_file().unwrap())
        .client_certificate(file("server.pem"), file("server.key"))
        .build()
        .unwrap();
    works(&client);
    // From here on the server trusts another authority, and no certificate of before.
    node.replace_certificates();
    cut(&node);
    works(&client);
}

#[test]
fn a_unix_socket() {
    let node = Node::start();
    let client = Redis::builder().url(format!("unix://{}?db=2", node.socket().display()));
    works(&client.build().unwrap());
    assert!(node.info("db2").unwrap().starts_with("keys=1"));
    let error = get(&Redis::builder().url("unix:///nonexistent/s").build().unwrap(), "k");
    assert!(error.unwrap_err().is_transient());
}

#[test]
fn databases_are_apart() {
    let node = Node::start();
    let number =
        |number: u32| Redis::builder().url(format!("{}/{number}", node.url())).build().unwrap();
    set(&number(1), "k", "one").unwrap();
    assert_eq!(get(&number(2), "k").unwrap(), None);
    assert_eq!(get(&number(1), "k").unwrap().as_deref(), Some("one"));
    let error = get(&number(999), "k").unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Configuration, "{error}");
}

#[test]
fn both_protocols_work() {
    let node = Node::start();
    for protocol in ["resp2", "resp3"] {
        let url = format!("{}?protocol={protocol}", node.url());
        let client = Redis::builder().url(url).build().unwrap();
        works(&client);
        let many = wait(client.batch().unwrap().get_many(&["k", "absent"]));
        assert!(many[0].as_ref().unwrap().is_some() && many[1].as_ref().unwrap().is_none());
    }
}

#[test]
fn users_may_do_what_they_are_allowed() {
    let rules = "~app:* -@all +get +set +del +ping +multi +exec +evalsha +eval +pttl +mget";
    let node = Node::options()
        .config("user default off")
        .user("app", "s3cret", rules)
        .user("reader", "s3cret", "~* -@all +get")
        .start();
    let url = |user: &str, password: &str| node.url_for(user, password);
    let app = Redis::builder().url(url("app", "s3cret")).prefix("app:").build().unwrap();
    works(&app);
    wait(app.fencing().unwrap().fence("k")).unwrap();
    let stranger = Redis::builder().url(url("app", "s3cret")).prefix("other:").build().unwrap();
    let reader = Redis::builder().url(url("reader", "s3cret")).build().unwrap();
    assert_eq!(get(&reader, "app:k").unwrap().as_deref(), Some("value"));
    for refused in [get(&stranger, "k").unwrap_err(), set(&reader, "k", "v").unwrap_err()] {
        assert!(refused.is_authentication(), "{refused}");
    }
    let wrong = Redis::builder().url(url("app", "hunter2")).build().unwrap();
    let anonymous = super::client(&node);
    for refused in [get(&wrong, "k").unwrap_err(), get(&anonymous, "k").unwrap_err()] {
        assert!(refused.is_authentication(), "{refused}");
        assert!(!super::shown(&refused).contains("hunter2"), "{refused}");
    }
}

#[test]
fn a_rotated_password_needs_no_restart() {
    let node = Node::options().password("first").start();
    let file = node.folder().join("password");
    std::fs::write(&file, "first\n").unwrap();
    let by_file = builder(&node).password_file(&file).build().unwrap();
    let password = Arc::new(Mutex::new("first".to_owned()));
    let current = Arc::clone(&password);
    let provider = move || RedisCredentials::password(current.lock().unwrap().clone());
    let by_code = builder(&node).credentials(provider).build().unwrap();
    works(&by_file);
    works(&by_code);

    node.admin(&["CONFIG", "SET", "requirepass", "second"]);
    cut(&node);
    for client in [&by_file, &by_code] {
        let refused = eventually("the old password is refused", || match get(client, "k") {
            Ok(_) => Err("it is accepted".to_owned()),
            Err(error) if error.is_authentication() => Ok(error),
            Err(error) => Err(error.to_string()),
        });
        assert!(!super::shown(&refused).contains("first"));
    }
    std::fs::write(&file, "second\n").unwrap();
    "second".clone_into(&mut password.lock().unwrap());
    for client in [&by_file, &by_code] {
        eventually("the new password is accepted", || {
            get(client, "k").map_err(|error| error.to_string())
        });
    }
}

#[test]
fn sentinels_may_have_users_of_their_own() {
    let node = cachekit_test_servers::NodeOptions::new().password("of-nodes");
    let sentinel = cachekit_test_servers::NodeOptions::new().password("of-sentinels");
    let group = SentinelGroup::start_with(node, sentinel);
    let url = |passwords: &str| {
        let (name, hosts) = (group.name(), group.addresses());
        format!("redis-sentinel://:of-nodes@{hosts}/{name}{passwords}")
    };
    works(&Redis::builder().url(url("?sentinel_password=of-sentinels")).build().unwrap());
    let timeout = std::time::Duration::from_millis(300);
    let without = Redis::builder().url(url("")).timeout(timeout).build().unwrap();
    assert!(get(&without, "k").unwrap_err().is_authentication());
}
