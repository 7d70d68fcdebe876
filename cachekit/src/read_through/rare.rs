//! What few misses have: made when it is needed, so that the others are small.

use std::sync::Arc;

use super::miss::Miss;
use super::revalidate::Ticket;
use crate::clock::{NEVER, Ticks};
use crate::entry::{Fate, Plan};
use crate::shape::Shape;
use crate::store::Store;

/// What few misses have.
pub(super) struct Rare<K, V> {
    /// A stale value was found, and this call is to see to its refresh.
    pub(super) stale: Option<Ticket>,
    /// This call is the refresh.
    pub(super) refresh: Option<Ticket>,
    /// The refresh is its caller's own call: there is no place to run it behind that one's back.
    pub(super) in_place: bool,
    /// How long the value stays after a use.
    pub(super) idle: Ticks,
    /// A second copy of the key, where the call may go on after an entry was made of the first: with `stale`.
    pub(super) spare: Option<K>,
    /// What may end the fill besides this process; once the shared tier is asked.
    pub(super) fate: Option<Arc<Fate>>,
    pub(super) plans: Option<Arc<dyn Plans<K, V>>>,
}

impl<K, V> Default for Rare<K, V> {
    fn default() -> Self {
        Self {
            stale: None,
            refresh: None,
            in_place: false,
            idle: NEVER,
            spare: None,
            fate: None,
            plans: None,
        }
    }
}

/// What a cache says of its entries, over what an attribute says.
pub(crate) trait Plans<K, V>: Send + Sync {
    /// What an entry of this key and value is to be that lives so long at most; `None`: it is not stored.
    fn plan(&self, store: &Store, hash: u64, entry: (&K, &V), ttl: Ticks) -> Option<Plan>;
}

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    pub(crate) fn planned(mut self, plans: Arc<dyn Plans<K, S::Stored>>) -> Self {
        self.rare().plans = Some(plans);
        self
    }

    pub(super) fn rare(&mut self) -> &mut Rare<K, S::Stored> {
        self.rare.get_or_insert_with(Box::default)
    }

    /// The ticket of this call, if it is a refresh.
    pub(super) fn refresh(&self) -> Option<&Ticket> {
        self.rare.as_ref()?.refresh.as_ref()
    }

    pub(super) fn take_refresh(&mut self) -> Option<Ticket> {
        self.rare.as_mut()?.refresh.take()
    }

    /// The ticket for a stale value that was found.
    pub(super) fn stale(&self) -> Option<&Ticket> {
        self.rare.as_ref()?.stale.as_ref()
    }

    pub(super) fn take_stale(&mut self) -> Option<Ticket> {
        self.rare.as_mut()?.stale.take()
    }
}
