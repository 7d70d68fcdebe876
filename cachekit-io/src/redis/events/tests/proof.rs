//! Health tells whether changes are heard, and what to permit if they are not.

use super::{Heard, built, fence, fill, get, set};
use crate::{Backend, BackendError, Health, Redis};
use cachekit_test_servers::{Node, eventually};
use pollster::block_on;
use std::time::Duration;

/// Users that lack one thing or the other.
fn strict_node() -> Node {
    Node::options()
        .user("tracker", "pw", "~* &cachekit:* +@all -subscribe")
        .user("hushed", "pw", "~* &cachekit:* +@all -publish")
        .user("shut", "pw", "~* resetchannels +@all")
        .user("talker", "pw", "~* &cachekit:* +@all -client|tracking")
        .user("deaf", "pw", "~* &cachekit:* +@all -client|tracking -subscribe")
        .user("dumb", "pw", "~* &cachekit:* +@all -client|tracking -publish")
        .user("mute", "pw", "~* resetchannels +@all -client|tracking")
        .start()
}

fn client(node: &Node, user: &str) -> Redis {
    built(Redis::builder().url(node.url_for(user, "pw")))
}

fn health(redis: &Redis) -> Result<Health, BackendError> {
    block_on(redis.health())
}

/// How often clients have published anything at the server.
fn published(node: &Node) -> u64 {
    let stats = node.info("cmdstat_publish").unwrap();
    let calls = stats.split(',').find_map(|part| part.strip_prefix("calls="));
    calls.map_or(0, |calls| calls.parse().unwrap())
}

#[test]
fn a_server_that_tracks_is_enough() {
    let node = strict_node();
    let redis = client(&node, "tracker");
    assert_eq!(health(&redis).unwrap().detail("events"), None, "there is no listener");
    // The connection is there already.
    let _heard = Heard::from_the_start(&redis);
    assert_eq!(health(&redis).unwrap().detail("events"), Some("tracking"));
    let redis = client(&node, "tracker");
    let _heard = Heard::from_the_start(&redis);
    assert_eq!(health(&redis).unwrap().detail("events"), Some("tracking"));
}

#[test]
fn who_tracks_and_may_not_publish_is_told() {
    let node = strict_node();
    for user in ["hushed", "shut"] {
        let redis = client(&node, user);
        let heard = Heard::from_the_start(&redis);
        // Also while nothing is published, because the server has refused a change.
        for key in ["one", "two"] {
            let error = health(&redis).unwrap_err();
            assert!(error.is_authentication(), "{error}");
            for grant in ["+publish", "&cachekit:rust:invalidate:v1"] {
                assert!(error.to_string().contains(grant), "{user}: {error}");
            }
            set(&redis, key, "v");
        }
        drop(heard);
        health(&redis).unwrap();
        node.admin(&["ACL", "SETUSER", user, "+publish", "&cachekit:*"]);
        let _heard = Heard::from_the_start(&redis);
        assert_eq!(health(&redis).unwrap().detail("events"), Some("tracking"));
    }
}

#[test]
fn the_channel_is_proven_by_a_round_trip_each_time() {
    let node = strict_node();
    let resp2 = built(Redis::builder().url(format!("{}?protocol=resp2", node.url())));
    for redis in [client(&node, "talker"), resp2] {
        let _heard = Heard::from_the_start(&redis);
        for _ in 0..3 {
            let before = published(&node);
            assert_eq!(health(&redis).unwrap().detail("events"), Some("channel"));
            assert!(published(&node) > before);
        }
    }
}

#[test]
fn what_is_not_permitted_is_named() {
    let node = strict_node();
    for (user, grants) in [
        ("deaf", ["+client|tracking", "+subscribe"]),
        ("mute", ["+client|tracking", "&cachekit:rust:invalidate:v1"]),
        ("dumb", ["+client|tracking", "+publish"]),
    ] {
        let redis = client(&node, user);
        health(&redis).unwrap();
        let heard = Heard::from_the_start(&redis);
        for _ in 0..2 {
            let error = health(&redis).unwrap_err();
            assert!(error.is_authentication(), "{error}");
            for grant in grants {
                assert!(error.to_string().contains(grant), "{user}: {error}");
            }
        }
        drop(heard);
        health(&redis).unwrap();
    }
    let resp2 = built(Redis::builder().url(node.url_for("mute", "pw") + "?protocol=resp2"));
    let _heard = Heard::from_the_start(&resp2);
    let error = health(&resp2).unwrap_err();
    assert!(error.to_string().contains("protocol=resp2"), "{error}");
}

#[test]
fn what_is_permitted_later_is_found() {
    let node = strict_node();
    let redis = client(&node, "mute");
    let _heard = Heard::from_the_start(&redis);
    health(&redis).unwrap_err();
    node.admin(&["ACL", "SETUSER", "mute", "&cachekit:*"]);
    let found = eventually("the channel is heard", || health(&redis).map_err(|e| e.to_string()));
    assert_eq!(found.detail("events"), Some("channel"));
}

#[test]
fn the_documented_permissions_are_enough() {
    const COMMANDS: &str = "~app:* ~{app:* -@all +get +set +del +exists +mget +pttl +pexpire +getrange +multi +exec \
                            +eval +evalsha +ping +info +role +cluster|slots +asking +wait";
    const PUBLISH: &str = "+publish &cachekit:rust:invalidate:v1";
    let node = Node::options()
        .user("tracker", "pw", &format!("resetchannels {COMMANDS} +client|tracking {PUBLISH}"))
        .user("talker", "pw", &format!("resetchannels {COMMANDS} +subscribe {PUBLISH}"))
        .start();
    for (user, way) in [("tracker", "tracking"), ("talker", "channel")] {
        let url = node.url_for(user, "pw");
        let redis = built(Redis::builder().url(url).prefix("app:"));
        let _heard = Heard::from_the_start(&redis);
        assert_eq!(health(&redis).unwrap().detail("events"), Some(way));
        let token = fence(&redis, "k");
        assert!(fill(&redis, "k", "v", &token));
        assert!(get(&redis, "k").is_some());
        set(&redis, "k", "w");
        let ttl = redis.ttl().unwrap();
        assert!(block_on(ttl.refresh("k", Duration::from_secs(60))).unwrap());
        block_on(ttl.expiry("k")).unwrap();
        let locks = redis.locks().unwrap();
        let lock = block_on(locks.try_acquire("k", Duration::from_secs(60))).unwrap().unwrap();
        assert!(block_on(locks.release("k", &lock)).unwrap());
        let many = block_on(redis.batch().unwrap().get_many(&["k"])).remove(0);
        assert!(many.unwrap().is_some());
        assert!(block_on(redis.delete("k")).unwrap());
    }
}
