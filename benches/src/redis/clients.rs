//! The clients that are compared.

use std::sync::Arc;

use ::redis::aio::MultiplexedConnection;
use ::redis::io::tcp::TcpSettings;
use ::redis::{Client as RedisClient, IntoConnectionInfo, Value};
use bytes::Bytes;
use cachekit_io::{Backend, Fetched};
use cachekit_test_servers::Node;
use fred::interfaces::{ClientLike, KeysInterface};

use crate::load::Client;

/// What a client asks for.
pub(super) struct Target {
    pub(super) id: u64,
    pub(super) key: String,
}

/// A backend of ours.
pub(super) struct Ours(pub(super) Arc<dyn Backend>);

impl Client<Target> for Ours {
    async fn get(&self, target: &Target) -> Result<Bytes, String> {
        let found = self.0.get(&target.key).await.map_err(|error| error.to_string())?;
        found.map(Fetched::into_value).ok_or_else(|| "absent".to_owned())
    }
}

/// One connection of the `redis` crate, and nothing around it.
pub(super) struct Bare(MultiplexedConnection);

impl Bare {
    pub(super) async fn connect(server: &Node) -> Result<Self, String> {
        let text = |error: ::redis::RedisError| error.to_string();
        let settings = TcpSettings::default().set_nodelay(true);
        let info = server.url().into_connection_info().map_err(text)?.set_tcp_settings(settings);
        let client = RedisClient::open(info).map_err(text)?;
        client.get_multiplexed_async_connection().await.map(Self).map_err(text)
    }

    /// How many of these there are.
    pub(super) async fn get_many(&self, keys: &[&str]) -> Result<usize, String> {
        let mut connection = self.0.clone();
        let asked = ::redis::cmd("MGET").arg(keys).query_async(&mut connection).await;
        match asked.map_err(|error| error.to_string())? {
            Value::Array(values) => {
                Ok(values.iter().filter(|value| matches!(value, Value::BulkString(_))).count())
            }
            _ => Err("no array".to_owned()),
        }
    }
}

impl Client<Target> for Bare {
    async fn get(&self, target: &Target) -> Result<Bytes, String> {
        let mut connection = self.0.clone();
        let asked = ::redis::cmd("GET").arg(&target.key).query_async(&mut connection).await;
        match asked.map_err(|error| error.to_string())? {
            Value::BulkString(value) => Ok(value.into()),
            _ => Err("absent".to_owned()),
        }
    }
}

/// The client crate `fred`, over one connection, with its settings as they come.
pub(super) struct Fred(fred::clients::Client);

impl Fred {
    pub(super) async fn connect(server: &Node) -> Result<Self, String> {
        let text = |error: fred::error::Error| error.to_string();
        let config = fred::types::config::Config::from_url(&server.url()).map_err(text)?;
        let client = fred::types::Builder::from_config(config).build().map_err(text)?;
        client.init().await.map_err(text)?;
        Ok(Self(client))
    }
}

impl Client<Target> for Fred {
    async fn get(&self, target: &Target) -> Result<Bytes, String> {
        let found: Option<Bytes> =
            self.0.get(target.key.as_str()).await.map_err(|error| error.to_string())?;
        found.ok_or_else(|| "absent".to_owned())
    }
}
