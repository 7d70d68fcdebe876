//! The memory of the last entry that left a store on this thread, for the next one that comes in.
//!
//! In a full store an entry goes for each that comes. Where nothing runs when an entry is dropped, its memory can wait for
//! the next one: to allocate and to free it would take longer than all that a store does with it.

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;

use super::{Entry, Resident};
use crate::sync::per_thread;

/// The largest entry that is left for the next one, in bytes.
pub(super) const MOST: usize = 256;

per_thread! {
    static LEFT: Cell<Option<Resident>> = Cell::new(None);
}

/// Puts an entry into memory: that of one that left, if it was of the same types and nothing holds it any more.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn allocated<K, V>(entry: Entry<K, V>) -> Resident
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    if Entry::<K, V>::IS_INERT
        && let Ok(Some(mut left)) = LEFT.try_with(Cell::take)
        && let Some(place) = Arc::get_mut(&mut left)
        && let Some(place) = (place as &mut dyn Any).downcast_mut::<Entry<K, V>>()
    {
        *place = entry;
        return left;
    }
    Arc::new(entry)
}

/// Lets go of an entry that has ended and left its store. What runs when it is dropped runs now.
#[inline]
pub(crate) fn let_go(entry: Resident) {
    if entry.is_inert() {
        // Where a thread ends there is no next one.
        let _ = LEFT.try_with(|left| left.set(Some(entry)));
    }
}
