//! Which entries of this process are copies of what a backend has under a key.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;

use crate::entry::{Fate, Resident};
use crate::store::{StoreRef, WeakStoreRef};
use crate::sync::{Mutex, lock};

const SHARDS: usize = 16;

/// Rows of a shard that are not worth a sweep.
const FEW: usize = 64;

/// What this process has written under a key, by its hash; `None`: it has deleted the entry.
pub(crate) type Put = Option<u64>;

/// How long after a write its echo may arrive. A later event counts as another process's.
const ECHO: Duration = Duration::from_secs(10);

/// The fate of a copy, and the store that it belongs to.
pub(crate) type Copied = (StoreRef, Arc<Fate>);

/// Why copies are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The backend reports that their key was deleted or replaced.
    Told,
    /// Events may have been lost.
    Gap,
    /// Everything was deleted there.
    Cleared,
    /// This process is replacing them itself.
    Own,
    /// No further events will arrive.
    End,
}

/// The result of an event.
pub(crate) struct Told {
    pub(super) reason: Reason,
    /// Copies that are dead now.
    pub(crate) dead: Vec<Copied>,
    /// Their entries. Never dropped on the thread of an event: a value's destructor is foreign code.
    pub(crate) held: Vec<Resident>,
    /// Copies that this process has written itself, as far as it knows. They are not served until a look
    /// at the backend has decided.
    pub(crate) doubted: Vec<(Copied, Resident, Put)>,
    /// How many of the dead copies were alive or in transit.
    pub(super) dropped: u64,
}

/// How to read an event about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// As a change by another process.
    Foreign,
    /// This process is changing the entry: as its own echo or as another process's change; the look after the change
    /// decides.
    Busy { heard: bool },
    /// This process changed the entry at this time, and its echo has not arrived yet.
    Echo(Put, Instant),
    /// The look is in progress.
    Looking { heard: bool },
}

struct Row {
    /// Weak, so that the index keeps nothing alive. The memory is freed at the next sweep.
    fate: Weak<Fate>,
    /// Also weak, because a test scope's store may end.
    store: WeakStoreRef,
    phase: Phase,
}

impl Row {
    /// The copy, if it still exists.
    fn copied(&self) -> Option<Copied> {
        Some((self.store.upgrade()?, self.fate.upgrade()?))
    }

    fn is_of(&self, fate: &Arc<Fate>) -> bool {
        std::ptr::eq(self.fate.as_ptr(), Arc::as_ptr(fate))
    }
}

/// The keys of the tables are already hashes, with a seed of this process.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a table's key is a u64")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[derive(Default)]
struct Shard {
    rows: HashMap<u64, Vec<Row>, BuildHasherDefault<AsItIs>>,
    count: usize,
    /// At which count it is swept next.
    sweep_at: usize,
    ended: bool,
}

impl Shard {
    fn find(&mut self, hash: u64, fate: &Arc<Fate>) -> Option<&mut Row> {
        self.rows.get_mut(&hash)?.iter_mut().find(|row| row.is_of(fate))
    }

    /// Removes dead rows. Rarely enough that each row pays for it once.
    fn sweep(&mut self) {
        self.rows.retain(|_, rows| {
            rows.retain(|row| row.fate.strong_count() > 0);
            !rows.is_empty()
        });
        self.count = self.rows.values().map(Vec::len).sum();
        self.sweep_at = self.count * 2 + FEW;
    }
}

/// The copies of one backend's values, by the hash of their storage key. Two keys with the same hash share their
/// events: that drops too many copies, and has no other effect.
pub(crate) struct Index {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::default() }
    }

    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        self.hasher.hash_one(bytes)
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // The lower bits select a row in the shard's table. The remainder is small.
        #[allow(clippy::cast_possible_truncation)]
        let index = (hash >> 32) as usize % SHARDS;
        &self.shards[index]
    }

    /// Makes the events of a key kill this fate; called before the value is requested from the backend. False: no
    /// events arrive any more.
    pub(crate) fn cover(&self, key: &str, fate: &Arc<Fate>, store: &StoreRef) -> bool {
        let hash = self.hash(key.as_bytes());
        let mut shard = lock(self.shard(hash));
        if shard.ended {
            return false;
        }
        if shard.count >= shard.sweep_at.max(FEW) {
            shard.sweep();
        }
        let rows = shard.rows.entry(hash).or_insert_with(|| Vec::with_capacity(1));
        let before = rows.len();
        // Usually the entry that this one replaces.
        rows.retain(|row| row.fate.strong_count() > 0);
        if !rows.iter().any(|row| row.is_of(fate)) {
            let (fate, store) = (Arc::downgrade(fate), store.downgrade());
            rows.push(Row { fate, store, phase: Phase::Foreign });
        }
        let after = rows.len();
        shard.count = shard.count + after - before;
        true
    }

    /// This process begins to change an entry under this key. False if no event would reach the entry there.
    pub(crate) fn begin(&self, hash: u64, fate: &Arc<Fate>) -> bool {
        let mut shard = lock(self.shard(hash));
        let row = shard.find(hash, fate);
        row.map(|row| row.phase = Phase::Busy { heard: false }).is_some()
    }

    /// The change is over; with `put`, an echo may follow. False if events arrived meanwhile: then it is not over, and
    /// a look at the backend must decide whether they were echoes.
    pub(crate) fn settle(&self, hash: u64, fate: &Arc<Fate>, put: Option<Put>) -> bool {
        let mut shard = lock(self.shard(hash));
        let Some(row) = shard.find(hash, fate) else { return true };
        let quiet = row.phase != Phase::Busy { heard: true };
        row.phase = match put {
            _ if !quiet => Phase::Busy { heard: false },
            Some(put) => Phase::Echo(put, Instant::now()),
            None => Phase::Foreign,
        };
        quiet
    }

    /// The change had no effect.
    pub(crate) fn quit(&self, hash: u64, fate: &Arc<Fate>) {
        let mut shard = lock(self.shard(hash));
        if let Some(row) = shard.find(hash, fate) {
            row.phase = Phase::Foreign;
        }
    }

    /// The look found the value that this process wrote. False if events arrived meanwhile: they are another
    /// process's.
    pub(crate) fn confirm(&self, hash: u64, fate: &Arc<Fate>) -> bool {
        let mut shard = lock(self.shard(hash));
        let Some(row) = shard.find(hash, fate) else { return false };
        let (quiet, doubted) = match row.phase {
            Phase::Busy { heard } => (!heard, false),
            Phase::Looking { heard } => (!heard, true),
            Phase::Foreign | Phase::Echo(..) => (false, false),
        };
        // Its one echo has arrived. Under the lock: an event from here on is another process's.
        row.phase = Phase::Foreign;
        quiet && (!doubted || fate.trust())
    }

    /// The backend reports that a key was deleted or replaced.
    pub(crate) fn tell(&self, key: &str) -> Told {
        let hash = self.hash(key.as_bytes());
        let mut told = Told::new(Reason::Told);
        let mut shard = lock(self.shard(hash));
        let shard = &mut *shard;
        let Some(rows) = shard.rows.get_mut(&hash) else { return told };
        let before = rows.len();
        if rows.iter().any(|row| matches!(row.phase, Phase::Busy { .. })) {
            // The others are what the write in flight replaces.
            told.reason = Reason::Own;
        }
        let own = told.reason == Reason::Own;
        rows.retain_mut(|row| match row.phase {
            Phase::Busy { .. } => {
                row.phase = Phase::Busy { heard: true };
                true
            }
            Phase::Looking { .. } => {
                row.phase = Phase::Looking { heard: true };
                true
            }
            Phase::Echo(put, at) => {
                let Some((store, fate)) = row.copied() else { return false };
                match fate.entry() {
                    Some(entry) if !own && at.elapsed() < ECHO && entry.head().doubt() => {
                        row.phase = Phase::Looking { heard: false };
                        told.doubted.push(((store, fate), entry, put));
                        true
                    }
                    entry => {
                        told.held.extend(entry);
                        told.drop_copy(store, fate)
                    }
                }
            }
            Phase::Foreign => match row.copied() {
                Some((store, fate)) => told.drop_copy(store, fate),
                None => false,
            },
        });
        shard.count -= before - rows.len();
        if rows.is_empty() {
            shard.rows.remove(&hash);
        }
        told
    }

    /// Events may have been lost, or everything was deleted: no copy may be served any more. Entries that this process
    /// is writing at the moment are checked afterwards.
    pub(crate) fn flush(&self, reason: Reason) -> Told {
        self.drop_all(|phase| !matches!(phase, Phase::Busy { .. }), reason)
    }

    /// No further events will arrive.
    pub(crate) fn end(&self) -> Told {
        self.drop_all(|_| true, Reason::End)
    }

    fn drop_all(&self, drops: impl Fn(Phase) -> bool, reason: Reason) -> Told {
        let mut told = Told::new(reason);
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.ended |= reason == Reason::End;
            shard.rows.retain(|_, rows| {
                rows.retain_mut(|row| {
                    if !drops(row.phase) {
                        row.phase = Phase::Busy { heard: true };
                        return true;
                    }
                    row.copied().is_some_and(|(store, fate)| told.drop_copy(store, fate))
                });
                !rows.is_empty()
            });
            shard.count = shard.rows.values().map(Vec::len).sum();
            shard.sweep_at = 0;
        }
        told
    }

    /// Number of rows.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).rows.values().map(Vec::len).sum::<usize>()).sum()
    }
}

impl Told {
    pub(super) fn new(reason: Reason) -> Self {
        Self { reason, dead: Vec::new(), held: Vec::new(), doubted: Vec::new(), dropped: 0 }
    }

    /// Kills a copy for every thread, even if its value is still in transit. Returns false, because it needs no row
    /// any more.
    pub(super) fn drop_copy(&mut self, store: StoreRef, fate: Arc<Fate>) -> bool {
        let ended = match self.reason {
            // The function's result may still be written, if the backend itself refuses overtaken writes.
            Reason::Told | Reason::Gap | Reason::Cleared => fate.outdate(),
            Reason::Own | Reason::End => fate.kill_elsewhere(),
        };
        self.held.extend(ended.entry);
        if ended.first {
            self.dropped += 1;
            match self.reason {
                Reason::Told => store.count_shared_invalidation(),
                Reason::Gap | Reason::Cleared => {
                    store.count_shared_flush();
                    store.observed().flushed(self.reason == Reason::Cleared);
                }
                Reason::Own | Reason::End => {}
            }
        }
        self.dead.push((store, fate));
        false
    }
}
