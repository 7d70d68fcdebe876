use super::super::topology::Topology;
use super::{get, recovers, set, wait};
use crate::Redis;
use cachekit_test_servers::{SentinelGroup, eventually};
use std::time::{Duration, Instant};

fn client(group: &SentinelGroup) -> Redis {
    let url = format!("redis-sentinel://{}/{}", group.addresses(), group.name());
    Redis::builder().url(url).timeout(Duration::from_secs(20)).build().unwrap()
}

#[test]
fn a_failover_is_followed() {
    let group = SentinelGroup::start();
    let client = client(&group);
    set(&client, "k", "before").unwrap();
    group.failover();
    recovers(&client, "a failover of a Sentinel group in good order");
    assert_eq!(group.primary().admin(&["GET", "k"]).text(), "after");
    let Topology::Sentinel(sentinels) = &client.shared.topology else { panic!("no group") };
    for index in 0..group.sentinels().len() {
        eventually("the Sentinel knows of the failover", || match wait(sentinels.epoch(index)) {
            Some(1..) => Ok(()),
            epoch => Err(format!("{epoch:?}")),
        });
    }
}

#[test]
fn a_dead_primary_is_waited_for() {
    let group = SentinelGroup::start();
    let client = client(&group);
    set(&client, "k", "before").unwrap();
    group.primary().stop();
    // No new attempt by the caller: one operation lasts until the failover is over.
    let died = Instant::now();
    set(&client, "k", "after").unwrap();
    println!("recovery after the death of a primary with Sentinels: {:?}", died.elapsed());
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("after"));
}

#[test]
fn one_sentinel_is_enough() {
    let group = SentinelGroup::start();
    let client = client(&group);
    group.sentinels()[0].stop();
    group.sentinels()[1].stop();
    set(&client, "k", "value").unwrap();
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("value"));
}

#[test]
fn a_group_that_does_not_come_back_is_not_waited_for_by_all() {
    let group = SentinelGroup::start();
    let client = client(&group);
    for node in group.sentinels().iter().chain(group.nodes()) {
        node.stop();
    }
    let hasty = client.with_timeout(Duration::from_millis(200));
    assert!(get(&hasty, "k").unwrap_err().is_timeout());
    // This one has 20 seconds, and does not use them.
    assert!(get(&client, "k").unwrap_err().is_transient());
    for node in group.nodes().iter().chain(group.sentinels()) {
        node.restart();
    }
    recovers(&client, "a restart of a whole Sentinel group");
}

#[test]
fn an_unknown_group_is_a_mistake_in_the_settings() {
    let group = SentinelGroup::start();
    let url = format!("redis-sentinel://{}/another", group.addresses());
    let client = Redis::builder().url(url).timeout(Duration::from_millis(300)).build().unwrap();
    let error = get(&client, "k").unwrap_err();
    assert_eq!(error.kind(), crate::BackendErrorKind::Configuration, "{error}");
}
