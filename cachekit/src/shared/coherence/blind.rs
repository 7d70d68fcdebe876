//! Values that were made while the backend did not answer: it does not know of them, so it tells nothing of them. They
//! are served while it is away, and dropped when it answers again, before anything else is kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Coherence;
use super::index::{Reason, Told};
use crate::entry::AnyEntry;
use crate::site::StoreRef;

/// As many are not worth a sweep.
const FEW: usize = 64;

#[derive(Default)]
pub(super) struct Blind {
    /// Read first: in good times there is nothing.
    any: AtomicBool,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    /// Weak, so that no value is kept alive.
    copies: Vec<(Weak<AnyEntry>, StoreRef)>,
    /// At which count those that are gone are forgotten.
    sweep_at: usize,
}

impl Blind {
    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Coherence {
    /// The entry's function ran without the backend, which did not answer. Said before the entry is published.
    pub(in crate::shared) fn made_blindly(&self, entry: &Arc<AnyEntry>, store: &StoreRef) {
        let mut made = self.blind.made();
        if made.copies.len() >= made.sweep_at.max(FEW) {
            made.copies.retain(|(entry, _)| entry.strong_count() > 0);
            made.sweep_at = made.copies.len() * 2;
        }
        made.copies.push((Arc::downgrade(entry), store.clone()));
        // With the list locked: a reader that finds the mark finds the entry.
        self.blind.any.store(true, Ordering::SeqCst);
    }

    /// The backend answers.
    pub(in crate::shared) fn answered(self: &Arc<Self>) {
        if self.blind.any.load(Ordering::Relaxed) {
            self.drop_blind();
        }
    }

    #[cold]
    fn drop_blind(self: &Arc<Self>) {
        let mut made = self.blind.made();
        self.blind.any.store(false, Ordering::SeqCst);
        let copies = std::mem::take(&mut *made).copies;
        drop(made);
        let mut told = Told::new(Reason::Gap);
        for (entry, store) in copies {
            if let Some(entry) = entry.upgrade() {
                told.drop_copy(store, entry);
            }
        }
        self.bury(told);
    }
}
