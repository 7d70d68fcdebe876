use crate::conformance::{Subject, check_all};
use crate::{Redis, RedisBuilder};
use cachekit_test_servers::{Cluster, Node, NodeOptions, SentinelGroup};
use std::time::Duration;

/// The server's clock is real, so the time really passes.
fn keeps_the_contract(client: &Redis) {
    let subject = Subject::new(client)
        .with_lock_fencing()
        .time_unit(Duration::from_millis(200))
        .advance(async |by| std::thread::sleep(by));
    pollster::block_on(check_all(&subject)).assert_passed();
}

fn client(url: &str, settle: impl FnOnce(RedisBuilder) -> RedisBuilder) -> Redis {
    settle(Redis::builder().url(url)).build().unwrap()
}

#[test]
fn the_contract_is_kept_by_one_node() {
    let node = Node::start();
    keeps_the_contract(&client(&node.url(), |builder| builder.prefix("app:")));
}

#[test]
fn the_contract_is_kept_by_a_sentinel_group() {
    let group = SentinelGroup::start();
    let url = format!("redis-sentinel://{}/{}", group.addresses(), group.name());
    keeps_the_contract(&client(&url, |builder| builder));
}

#[test]
fn the_contract_is_kept_by_a_cluster() {
    let cluster = Cluster::start();
    let url = format!("redis-cluster://{}", cluster.addresses());
    keeps_the_contract(&client(&url, |builder| builder));
}

#[test]
fn the_contract_is_kept_with_tls() {
    let node = Node::options().tls().start();
    let ca = node.ca_file().unwrap();
    keeps_the_contract(&client(&node.url(), |builder| builder.ca_file(ca)));
}

#[test]
fn the_contract_is_kept_by_a_sentinel_group_with_tls() {
    let group = SentinelGroup::start_with(NodeOptions::new().tls(), NodeOptions::new().tls());
    let url = format!("rediss-sentinel://{}/{}", group.addresses(), group.name());
    let client = client(&url, |builder| builder.ca_file(group.ca_file().unwrap()));
    keeps_the_contract(&client);
    group.failover();
    super::recovers(&client, "a failover of a Sentinel group with TLS");
}

#[test]
fn the_contract_is_kept_by_a_cluster_with_tls() {
    let cluster = Cluster::start_with(&NodeOptions::new().tls());
    let url = format!("rediss-cluster://{}", cluster.addresses());
    let client = client(&url, |builder| builder.ca_file(cluster.ca_file().unwrap()));
    keeps_the_contract(&client);
    cluster.failover(cluster.slot_of("k"));
    super::recovers(&client, "a failover of a Cluster with TLS");
}
