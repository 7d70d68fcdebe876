//! The memory of the last entry that left a store on this thread, for the next one that comes in.
//!
//! In a full store an entry goes for each that comes. Where nothing runs when an entry is dropped, its memory can wait for
//! the next one: to allocate and to free it would take longer than all that a store does with it.

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;

use super::{Entry, Head, Resident, StoreNumber};
use crate::clock::Ticks;
use crate::counters::CounterId;
use crate::sync::per_thread;

/// The largest entry that is left for the next one, in bytes.
pub(super) const MOST: usize = 256;

per_thread! {
    static LEFT: Cell<Option<Resident>> = Cell::new(None);
}

/// An entry that has a time and nothing else ([`Head::plain`]), in new memory or in that of one that left, if it was of the
/// same types and nothing holds it any more.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn plain<K, V>(
    (store, counter, expires): (StoreNumber, CounterId, Ticks),
    key: K,
    value: V,
) -> Resident
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    if Entry::<K, V>::IS_INERT
        && let Ok(Some(mut left)) = LEFT.try_with(Cell::take)
        && let Some(place) = Arc::get_mut(&mut left)
        && let Some(place) = (place as &mut dyn Any).downcast_mut::<Entry<K, V>>()
    {
        place.head.renew(store, counter, expires);
        (place.key, place.value) = (key, value);
        return left;
    }
    Arc::new(Entry { head: Head::plain(store, counter, expires), key, value })
}

/// Leaves the memory of an entry that has ended, is inert, and is in no store any more.
#[inline]
pub(crate) fn leave(entry: Resident) {
    // Where a thread ends there is no next one.
    let _ = LEFT.try_with(|left| left.set(Some(entry)));
}
