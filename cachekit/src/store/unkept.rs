//! Results that were not stored, by key: what explanations say about a call that misses again and again.

use std::sync::OnceLock;
// Plain std on purpose: these records are not part of what the model checker explores.
use std::sync::atomic::{AtomicU64, Ordering};

use crate::explain::NotStored;

/// Size of the table: how many keys are remembered at most. A key displaces another one whose hash shares the bits
/// that select the slot.
const PLACES: usize = 1024;

/// The lowest bits of a slot: the reason, from 1. The other bits are those of the key's hash.
const REASON: u64 = 0b111;

const REASONS: [NotStored; 4] =
    [NotStored::Condition, NotStored::Error, NotStored::None, NotStored::NoTime];

/// Why the last results of some keys were not stored. Without a lock, because every miss comes here.
#[derive(Default)]
pub(super) struct Unkept {
    /// Created for the first of them: most functions have none.
    table: OnceLock<Box<[AtomicU64]>>,
}

impl Unkept {
    #[inline]
    fn place(table: &[AtomicU64], hash: u64) -> Option<&AtomicU64> {
        // The upper bits are left out on purpose.
        #[allow(clippy::cast_possible_truncation)]
        let at = (hash >> REASON.count_ones()) as usize % PLACES;
        table.get(at)
    }

    /// The result for a key was not stored.
    pub(super) fn note(&self, hash: u64, why: NotStored) {
        let table = self.table.get_or_init(|| (0..PLACES).map(|_| AtomicU64::new(0)).collect());
        let Some(reason) = (1..).zip(REASONS).find(|(_, known)| *known == why) else { return };
        if let Some(place) = Self::place(table, hash) {
            place.store(hash & !REASON | reason.0, Ordering::Relaxed);
        }
    }

    /// A value for a key was stored, or its entry was removed.
    #[inline]
    pub(super) fn forget(&self, hash: u64) {
        if let Some(table) = self.table.get() {
            Self::forget_in(table, hash);
        }
    }

    #[cold]
    fn forget_in(table: &[AtomicU64], hash: u64) {
        let Some(place) = Self::place(table, hash) else { return };
        let held = place.load(Ordering::Relaxed);
        if held != 0 && held & !REASON == hash & !REASON {
            // Unless another thread has just written something there.
            let _ = place.compare_exchange(held, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// All entries were removed.
    pub(super) fn forget_all(&self) {
        for place in self.table.get().into_iter().flatten() {
            place.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn why(&self, hash: u64) -> Option<NotStored> {
        let held = Self::place(self.table.get()?, hash)?.load(Ordering::Relaxed);
        let reason = usize::try_from(held & REASON).ok()?.checked_sub(1)?;
        (held & !REASON == hash & !REASON).then(|| REASONS.get(reason).copied()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes that differ in all bits.
    fn spread(n: u64) -> u64 {
        n.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    #[test]
    fn each_reason_is_remembered_until_it_is_forgotten() {
        let unkept = Unkept::default();
        unkept.forget(spread(1));
        assert_eq!(unkept.why(spread(1)), None);
        for (n, why) in (1..).zip(REASONS) {
            unkept.note(spread(n), why);
        }
        for (n, why) in (1..).zip(REASONS) {
            assert_eq!(unkept.why(spread(n)), Some(why));
        }
        unkept.forget(spread(2));
        assert_eq!(unkept.why(spread(2)), None);
        assert_eq!(unkept.why(spread(1)), Some(REASONS[0]));
        unkept.forget_all();
        assert_eq!(unkept.why(spread(1)), None);
    }

    #[test]
    fn a_key_never_has_the_reason_of_another() {
        let unkept = Unkept::default();
        let mine = 1 << 40;
        let of_the_same_place = mine + (1 << 50);
        unkept.note(mine, NotStored::Error);
        assert_eq!(unkept.why(of_the_same_place), None);
        unkept.forget(of_the_same_place);
        assert_eq!(unkept.why(mine), Some(NotStored::Error));
        unkept.note(of_the_same_place, NotStored::Condition);
        assert_eq!(unkept.why(mine), None);
        assert_eq!(unkept.why(of_the_same_place), Some(NotStored::Condition));
    }

    #[test]
    fn of_many_keys_the_table_holds_as_many_as_it_has_places() {
        let unkept = Unkept::default();
        for n in 1..=100_000 {
            unkept.note(spread(n), NotStored::Condition);
        }
        let known = (1..=100_000).filter(|n| unkept.why(spread(*n)).is_some()).count();
        assert!(known > PLACES / 2 && known <= PLACES, "{known}");
    }
}
