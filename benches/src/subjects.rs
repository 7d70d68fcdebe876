//! What the contenders cache: keys, values and the functions behind them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use equivalent::Equivalent;
use serde::{Deserialize, Serialize};

/// The bound every bounded contender gets.
pub(crate) const CAPACITY: u64 = 10_000;
/// The time to live of every contender that has one; long enough never to pass.
pub(crate) const TTL: Duration = Duration::from_secs(60);
/// The tenants that share the user ids of [`profile`].
pub(crate) const TENANTS: [&str; 4] = ["acme", "globex", "initech", "umbrella corporation"];
const BLOB: usize = 4096;

#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) _name: String,
    pub(crate) _email: String,
}

/// A small struct that goes through a codec.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) email: String,
}

pub(crate) fn person(id: u64) -> Person {
    Person { id, name: format!("User {id:08}"), email: format!("user{id:08}@acme.example") }
}

/// A computation that costs next to nothing, so that only the cache is measured.
pub(crate) fn number(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17)
}

pub(crate) fn profile(tenant: &str, id: u64) -> Profile {
    Profile { _name: format!("User {id:08}"), _email: format!("user{id:08}@{tenant}.example") }
}

pub(crate) fn shared_profile(tenant: &str, id: u64) -> Arc<Profile> {
    Arc::new(profile(tenant, id))
}

pub(crate) fn vector(key: u64) -> Vec<u8> {
    vec![number(key).to_le_bytes()[0]; BLOB]
}

pub(crate) fn bytes(key: u64) -> Bytes {
    Bytes::from(vector(key))
}

/// What every caller of a cold key waits for. Half of the keys only let other tasks run, the other
/// half take a while, as a query would.
pub(crate) async fn slow_number(key: u64) -> u64 {
    if key.is_multiple_of(2) {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    number(key)
}

/// Counts events; only ever added to, and only off the hit path.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) const fn new() -> Self {
        Counter(AtomicU64::new(0))
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(crate) type ProfileKey = (String, u64);

/// Looks a [`ProfileKey`] up without building one.
pub(crate) struct ProfileQuery<'a>(pub(crate) &'a str, pub(crate) u64);

impl Hash for ProfileQuery<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0, self.1).hash(state);
    }
}

impl Equivalent<ProfileKey> for ProfileQuery<'_> {
    fn equivalent(&self, key: &ProfileKey) -> bool {
        self.1 == key.1 && self.0 == key.0
    }
}
