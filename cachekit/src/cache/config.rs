//! The settings of a [`Cache`](super::Cache), and what they mean for its entries.

use std::sync::Arc;

use crate::clock::{self, NEVER, Ticks};
use crate::entry::{Entry, Plan};
use crate::expiry::Expiry;
use crate::read_through::Plans;
use crate::store::Store;

/// Weight of an entry by its key and value.
pub(crate) type Weigh<K, V> = Arc<dyn Fn(&K, &V) -> u64 + Send + Sync>;

pub(crate) struct Config<K, V> {
    pub(crate) ttl: Ticks,
    /// How long an entry stays after a use.
    pub(crate) idle: Ticks,
    pub(crate) weigh: Option<Weigh<K, V>>,
    pub(crate) expiry: Option<Arc<dyn Expiry<K, V>>>,
}

impl<K, V> Config<K, V> {
    /// Whether only a TTL limits the life of an entry.
    pub(super) fn is_plain(&self) -> bool {
        self.idle == NEVER && self.weigh.is_none() && self.expiry.is_none()
    }
}

impl<K, V> Config<K, V>
where
    K: Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// The remaining time of an entry of this key if it stays in use: only if the entry is fresh; `NEVER` if it does
    /// not expire.
    fn left(store: &Store, hash: u64, key: &K, now: Ticks) -> Option<Ticks> {
        let entry = store.fresh(hash)?;
        let entry = entry.of_key::<K, V>(|other| other == key)?;
        Some(left_in_use(entry, now))
    }

    /// Applies the rules for a use of an entry.
    pub(super) fn used(&self, entry: &Entry<K, V>, now: Ticks) {
        let Some(expiry) = &self.expiry else { return };
        let left = left_in_use(entry, now);
        let before = (left != NEVER).then(|| clock::duration(left));
        let after = expiry.after_read(&entry.key, &entry.value, before);
        if after != before {
            entry.head.rule(clock::deadline(|| now, clock::span(after)));
        }
    }
}

/// The remaining time of an entry now.
pub(super) fn left_of<K, V>(entry: &Entry<K, V>, now: Ticks) -> Ticks {
    until(entry.head.expires(), now)
}

/// The remaining time of an entry if it is used all the time.
pub(super) fn left_in_use<K, V>(entry: &Entry<K, V>, now: Ticks) -> Ticks {
    until(entry.head.expires_in_use(), now)
}

fn until(expires: Ticks, now: Ticks) -> Ticks {
    if expires == NEVER { NEVER } else { expires.saturating_sub(now) }
}

impl<K, V> Plans<K, V> for Config<K, V>
where
    K: Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn plan(&self, store: &Store, hash: u64, entry: (&K, &V), ttl: Ticks) -> Option<Plan> {
        let (key, value) = entry;
        let now = store.now();
        let (mut stays, mut ruled) = (ttl, None);
        if let Some(expiry) = &self.expiry {
            let span = match Self::left(store, hash, key, now) {
                None => expiry.after_create(key, value),
                Some(left) => {
                    expiry.after_update(key, value, (left != NEVER).then(|| clock::duration(left)))
                }
            };
            let span = clock::span(span);
            stays = stays.min(span);
            ruled = Some(clock::deadline(|| now, span));
        }
        if stays == 0 {
            return None;
        }
        let weight = self.weigh.as_ref().map_or(1, |weigh| weigh(key, value));
        let expires = clock::deadline(|| now, ttl);
        Some(Plan { weight, idle: self.idle, now, ruled, ..Plan::until(expires) })
    }
}
