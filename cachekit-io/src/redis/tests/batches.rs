use super::{LONG, client, get, wait};
use crate::{Backend, BackendErrorKind, BatchEntry, LockToken, Redis, SetOptions};
use bytes::Bytes;
use cachekit_test_servers::{Cluster, Node};
use std::time::Duration;

fn entries(keys: &[String]) -> Vec<BatchEntry<'_>> {
    keys.iter().map(|key| BatchEntry::new(key, Bytes::from(key.clone()))).collect()
}

fn round_trip(client: &Redis, keys: &[String]) {
    let batch = client.batch().unwrap();
    let names: Vec<_> = keys.iter().map(String::as_str).collect();
    assert!(wait(batch.set_many(&entries(keys))).iter().all(Result::is_ok));
    for (key, found) in keys.iter().zip(wait(batch.get_many(&names))) {
        assert_eq!(found.unwrap().unwrap().value(), key.as_bytes());
    }
    assert!(wait(batch.delete_many(&names)).into_iter().all(|deleted| deleted.unwrap()));
    assert!(wait(batch.get_many(&names)).iter().all(|found| matches!(found, Ok(None))));
}

#[test]
fn a_hundred_ids_are_one_command() {
    let node = Node::start();
    let client = client(&node);
    let keys: Vec<_> = (0..100).map(|id| format!("user:{id}")).collect();
    round_trip(&client, &keys);
    let stats = node.info("cmdstat_mget").unwrap();
    assert!(stats.starts_with("calls=2,"), "{stats}");
    assert_eq!(node.info("cmdstat_get").unwrap(), "");
}

#[test]
fn a_batch_crosses_slots() {
    let cluster = Cluster::start();
    let url = format!("redis-cluster://{}", cluster.addresses());
    let client = Redis::builder().url(url).build().unwrap();
    let mut keys: Vec<_> = (0..100).map(|id| format!("user:{id}")).collect();
    keys.extend(["{user}:1", "{user}:2", "a:lock", "é"].map(String::from));
    round_trip(&client, &keys);

    // A part that another node has by now goes on by itself.
    let slot = cluster.slot_of("user:7");
    let from = cluster.owner_of(slot).port();
    let to = cluster.nodes()[..3].iter().find(|node| node.port() != from).unwrap();
    cluster.move_slot(slot, to);
    round_trip(&client, &keys);
}

#[test]
fn each_item_has_its_own_options() {
    let node = Node::start();
    let client = client(&node);
    let locks = client.locks().unwrap();
    let token = wait(locks.try_acquire("locked", LONG)).unwrap().unwrap();
    let value = Bytes::from_static(b"v");
    let entry = |key, options| BatchEntry::new(key, value.clone()).with_options(options);
    let results = wait(client.batch().unwrap().set_many(&[
        entry("plain", SetOptions::new()),
        entry("locked", SetOptions::new().lock(token)),
        entry("lost", SetOptions::new().lock(LockToken::new("of another"))),
        entry("impossible", SetOptions::new().stale_ttl(LONG)),
        entry("windowed", SetOptions::new().ttl(LONG).stale_ttl(LONG)),
    ]));
    let kinds: Vec<_> =
        results.iter().map(|result| result.as_ref().err().map(crate::BackendError::kind)).collect();
    let (superseded, invalid) = (BackendErrorKind::Superseded, BackendErrorKind::InvalidOption);
    assert_eq!(kinds, [None, None, Some(superseded), Some(invalid), None]);
    for (key, expected) in [("plain", true), ("locked", true), ("lost", false), ("windowed", true)]
    {
        assert_eq!(get(&client, key).unwrap().is_some(), expected, "{key}");
    }
}

#[test]
fn a_silent_node_costs_others_no_answer() {
    let cluster = Cluster::start();
    let url = format!("redis-cluster://{}", cluster.addresses());
    let client = Redis::builder().url(url).build().unwrap();
    let keys: Vec<_> = (0..30).map(|id| format!("user:{id}")).collect();
    let names: Vec<_> = keys.iter().map(String::as_str).collect();
    round_trip(&client, &keys);
    let silent = cluster.owner_of(cluster.slot_of(&keys[0]));
    let answers_to = |key: &String| cluster.owner_of(cluster.slot_of(key)).port() != silent.port();
    let answers: Vec<_> = keys.iter().map(answers_to).collect();
    assert!(answers.contains(&true) && !answers[0]);
    // These are read again, together with their time to live.
    let windowed: Vec<_> = (100..130).map(|id| format!("user:{id}")).collect();
    let windowed_answers: Vec<_> = windowed.iter().map(answers_to).collect();
    assert!(windowed_answers.contains(&true) && windowed_answers.contains(&false));
    let options = SetOptions::new().ttl(LONG).stale_ttl(LONG);
    let with_window = entries(&windowed).into_iter();
    let with_window: Vec<_> = with_window.map(|it| it.with_options(options.clone())).collect();
    let stored = wait(client.batch().unwrap().set_many(&with_window));
    assert!(stored.iter().all(Result::is_ok));
    let windowed: Vec<_> = windowed.iter().map(String::as_str).collect();
    // This one's part is repeated elsewhere.
    let moves = answers.iter().position(|answers| *answers).unwrap();
    let slot = cluster.slot_of(&keys[moves]);
    let not_to = [silent.port(), cluster.owner_of(slot).port()];
    let mut primaries = cluster.nodes()[..3].iter();
    cluster.move_slot(slot, primaries.find(|node| !not_to.contains(&node.port())).unwrap());

    // Less than the others need to replace the silent one.
    let client = client.with_timeout(Duration::from_millis(300));
    let batch = client.batch().unwrap();
    let paused = silent.pause();
    let stored = wait(batch.set_many(&entries(&keys)));
    let found = wait(batch.get_many(&names));
    let found_windowed = wait(batch.get_many(&windowed));
    let deleted = wait(batch.delete_many(&names));
    drop(paused);
    for (place, _) in answers.iter().enumerate().filter(|(_, answers)| **answers) {
        assert!(stored[place].is_ok(), "{:?}", stored[place]);
        assert!(matches!(found[place], Ok(Some(_))), "{:?}", found[place]);
        assert!(matches!(deleted[place], Ok(true)), "{:?}", deleted[place]);
    }
    for (found, answers) in found_windowed.iter().zip(windowed_answers) {
        assert!(!answers || matches!(found, Ok(Some(_))), "{found:?}");
    }
    for result in [stored[0].is_err(), found[0].is_err(), deleted[0].is_err()] {
        assert!(result, "it did not answer");
    }
}
