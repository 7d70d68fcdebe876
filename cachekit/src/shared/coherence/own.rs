//! A process's own changes, and how their echo is distinguished from another process's change.
//!
//! An event contains a key and nothing else. The echo of an own write looks like the event of a foreign one. They
//! may arrive in any order, and either may arrive twice or, for a first write, not at all. So neither is counted.
//! An event that could be an echo makes the process look at the backend once. If the backend has exactly what this
//! process wrote, no newer write had arrived when the event was sent, and the entry stays. Otherwise, or if the
//! look fails, the entry is dropped.
//!
//! Events that arrive while the write is in flight are checked at its end, before its caller has its answer. A
//! later event takes the entry out of service until the look has decided.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use cachekit_io::Fetched;

use super::Coherence;
use super::index::{Copied, Put, Reason, Told};
use crate::entry::{Fate, Resident};
use crate::shared::{RemoteEntry, budget, runtime};
use crate::store::StoreRef;

/// Looks after a write before it counts as overtaken, if events keep coming.
const LOOKS: usize = 2;

/// Concurrent looks in the background. Above that, entries in doubt are dropped.
const MOST_LOOKS: usize = 64;

/// One change of an entry in the backend by this process, until it is over.
pub(in crate::shared) struct Own {
    coherence: Arc<Coherence>,
    hash: u64,
    fate: Arc<Fate>,
    store: StoreRef,
    /// The value afterwards, for a change whose echo is expected.
    put: Option<Put>,
    over: bool,
    /// Events arrived meanwhile, and no look has decided yet what they are.
    doubted: bool,
}

impl Own {
    /// Begins a change of an entry in the backend, to this value, or to none. `None` if no events are
    /// expected for the entry.
    pub(in crate::shared) fn begin(
        coherence: &Arc<Coherence>,
        key: &str,
        copy: (&Arc<Fate>, &StoreRef),
        value: Option<&[u8]>,
    ) -> Option<Self> {
        let put = value.map(|value| coherence.index.hash(value));
        Self::new(coherence, key, copy, Some(put))
    }

    /// Begins a run whose write the backend refuses if another process changes the entry meanwhile.
    pub(in crate::shared) fn run(
        coherence: &Arc<Coherence>,
        key: &str,
        copy: (&Arc<Fate>, &StoreRef),
    ) -> Option<Self> {
        Self::new(coherence, key, copy, None)
    }

    fn new(
        coherence: &Arc<Coherence>,
        key: &str,
        (fate, store): (&Arc<Fate>, &StoreRef),
        put: Option<Put>,
    ) -> Option<Self> {
        let hash = coherence.index.hash(key.as_bytes());
        coherence.index.begin(hash, fate).then(|| Self {
            coherence: Arc::clone(coherence),
            hash,
            fate: Arc::clone(fate),
            store: store.clone(),
            put,
            over: false,
            doubted: false,
        })
    }

    /// Its write begins: from here on the backend's answer to the write decides, not an event.
    pub(in crate::shared) fn give_way(mut self) {
        self.over = true;
    }

    /// Ends it. False if another process has changed the entry since, or may have: then this copy is dead.
    pub(in crate::shared) async fn stands(
        mut self,
        remote_entry: &RemoteEntry,
        until: Instant,
    ) -> bool {
        self.doubted = !self.coherence.index.settle(self.hash, &self.fate, self.put);
        for _ in 0..LOOKS {
            if !self.doubted {
                break;
            }
            let found = remote_entry.get(&self.store, until).await;
            let same =
                found.is_ok_and(|found| Some(self.coherence.put(found.as_ref())) == self.put);
            if !same {
                break;
            }
            if self.coherence.index.confirm(self.hash, &self.fate) {
                self.doubted = false;
            } else {
                self.coherence.index.begin(self.hash, &self.fate);
            }
        }
        self.over = true;
        // If it is dropped with a doubt, it kills the entry.
        !self.doubted
    }

    /// It has changed nothing.
    pub(in crate::shared) fn failed(mut self) {
        self.coherence.index.quit(self.hash, &self.fate);
        self.over = true;
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // The caller may have gone while the change was in flight.
        if !self.over && !self.doubted {
            self.doubted = !self.coherence.index.settle(self.hash, &self.fate, self.put);
        }
        if self.doubted {
            self.coherence.index.quit(self.hash, &self.fate);
            self.coherence.drop_copy((self.store.clone(), Arc::clone(&self.fate)), None);
        }
    }
}

impl Coherence {
    /// What the backend has under the key.
    fn put(&self, found: Option<&Fetched>) -> Put {
        found.map(|found| self.index.hash(found.value()))
    }

    fn drop_copy(self: &Arc<Self>, (store, fate): Copied, entry: Option<Resident>) {
        let mut told = Told::new(Reason::Told);
        told.held.extend(entry);
        told.drop_copy(store, fate);
        self.bury(told);
    }
}

/// An entry that is out of service until a look has decided. Dropping it kills the entry.
struct Doubted {
    coherence: Arc<Coherence>,
    copy: Option<(Copied, Resident)>,
}

impl Doubted {
    fn settle(mut self, hash: u64) {
        let coherence = Arc::clone(&self.coherence);
        let confirmed =
            |((_, fate), _): &mut (Copied, Resident)| coherence.index.confirm(hash, fate);
        let Some((copy, entry)) = self.copy.take_if(confirmed) else { return };
        // Not dropped here: a value's destructor is foreign code, and this thread drives connections.
        let mut told = Told::new(Reason::Told);
        told.dead.push(copy);
        told.held.push(entry);
        self.coherence.bury(told);
    }
}

impl Drop for Doubted {
    fn drop(&mut self) {
        self.coherence.looks.fetch_sub(1, Ordering::Relaxed);
        if let Some((copy, entry)) = self.copy.take() {
            self.coherence.drop_copy(copy, Some(entry));
        }
    }
}

/// Checks in the background whether the backend still has what this process wrote.
pub(super) fn look(coherence: &Arc<Coherence>, key: &str, copy: (Copied, Resident), put: Put) {
    let under_way = coherence.looks.fetch_add(1, Ordering::Relaxed);
    let doubted = Doubted { coherence: Arc::clone(coherence), copy: Some(copy) };
    if under_way >= MOST_LOOKS {
        return;
    }
    let (coherence, key) = (Arc::clone(coherence), key.to_owned());
    let pending = coherence.pending.start();
    let until = Instant::now() + budget();
    runtime::detach(async move {
        // Dropped after the guarded work: a captured variable would outlive it.
        let _pending = pending;
        let doubted = doubted;
        let Some(backend) = coherence.backend.upgrade() else { return drop(doubted) };
        let found = runtime::bounded(until, pin!(async { backend.get(&key).await })).await;
        if matches!(&found, Ok(Ok(found)) if coherence.put(found.as_ref()) == put) {
            doubted.settle(coherence.index.hash(key.as_bytes()));
        }
    });
}
