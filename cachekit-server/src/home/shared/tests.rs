use super::Shared;
use crate::clock::{Timestamp, wall_clock};
use crate::home::{Found, Put, Refreshed, Said};
use crate::store::{EntryKey, Measured, RedisStore};
use bytes::Bytes;
use cachekit_io::Redis;
use cachekit_test_servers::Node;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

async fn shared(redis: &Node) -> Shared {
    let settings = Redis::builder().url(redis.url()).timeout(Duration::from_secs(30));
    Shared::new(RedisStore::open(settings).await.expect("good settings"), 10, wall_clock())
}

async fn put(home: &Shared, key: &EntryKey, value: &'static [u8], seconds: Option<(u64, u64)>) {
    let stored = home.put(key, Bytes::from_static(value), seconds, None).await;
    assert_eq!(stored.expect("Redis answers"), Put::Stored);
}

/// What the head of an answer says, and what is loaded by that.
async fn said(home: &Shared, key: &EntryKey) -> (usize, Said) {
    match home.get_up_to(key, NOW, 0).await.expect("Redis answers") {
        Some(Found { measured: Measured::Longer { length, .. }, said }) => (length, said),
        _ => panic!("a value that is not loaded yet"),
    }
}

#[tokio::test]
async fn another_value_follows_a_head_only_if_what_it_said_is_true_of_it() {
    let redis = Node::start();
    let home = shared(&redis).await;
    let key = EntryKey::new("acme", "k");
    let load = async |(length, said)| home.load(&key, length, said).await.expect("an answer");
    for life in [None, Some((60, 0)), Some((60, 60))] {
        put(&home, &key, b"first", life).await;
        let head = said(&home, &key).await;
        assert_eq!(load(head).await.as_deref(), Some(b"first".as_slice()), "{life:?}");
        // Fresh for longer than was said.
        put(&home, &key, b"other", Some((90, 0))).await;
        let longer = load(head).await;
        assert_eq!(longer.is_some(), life.is_some(), "without an end is longer than any: {life:?}");
        put(&home, &key, b"never", None).await;
        assert_eq!(load(head).await.as_deref(), Some(b"never".as_slice()));
        put(&home, &key, b"short", Some((30, 600))).await;
        assert_eq!(load(head).await, None, "{life:?}");
        put(&home, &key, b"longer", None).await;
        assert_eq!(load(head).await, None, "another length");
        home.delete(&key).await.expect("deleted");
        assert_eq!(load(head).await, None, "gone");
    }
}

#[tokio::test]
async fn lives_are_told_by_the_clock_of_the_node() {
    let redis = Node::start();
    let home = shared(&redis).await;
    let key = EntryKey::new("acme", "k");
    assert_eq!(home.lifetime(&key, NOW).await.expect("an answer"), None);
    put(&home, &key, b"value", Some((60, 30))).await;
    let life = home.lifetime(&key, NOW).await.expect("an answer").expect("an entry");
    assert_eq!(life.gone_at.millis_since(life.fresh_until), 30_000);
    let left = life.fresh_until.millis_since(NOW);
    assert!(left > 30_000 && left <= 60_000, "{left}");
    assert_eq!(home.refresh(&key, 600).await.expect("an answer"), Refreshed::Done);
    let life = home.lifetime(&key, NOW).await.expect("an answer").expect("an entry");
    assert!(life.fresh_until.millis_since(NOW) > 500_000);
    assert_eq!(life.gone_at.millis_since(life.fresh_until), 30_000);
    redis.let_pass(Duration::from_secs(600));
    let life = home.lifetime(&key, NOW).await.expect("an answer").expect("an entry");
    assert!(!life.is_fresh(NOW) && life.is_alive(NOW));
    assert_eq!(home.refresh(&key, 600).await.expect("an answer"), Refreshed::Stale);
    put(&home, &key, b"value", None).await;
    let life = home.lifetime(&key, NOW).await.expect("an answer").expect("an entry");
    assert!(!life.is_bounded());
}
