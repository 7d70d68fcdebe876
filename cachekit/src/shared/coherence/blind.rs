//! Values that the backend does not have: it did not answer when they were computed, or rejected them. The backend
//! sends events only about entries that it has, so it sends none about these. They are served while it is down,
//! and dropped at its next answer, before anything else is kept.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::Coherence;
use super::index::{Reason, Told};
use crate::contained::lock;
use crate::entry::Fate;
use crate::shared::{budget, runtime};
use crate::store::{StoreRef, WeakStoreRef};

/// Up to this many are not worth a sweep.
const FEW: usize = 64;

/// After such a value was computed, when the backend is first probed if no call uses it, and how often from then
/// on.
const FIRST_ASKED: Duration = Duration::from_secs(1);
const LAST_ASKED: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Blind {
    /// Read first: usually there are none.
    any: AtomicBool,
    /// A task probes the backend again and again.
    asking: AtomicBool,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    /// Weak, so that no value is kept alive.
    copies: Vec<(Weak<Fate>, WeakStoreRef)>,
    /// At which count dead ones are removed.
    sweep_at: usize,
}

impl Blind {
    /// Whether the probing task ends; a value that is computed from here on starts another.
    fn ends(&self) -> bool {
        if self.any.load(Ordering::SeqCst) {
            return false;
        }
        self.asking.store(false, Ordering::SeqCst);
        // A value may have been added in between, by a thread that found the task running.
        !self.any.load(Ordering::SeqCst) || self.asking.swap(true, Ordering::SeqCst)
    }
}

impl Coherence {
    /// The value of this entry, which belongs under this key, is not in the backend. Called before or after the
    /// entry is published.
    pub(in crate::shared) fn made_blindly(
        self: &Arc<Self>,
        key: &str,
        fate: &Arc<Fate>,
        store: &StoreRef,
    ) {
        let mut made = lock(&self.blind.made);
        if made.copies.len() >= made.sweep_at.max(FEW) {
            made.copies.retain(|(fate, _)| fate.strong_count() > 0);
            made.sweep_at = made.copies.len() * 2;
        }
        made.copies.push((Arc::downgrade(fate), store.downgrade()));
        // With the list locked: a reader that sees the flag sees the entry.
        self.blind.any.store(true, Ordering::SeqCst);
        drop(made);
        if !self.blind.asking.swap(true, Ordering::SeqCst) {
            runtime::detach(ask(Arc::downgrade(self), key.to_owned(), budget()));
        }
    }

    /// The backend answers.
    pub(in crate::shared) fn answered(self: &Arc<Self>) {
        if self.blind.any.load(Ordering::Relaxed) {
            self.drop_blind();
        }
    }

    #[cold]
    fn drop_blind(self: &Arc<Self>) {
        let mut made = lock(&self.blind.made);
        self.blind.any.store(false, Ordering::SeqCst);
        let copies = std::mem::take(&mut *made).copies;
        drop(made);
        let mut told = Told::new(Reason::Gap);
        for (fate, store) in copies {
            if let (Some(store), Some(fate)) = (store.upgrade(), fate.upgrade()) {
                told.drop_copy(store, fate);
            }
        }
        self.bury(told);
    }
}

/// Probes the backend until there are no such values left: if every call is a hit, no call probes it.
async fn ask(coherence: Weak<Coherence>, key: String, budget: Duration) {
    let mut pause = FIRST_ASKED;
    loop {
        runtime::sleep(Instant::now() + pause).await;
        let Some(this) = coherence.upgrade() else { return };
        if this.blind.ends() {
            return;
        }
        let Some(backend) = this.backend.upgrade() else { return };
        let until = Instant::now() + budget;
        let answer = runtime::bounded(until, pin!(async { backend.get(&key).await })).await;
        if matches!(answer, Ok(Ok(_))) {
            this.answered();
        }
        pause = (pause * 2).min(LAST_ASKED);
    }
}
