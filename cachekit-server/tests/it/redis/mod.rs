//! Nodes of the server over one Redis.
//!
//! | file | what holds |
//! | --- | --- |
//! | `entries` | what one node stores, all nodes serve |
//! | `leases` | one holder among all nodes, and fills that were overtaken |
//! | `failover` | what a primary that dies may take with it |
//! | `loss` | Redis that stops, ends, is full, or is not there yet |
//! | `program` | the command line, and what it never shows |

mod entries;
mod failover;
mod leases;
mod loss;
mod program;

use crate::support::{Fixture, page};
use cachekit_io::{Redis, RedisBuilder};
use cachekit_server::{Builder, RedisStore};
use cachekit_test_servers::Node;
use std::net::SocketAddr;
use std::time::Duration;

/// How long an operation may take where a test lets Redis hang.
const SHORT: Duration = Duration::from_secs(1);

fn settings(redis: &Node) -> RedisBuilder {
    Redis::builder().url(redis.url()).timeout(Duration::from_secs(30))
}

/// A node of the server over this Redis.
async fn node(redis: RedisBuilder) -> Fixture {
    node_with(redis, |builder| builder).await
}

async fn node_with(redis: RedisBuilder, adapt: impl FnOnce(Builder) -> Builder) -> Fixture {
    let store = RedisStore::open(redis).await.expect("good settings");
    Fixture::start_with(|builder| {
        let admin = SocketAddr::from(([127, 0, 0, 1], 0));
        adapt(builder.admin(admin).redis_store(store))
    })
    .await
}

/// Waits until the admin listener answers `/readyz` with this status.
async fn until_ready_is(admin: SocketAddr, status: u16) -> String {
    let begin = format!("HTTP/1.1 {status} ");
    let waiting = async {
        loop {
            let page = page(admin, "/readyz").await;
            if page.starts_with(&begin) {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it changes")
}
