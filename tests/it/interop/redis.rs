//! What other programs find in Redis, and how long what they have stored there is kept here.

use std::sync::Arc;
use std::time::Duration;

use cachekit::testing::Scope;
use cachekit::{cache, interop};
use cachekit_io::Redis;
use cachekit_io::envelope::interop::InteropEnvelope;
use cachekit_test_servers::{Node, Reply, eventually};
use cachekit_tests::block_on;

use crate::secure::keyring;

fn process(url: &str) -> Scope {
    let redis = Redis::builder().url(url).build().unwrap();
    Scope::new().with_backend(Arc::new(redis)).with_keyring(keyring(1, &[]))
}

#[cache(interop = "price", namespace = "redis", ttl = "300d")]
fn price(item: u32) -> u32 {
    item
}

#[cache::secure(interop = "salary", namespace = "redis")]
async fn salary(person: u32) -> u32 {
    person
}

/// A server that tells no one what has changed. The copy has nothing but its own time then.
#[test]
fn a_copy_ends_with_its_entry_also_where_no_change_is_heard_of() {
    let node =
        Node::options().user("talker", "5ecret", "~* &cachekit:* +@all -client|tracking").start();
    let scope = process(&node.url_for("talker", "5ecret"));
    let price_key = interop::key("redis", "price", &(1,)).unwrap();
    let salary_key = interop::key("redis", "salary", &(1,)).unwrap();
    let document = interop::encode_value(&99).unwrap();
    let mut sealed = Vec::new();
    let envelope = InteropEnvelope::new(keyring(1, &[]));
    envelope.seal("default", salary_key.as_str(), &document, &mut sealed).unwrap();
    for (key, value) in [(&price_key, &document), (&salary_key, &sealed)] {
        node.admin(&[b"SET".as_slice(), key.as_str().as_bytes(), value, b"EX", b"60"]);
    }
    let both = || (price(1), block_on(salary(1)));
    scope.run(|| {
        eventually("copies are kept", || {
            assert_eq!(both(), (99, 99), "what the other program has stored");
            let hits = (price::stats().hits, salary::stats().hits);
            if hits.0 > 0 && hits.1 > 0 { Ok(()) } else { Err(format!("{hits:?}")) }
        });
        for key in [&price_key, &salary_key] {
            assert_eq!(node.admin(&["DEL", key.as_str()]).integer(), Some(1));
        }
        assert_eq!(both(), (99, 99), "the copy, of whose end nothing is heard");
        scope.clock().advance(Duration::from_secs(61));
        assert_eq!(both(), (1, 1), "the entry would have ended by now");
    });
}

#[test]
fn a_stale_window_is_no_part_of_what_other_programs_read() {
    #[cache(interop = "quote", namespace = "redis", ttl = 60, stale = 600)]
    fn quote(item: u32) -> String {
        format!("quote {item}")
    }
    #[cache::secure(interop = "sealed_quote", namespace = "redis", ttl = 60, stale = 600)]
    fn sealed_quote(item: u32) -> String {
        format!("quote {item}")
    }
    let node = Node::start();
    let scope = process(&node.url());
    let expected = interop::encode_value("quote 1").unwrap();
    let raw = |operation: &str| {
        let key = interop::key("redis", operation, &(1,)).unwrap();
        let left = node.admin(&["TTL", key.as_str()]).integer().unwrap();
        assert!((50..=60).contains(&left), "{operation}: {left}");
        match node.admin(&["GET", key.as_str()]) {
            Reply::Text(bytes) => (key, bytes),
            other => panic!("{operation}: {other:?}"),
        }
    };
    scope.run(|| {
        assert_eq!((quote(1), sealed_quote(1)), ("quote 1".to_owned(), "quote 1".to_owned()));
        assert_eq!(raw("quote").1, expected);
        quote::set(&1, "quote 1".to_owned());
        assert_eq!(raw("quote").1, expected);
    });
    let (key, sealed) = raw("sealed_quote");
    let mut document = Vec::new();
    let envelope = InteropEnvelope::new(keyring(1, &[]));
    envelope.open("default", key.as_str(), &sealed, &mut document).unwrap();
    assert_eq!(document, expected);
    // In this process the window counts as ever.
    scope.run(|| {
        scope.clock().advance(Duration::from_secs(120));
        assert_eq!(quote(1), "quote 1");
        assert_eq!(quote::stats().stale_hits, 1);
    });
}

#[test]
fn a_prefix_is_said_at_the_start() {
    let node = Node::start();
    let redis = Redis::builder().url(node.url()).prefix("app:").build().unwrap();
    let scope = Scope::new().with_backend(Arc::new(redis)).with_keyring(keyring(1, &[]));
    let error = scope.run(cachekit::init).unwrap_err().to_string();
    assert!(
        error.contains("before every key") && error.contains("CACHEKIT_REDIS_PREFIX"),
        "{error}"
    );
    process(&node.url()).run(|| cachekit::init().unwrap());
}
