//! How entries come into a store.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::eviction::{Evicted, Resident};
use super::{EVICTING, Store};
use crate::clock::{self, Ticks};
use crate::entry::{Entry, Head};
use crate::flight::{Flight, Flights, Landing};

impl Store {
    /// Stores a flight's entry and publishes it, unless it was invalidated or overtaken meanwhile. `head` is the
    /// entry's, which the map may have let go of again.
    pub(crate) fn commit(&self, flight: &Flight, entry: Resident, head: &Head) -> bool {
        if self.disabled {
            return false;
        }
        let hash = head.hash;
        // Dropped last, without a lock: a value's destructor may call back into the cache.
        let mut evicted = Evicted::default();
        let published = flight.publish(|| {
            if head.is_dead() {
                return false;
            }
            self.map.insert_with_lifecycle(hash, entry, &mut evicted);
            // From here on an invalidation finds the entry in the map; one that came before killed it as a
            // running fill. Either way the exchange inside `publish` fails and no caller ever saw the value.
            let published = head.publish();
            if !published {
                self.remove_entry(head);
            }
            published
        });
        self.settle(&evicted, hash);
        published
    }

    /// Stores a value that came from outside a fill. It supersedes the fills of its key that are running.
    pub(crate) fn put<K, V>(&self, entry: &Arc<Entry<K, V>>, windows: (Ticks, Ticks), weight: u64)
    where
        K: Eq + Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        drop(self.put_flying(entry, windows, weight));
    }

    /// The same, for a value that is on its way to the shared tier, too. Until the flight is dropped a younger
    /// value puts an end to it.
    pub(crate) fn put_flying<K, V>(
        &self,
        entry: &Arc<Entry<K, V>>,
        (ttl, window): (Ticks, Ticks),
        weight: u64,
    ) -> Flight
    where
        K: Eq + Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        entry.head.set_expires(clock::deadline(|| self.now(), ttl));
        entry.head.set_window(window);
        entry.head.set_weight(weight);
        let erased = || Arc::clone(entry) as Resident;
        let flight = Flights::global().supersede(erased(), &|other| entry.is_same(other));
        self.commit(&flight, erased(), &entry.head);
        flight.release(Landing::Ready);
        flight
    }

    fn settle(&self, evicted: &Evicted, inserted: u64) {
        let others = evicted.few.iter().flatten().chain(&evicted.more);
        // A replaced entry of the same key was not evicted for room.
        let count = others.filter(|(hash, _)| *hash != inserted).count();
        if count > 0 {
            if !EVICTING.load(Ordering::Relaxed) {
                EVICTING.store(true, Ordering::Relaxed);
            }
            self.evictions.fetch_add(count as u64, Ordering::Relaxed);
        }
    }
}
