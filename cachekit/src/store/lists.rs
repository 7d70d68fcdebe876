//! The queues of a shard: lists of slots, each in a circle through its head.
//!
//! What changes them takes the slots as a slice: its place in memory is read once.

use std::mem;

use super::shard::Inner;
use super::slot::{LONE, Slot, WINDOW};
use crate::entry::Resident;

impl Inner {
    #[inline]
    pub(super) fn first(&self, queue: u8) -> Option<u32> {
        let first = self.slot(u32::from(queue)).next;
        (first != u32::from(queue)).then_some(first)
    }

    /// The first of a queue that is not this one.
    #[inline]
    pub(super) fn first_but(&self, queue: u8, newest: u32) -> Option<u32> {
        let first = self.first(queue)?;
        if first != newest {
            return Some(first);
        }
        let second = self.slot(first).next;
        (second != u32::from(queue)).then_some(second)
    }

    #[inline]
    pub(super) fn move_last(&mut self, at: u32, queue: u8) {
        unlink(&mut self.slots, at);
        link_last(&mut self.slots, at, queue);
    }
}

/// Takes a slot out of its list.
#[inline(always)]
pub(super) fn unlink(slots: &mut [Slot], at: u32) {
    let Slot { prev, next, .. } = slots[at as usize];
    slots[prev as usize].next = next;
    slots[next as usize].prev = prev;
}

/// Takes the first slot out of a list that has one.
#[inline(always)]
pub(super) fn unlink_first(slots: &mut [Slot], queue: u8) {
    let head = u32::from(queue);
    let first = slots[head as usize].next;
    let next = slots[first as usize].next;
    slots[head as usize].next = next;
    slots[next as usize].prev = head;
}

/// Puts a slot that is in no list at the end of one.
#[inline(always)]
pub(super) fn link_last(slots: &mut [Slot], at: u32, queue: u8) {
    let head = u32::from(queue);
    let last = mem::replace(&mut slots[head as usize].prev, at);
    slots[last as usize].next = at;
    let slot = &mut slots[at as usize];
    (slot.prev, slot.next, slot.queue) = (last, head, queue);
}

/// Puts an entry into a slot that has none, at the end of the window.
#[inline(always)]
pub(super) fn admit(slots: &mut [Slot], at: u32, entry: Option<Resident>) {
    let slot = &mut slots[at as usize];
    debug_assert!(slot.entry.is_none() && slot.fills != LONE);
    // Nothing was there, and so nothing is dropped.
    mem::forget(mem::replace(&mut slot.entry, entry));
    slot.uses = 0;
    link_last(slots, at, WINDOW);
}
