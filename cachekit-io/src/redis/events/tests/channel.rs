use super::super::outbox::{Patience, send};
use super::{Heard, built, fence, fill, get, set};
use crate::{Backend, BatchEntry, InvalidationEvent, Redis, SetOptions};
use bytes::Bytes;
use cachekit_test_servers::{Node, eventually};
use futures_util::StreamExt;
use pollster::block_on;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A server with a user without the right to track, and one without the right to listen either.
fn strict_node() -> Node {
    Node::options()
        .persistent()
        .user("talker", "pw", "~* &cachekit:* +@all -client|tracking")
        .user("mute", "pw", "~* resetchannels +@all -client|tracking")
        .start()
}

fn client(node: &Node, user: &str) -> Redis {
    built(Redis::builder().url(node.url_for(user, "pw")))
}

/// Uses the backend until it listens at the channel.
fn listening(redis: &Redis) -> Heard {
    let heard = Heard::from_the_start(redis);
    eventually("what is used is trusted", || {
        set(redis, "unrelated", "v");
        heard.forget();
        get(redis, "unrelated");
        if heard.has(&InvalidationEvent::Gap) { Err("a gap".to_owned()) } else { Ok(()) }
    });
    heard
}

fn tells_and_hears(first: &Redis, second: &Redis) {
    let heard = listening(first);
    set(first, "k", "v");
    get(first, "k");
    heard.forget();
    block_on(second.delete("k")).unwrap();
    heard.wait_for_change("k");

    heard.forget();
    set(second, "k", "w");
    heard.wait_for_change("k");

    // A fill tells no client, and a backend does not hear itself; what is told after them has them overtaken.
    heard.forget();
    let token = fence(second, "filled");
    assert!(fill(second, "filled", "v", &token));
    set(first, "own", "v");
    block_on(second.delete("last")).unwrap();
    heard.wait_for_change("last");
    assert_eq!(heard.about("filled"), 0);
    assert_eq!(heard.about("own"), 1, "told by the backend itself, and not by the channel again");
}

#[test]
fn a_guarded_write_that_replaces_a_value_is_told_if_it_takes_effect() {
    let node = Node::start();
    let client = || built(Redis::builder().url(format!("{}?protocol=resp2", node.url())));
    let (listener, writer) = (client(), client());
    let (fencing, locks) = (writer.fencing().unwrap(), writer.locks().unwrap());
    let value = || Bytes::from_static(b"new");
    let heard = listening(&listener);
    for key in ["fenced", "refused", "locked"] {
        set(&listener, key, "old");
    }
    heard.forget();

    let old = fence(&writer, "refused");
    assert!(fill(&writer, "refused", "newer", &old));
    let options = SetOptions::new().replacing();
    assert!(!block_on(fencing.set_fenced("refused", value(), &options, &old)).unwrap());

    let token = fence(&writer, "fenced");
    assert!(block_on(fencing.set_fenced("fenced", value(), &options, &token)).unwrap());
    heard.wait_for_change("fenced");

    let lock = block_on(locks.try_acquire("locked", Duration::from_secs(60))).unwrap().unwrap();
    let filled = SetOptions::new().lock(lock);
    block_on(writer.set("locked", value(), &filled)).unwrap();
    assert_eq!(heard.about("locked"), 0, "a fill");
    block_on(writer.set("locked", value(), &filled.replacing())).unwrap();
    heard.wait_for_change("locked");
    assert_eq!(heard.about("refused"), 0);
}

#[test]
fn without_permission_to_track_backends_tell_each_other() {
    let node = strict_node();
    tells_and_hears(&client(&node, "talker"), &client(&node, "talker"));
}

#[test]
fn without_resp3_backends_tell_each_other() {
    let node = Node::start();
    let client = || built(Redis::builder().url(format!("{}?protocol=resp2", node.url())));
    tells_and_hears(&client(), &client());
}

#[test]
fn those_who_track_tell_those_who_do_not() {
    let node = strict_node();
    let tracking = super::client(&node);
    // It listens for as long as it is there.
    let talker = client(&node, "talker");
    let heard = listening(&talker);
    set(&tracking, "k", "v");
    heard.wait_for_change("k");
}

#[test]
fn without_any_way_to_hear_nothing_is_trusted() {
    let node = strict_node();
    let redis = client(&node, "mute");
    let heard = Heard::by(&redis);
    for _ in 0..20 {
        heard.forget();
        set(&redis, "k", "v");
        assert!(heard.has(&InvalidationEvent::Gap), "before the write is confirmed");
        heard.forget();
        assert!(get(&redis, "k").is_some());
        assert!(heard.has(&InvalidationEvent::Gap), "before the value is there");
        let token = fence(&redis, "filled");
        heard.forget();
        assert!(fill(&redis, "filled", "v", &token));
        assert!(heard.has(&InvalidationEvent::Gap), "before the fill is confirmed");
        // It is not told, and done all the same.
        assert!(block_on(redis.delete("filled")).unwrap());
    }
}

#[test]
fn a_lost_subscription_is_a_gap_and_is_found_again() {
    let node = strict_node();
    let (redis, other) = (client(&node, "talker"), client(&node, "talker"));
    let heard = listening(&redis);

    node.admin(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    heard.wait_for("the subscription is cut", &InvalidationEvent::Gap);
    drop(heard);

    let heard = listening(&redis);
    let paused = node.pause();
    heard.wait_for("the server is paused", &InvalidationEvent::Gap);
    drop(paused);
    drop(heard);

    let heard = listening(&redis);
    node.restart();
    heard.wait_for("the server is restarted", &InvalidationEvent::Gap);
    drop(heard);

    let heard = listening(&redis);
    block_on(other.delete("k")).unwrap();
    heard.wait_for_change("k");
}

/// How often clients have published anything at the server since it was started.
fn published(node: &Node) -> u64 {
    let stats = node.info("cmdstat_publish").unwrap_or_default();
    let calls = stats.split(',').find_map(|part| part.strip_prefix("calls="));
    calls.map_or(0, |calls| calls.parse().unwrap())
}

#[test]
fn what_is_confirmed_has_been_said() {
    let node = Node::start();
    let redis = super::client(&node);
    let said_at_once = |change: &dyn Fn()| {
        let before = published(&node);
        change();
        published(&node) - before
    };
    let value = || Bytes::from_static(b"v");
    let (fencing, batch) = (redis.fencing().unwrap(), redis.batch().unwrap());
    for _ in 0..20 {
        assert_eq!(said_at_once(&|| set(&redis, "k", "v")), 1);
        assert_eq!(said_at_once(&|| assert!(block_on(redis.delete("k")).unwrap())), 1);
        let token = fence(&redis, "k");
        let replaces = || {
            let options = SetOptions::new().replacing();
            assert!(block_on(fencing.set_fenced("k", value(), &options, &token)).unwrap());
        };
        assert_eq!(said_at_once(&replaces), 1);
        let entries = ["a", "b", "c"].map(|key| BatchEntry::new(key, value()));
        let set_many = || block_on(batch.set_many(&entries)).into_iter().for_each(Result::unwrap);
        assert_eq!(said_at_once(&set_many), 1);
        let delete_many =
            || assert!(block_on(batch.delete_many(&["a", "b"])).iter().all(Result::is_ok));
        assert_eq!(said_at_once(&delete_many), 1);
    }
}

#[test]
fn more_than_one_message_holds_is_said_too() {
    let node = strict_node();
    let (redis, talker) = (super::client(&node), client(&node, "talker"));
    let heard = listening(&talker);
    let keys: Vec<_> = (0..1000).map(|number| format!("{number:0>100}")).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    heard.forget();
    let before = published(&node);
    assert!(block_on(redis.batch().unwrap().delete_many(&keys)).iter().all(Result::is_ok));
    assert!(published(&node) >= before + 3);
    for key in [keys[0], keys[500], keys[999]] {
        heard.wait_for_change(key);
    }
}

#[test]
fn what_a_client_that_is_gone_could_not_say_is_still_said() {
    let node = Node::start();
    let redis = super::client(&node);
    set(&redis, "k", "v");
    node.stop();
    assert!(block_on(redis.delete("k")).is_err());
    drop(redis);
    node.restart();
    eventually(
        "it is said",
        || if published(&node) > 0 { Ok(()) } else { Err("nothing".to_owned()) },
    );
}

#[test]
fn what_was_refused_is_said_once_it_is_allowed() {
    let node = strict_node();
    let talker = client(&node, "talker");
    let heard = listening(&talker);
    let redis = client(&node, "mute");
    let (backend, events) = (Arc::clone(&redis.shared), Arc::clone(&redis.shared.events.0));
    assert!(events.outbox.note("k"));
    let patience = Patience { silence: Duration::from_millis(50), linger: Duration::ZERO };
    redis.shared.background.spawn(send(Arc::clone(&events), backend, patience));
    eventually(
        "it is refused",
        || if events.outbox.is_silent() { Ok(()) } else { Err("no".into()) },
    );
    heard.forget();
    node.admin(&["ACL", "SETUSER", "mute", "&cachekit:*"]);
    // No other change happens.
    heard.wait_for("what was not said", &InvalidationEvent::Gap);
}

#[test]
fn a_client_that_is_gone_is_forgotten_in_the_end() {
    let node = Node::start();
    let redis = super::client(&node);
    let (backend, events) = (Arc::clone(&redis.shared), Arc::clone(&redis.shared.events.0));
    let held = Arc::downgrade(&backend);
    node.stop();
    assert!(events.outbox.note("k"));
    drop(redis);
    let patience = Patience { silence: Duration::ZERO, linger: Duration::ZERO };
    block_on(send(events, backend, patience));
    assert_eq!(held.strong_count(), 0);
}

/// A client that may not publish, with a change to be told.
fn mute_client(node: &Node) -> Redis {
    let redis = client(node, "mute");
    assert!(redis.shared.events.0.outbox.note("k"));
    redis
}

const HOUR: Duration = Duration::from_secs(3600);
const PATIENT: Patience = Patience { silence: HOUR, linger: HOUR };

#[test]
fn a_client_that_is_gone_is_not_kept_for_what_it_may_not_say() {
    let node = strict_node();
    let redis = mute_client(&node);
    let (backend, events) = (Arc::clone(&redis.shared), Arc::clone(&redis.shared.events.0));
    let (background, held) = (redis.shared.background, Arc::downgrade(&backend));
    drop(redis);
    let sent = background.spawn(send(events, backend, PATIENT)).unwrap();
    eventually("it is given up", || {
        if sent.is_finished() && held.strong_count() == 0 { Ok(()) } else { Err("no".into()) }
    });
}

#[test]
fn a_client_that_goes_while_it_is_silent_is_not_kept() {
    let node = strict_node();
    let redis = mute_client(&node);
    let (backend, events) = (Arc::clone(&redis.shared), Arc::clone(&redis.shared.events.0));
    let held = Arc::downgrade(&backend);
    redis.shared.background.spawn(send(Arc::clone(&events), backend, PATIENT));
    eventually(
        "it is refused",
        || if events.outbox.is_silent() { Ok(()) } else { Err("no".into()) },
    );
    drop(redis);
    eventually("it is dropped", || match held.strong_count() {
        0 => Ok(()),
        count => Err(count.to_string()),
    });
}

#[test]
fn what_could_not_be_said_is_said_later_and_once() {
    use super::super::message::{CHANNEL, Message};
    let node = Node::start();
    let redis = super::client(&node);
    set(&redis, "k", "v");
    node.stop();
    for _ in 0..3 {
        for key in ["one", "two"] {
            assert!(block_on(redis.delete(key)).is_err());
        }
    }
    node.restart_in_background();
    node.wait_until_ready();
    let shared = &redis.shared;
    let background = shared.background;
    let (told, hear) = std::sync::mpsc::channel();
    let url = Redis::builder().url(node.url()).build().unwrap();
    background.spawn(async move {
        let primaries = url.shared.topology.primaries().await.unwrap();
        let (mut sink, mut stream) = primaries[0].listen().await.unwrap().split();
        sink.subscribe(CHANNEL).await.unwrap();
        while let Some(message) = stream.next().await {
            if told.send(message.get_payload_bytes().to_vec()).is_err() {
                return;
            }
        }
    });
    let mut names: Vec<String> = Vec::new();
    let until = Instant::now() + Duration::from_secs(30);
    while !(names.contains(&"one".to_owned()) && names.contains(&"two".to_owned())) {
        let bytes = hear.recv_timeout(until.saturating_duration_since(Instant::now())).unwrap();
        let Some((_, Message::Changed(keys))) = Message::decode(&bytes) else { continue };
        names.extend(keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()));
    }
    for key in ["one", "two"] {
        assert_eq!(names.iter().filter(|name| *name == key).count(), 1, "{key}");
    }
}
