//! The store that the command line names.

use super::Failure;
use super::arguments::{RedisOptions, Serve, StoreChoice};
use cachekit_io::{Redis, RedisBuilder};
use cachekit_server::{
    Builder, DiskStore, MemoryStore, RedisStore, RedisStoreError, Timestamp, wall_clock,
};
use std::time::Duration;

/// Room in a store of this process without `--max-bytes`.
const DEFAULT_BYTES: u64 = 1 << 30;
/// Time for one operation in Redis without `--store-timeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// What the client of Redis calls its settings, and what they are called here.
const NAMES: [(&str, &str); 7] = [
    ("CACHEKIT_REDIS_URL", "--store"),
    ("CACHEKIT_REDIS_PREFIX", "--store-prefix"),
    ("CACHEKIT_REDIS_PASSWORD_FILE", "--store-password-file"),
    ("CACHEKIT_REDIS_CERT_FILE", "--store-tls-cert"),
    ("CACHEKIT_REDIS_KEY_FILE", "--store-tls-key"),
    ("CACHEKIT_CA_FILE", "--store-ca-file"),
    ("CACHEKIT_TIMEOUT", "--store-timeout"),
];

pub(super) async fn chosen(builder: Builder, options: &Serve) -> Result<Builder, Failure> {
    let capacity = options.max_bytes.map_or(DEFAULT_BYTES, |size| size.0);
    let url = match &options.store {
        StoreChoice::Other(url) if is_redis(url) => url,
        // What it is may hold a password, and is not shown.
        StoreChoice::Other(_) => {
            return Err(Failure::usage(
                "--store is `memory` or `disk:DIR` or the URL of a Redis, such as redis://host; see --help",
            ));
        }
        own => {
            if let Some(name) = options.redis.given() {
                let message = format!("{name} is for a store in Redis; see --store");
                return Err(Failure::usage(message));
            }
            return match own {
                StoreChoice::Disk(directory) => {
                    let now = Timestamp::of(&wall_clock());
                    let disk = DiskStore::open(directory, capacity, now);
                    Ok(builder.store(disk.map_err(Failure::usage)?))
                }
                _ => Ok(builder.store(MemoryStore::new(capacity))),
            };
        }
    };
    // Command lines are in process lists and in the histories of shells.
    if options.store_is_shown && Redis::url_has_password(url).unwrap_or(false) {
        return Err(Failure::usage(
            "--store has a URL with a password, which every user of the machine can see: set CACHEKIT_SERVER_STORE \
             instead, or leave the password out and give --store-password-file. Change the password",
        ));
    }
    if options.max_bytes.is_some() {
        return Err(Failure::usage(
            "--max-bytes is for the memory and the disk store; Redis has `maxmemory`",
        ));
    }
    if options.limits.quota_bytes.is_some() {
        return Err(Failure::usage(
            "--quota-bytes is for the memory and the disk store: over Redis no node knows what a tenant \
             has stored through the others; Redis has `maxmemory`",
        ));
    }
    let store = RedisStore::open(settings(url, &options.redis)).await;
    Ok(builder.redis_store(store.map_err(|error| refused(&error))?))
}

fn is_redis(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    scheme == "unix" || scheme.starts_with("redis") || scheme.starts_with("valkey")
}

fn settings(url: &str, options: &RedisOptions) -> RedisBuilder {
    let timeout = options.store_timeout.map_or(DEFAULT_TIMEOUT, |seconds| seconds.0);
    let replicas = options.store_replicas.unwrap_or(0);
    let mut builder = Redis::builder().url(url).timeout(timeout).replicas(replicas);
    if let Some(prefix) = &options.store_prefix {
        builder = builder.prefix(prefix);
    }
    if let Some(file) = &options.store_password_file {
        builder = builder.password_file(file);
    }
    if let Some(file) = &options.store_ca_file {
        builder = builder.ca_file(file);
    }
    if let (Some(certificate), Some(key)) = (&options.store_tls_cert, &options.store_tls_key) {
        builder = builder.client_certificate(certificate, key);
    }
    builder
}

/// The error, with the names of our options.
fn refused(error: &RedisStoreError) -> Failure {
    let message =
        NAMES.iter().fold(error.to_string(), |text, (theirs, ours)| text.replace(theirs, ours));
    Failure::usage(message)
}
