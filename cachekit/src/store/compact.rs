//! Gives memory back that a shard no longer needs.

use super::challenge::Challenge;
use super::index::Index;
use super::shard::{Inner, SPARE};
use super::sketch::Sketch;
use super::slot::{MAIN, NO_QUEUE, NONE, Slot, WINDOW};

impl Inner {
    /// Makes the tables as small as the room, or the entries, if they are more than twice as large: what walks all
    /// slots, and what is done after so many insertions, would keep to the old size.
    ///
    /// Running fills know the numbers of their slots. While there are some, nothing is done; the next call may.
    pub(super) fn compact(&mut self) {
        // How many entries fit where they have weights shows only how many there are.
        let room = if self.weighted { 0 } else { self.room };
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let most = room.max(self.entries).saturating_add(SPARE);
        if self.fills.running > 0 || self.slots.len() / 2 <= most {
            return;
        }
        let mut slots = Vec::with_capacity(2 + self.entries + SPARE);
        slots.extend([WINDOW, MAIN].map(|queue| Slot::head(u32::from(queue))));
        let mut index = Index::for_slots(self.entries);
        for queue in [WINDOW, MAIN] {
            let head = u32::from(queue);
            let mut at = self.slot(head).next;
            while at != head {
                let old = &mut self.slots[at as usize];
                at = old.next;
                #[allow(clippy::cast_possible_truncation)] // Not more than there were.
                let new = slots.len() as u32;
                index.add(old.hash, new);
                // Moved out of its list, which is not used again.
                let mut slot = std::mem::replace(old, Slot::of(0));
                slot.queue = NO_QUEUE;
                slots.push(slot);
                super::lists::link_last(&mut slots, new, queue);
            }
        }
        (self.slots, self.index, self.free) = (slots, index, NONE);
        if self.entries == 0 {
            self.sketch = Sketch::new();
        } else {
            self.sketch.fold(most);
        }
        self.sketch.fit(self.slots.capacity().min(most));
        // They name slots by their old numbers.
        self.challenge = Challenge::default();
        self.sweep.start_over();
        self.fills.compact();
    }
}
