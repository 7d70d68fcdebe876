//! The steps of one call in the shared tier after its function: the write, and the deletions instead of it or besides.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use cachekit_io::SetOptions;

use super::encoding::lifetime;
use super::guard::Guard;
use super::remote_entry::{RemoteEntry, Written};
use super::tier::SharedTier;
use crate::clock;
use crate::entry::Fate;
use crate::read_through::behind::{Prepared, Write};
use crate::store::StoreRef;

/// How often a value from a caller is written again if others write in between.
const ATTEMPTS: usize = 3;

impl SharedTier {
    /// Writes the function's result, under the guard that was taken before it ran.
    pub(super) async fn publish(
        &self,
        fate: &Arc<Fate>,
        prepared: &Prepared,
        store: &StoreRef,
    ) -> Write {
        let until = prepared.until.unwrap_or_else(|| self.remote_entry.deadline());
        if !self.may_write(fate) {
            return Write::Outdated;
        }
        let permit = if self.given_up {
            // The time was used up before the function ran.
            Err(Written::Unknown)
        } else {
            self.guard.permit().inspect_err(|_| store.count_unguarded())
        };
        let written = match permit {
            Err(unwritten) => unwritten,
            Ok(right) => match self.value_of(prepared, store) {
                None => Written::Unknown,
                Some(value) => {
                    if self.is_forced() {
                        // Writes of older runs that are still in flight must not land on top of this one.
                        self.remote_entries().for_each(RemoteEntry::overtake);
                    }
                    if let Some(run) = self.take_run() {
                        run.give_way();
                    }
                    let value = if self.is_forced() { replacing(value) } else { value };
                    self.remote_entry.write(store, until, right, fate, value).await
                }
            },
        };
        // If it was not written, events that arrived during the run kill the entry.
        drop(self.take_run());
        match written {
            Written::Stored => {
                if !self.previous_clear.load(Ordering::Relaxed) {
                    // The entry of a previous key must not come back when this entry is gone.
                    let previous: Vec<&RemoteEntry> = self.previous.iter().collect();
                    RemoteEntry::delete_beside(&previous, Some(fate), store, until).await;
                }
                if fate.is_invalidated() {
                    // If a fence guards the write, no other task does this.
                    RemoteEntry::delete_all(&[&self.remote_entry], store, until).await;
                }
                Write::Stored
            }
            // The stored value is newer.
            Written::Overtaken => Write::Outdated,
            // The value that a forced run was to replace must not stay there for other processes.
            missed => {
                if self.is_forced() {
                    self.leave_nothing(fate, store, until).await;
                }
                if missed != Written::Unknown {
                    return Write::Outdated;
                }
                self.kept_alone(fate, store);
                Write::Missed
            }
        }
    }

    /// Whether a run's value may be written, as far as this process knows.
    pub(crate) fn may_write(&self, fate: &Fate) -> bool {
        self.guard.lets_write(fate)
    }

    /// Writes a value from a caller: the newest value. If that fails, no older value stays.
    pub(super) async fn overwrite(&self, fate: &Arc<Fate>, prepared: &Prepared, store: &StoreRef) {
        let until = prepared.until.unwrap_or_else(|| self.remote_entry.deadline());
        if !self.try_replace(fate, prepared, store, until).await {
            self.leave_nothing(fate, store, until).await;
            // Also after the removal, which is an answer of the backend.
            self.kept_alone(fate, store);
        }
    }

    async fn try_replace(
        &self,
        fate: &Arc<Fate>,
        prepared: &Prepared,
        store: &StoreRef,
        until: Instant,
    ) -> bool {
        // Writes of older runs that are still in flight must not land on top of this one.
        let on_its_way = self.is_overtaken();
        self.remote_entries().for_each(RemoteEntry::overtake);
        let value = self.value_of(prepared, store).map(replacing);
        let Some(value) = value.filter(|_| !on_its_way) else { return false };
        for _ in 0..ATTEMPTS {
            let mut guard = Guard::of(&self.remote_entry);
            let taken = guard.take(&self.remote_entry, store, until).await;
            let (Ok(()), Ok(right)) = (taken, guard.permit()) else {
                store.count_unguarded();
                return false;
            };
            match self.remote_entry.write(store, until, right, fate, value.clone()).await {
                Written::Stored => {
                    let previous: Vec<&RemoteEntry> = self.previous.iter().collect();
                    RemoteEntry::delete_beside(&previous, Some(fate), store, until).await;
                    return guard.lets_write(fate);
                }
                // Another write came in between, and this value is newer than what a run computed.
                Written::Refused if !fate.is_dead() => {}
                // The stored value is newer than this one.
                Written::Overtaken => return true,
                Written::Refused | Written::Unknown => return false,
            }
        }
        false
    }

    /// Deletes the entry under all keys; if the time of the call is up, outside of it.
    async fn leave_nothing(&self, fate: &Arc<Fate>, store: &StoreRef, until: Instant) {
        if Instant::now() < until {
            Self::empty(&[self], Some(fate), store, until).await;
        }
        if Instant::now() >= until {
            for remote_entry in self.remote_entries() {
                remote_entry.overtake();
                remote_entry.delete_behind(store.clone());
            }
        }
    }

    /// Deletes the entries of these calls under all keys, those of the first one first. True if the backend confirmed it.
    ///
    /// A call that moves the entry meanwhile read it before it was removed there, and writes it to another of these
    /// keys, under a fence or a lock that is older than its read. So each key is deleted once more after all were:
    /// then that write is refused, or removed. Processes may disagree on which key is the current one. Within a
    /// round the order does not matter, and a slow deletion delays the others by a moment at most.
    ///
    /// `entry` is an entry of this process that is not killed.
    pub(crate) async fn empty(
        calls: &[&Self],
        fate: Option<&Arc<Fate>>,
        store: &StoreRef,
        until: Instant,
    ) -> bool {
        let remote_entries: Vec<&RemoteEntry> =
            calls.iter().flat_map(|call| call.remote_entries()).collect();
        // Before the removals are sent: a write in flight is taken back if it lands after them.
        for remote_entry in &remote_entries {
            remote_entry.overtake();
        }
        let mut emptied = RemoteEntry::delete_beside(&remote_entries, fate, store, until).await;
        if calls.iter().any(|call| !call.previous.is_empty()) {
            emptied &= RemoteEntry::delete_beside(&remote_entries, fate, store, until).await;
        }
        emptied
    }

    /// The bytes of a value and its TTL.
    fn value_of(&self, prepared: &Prepared, store: &StoreRef) -> Option<(Bytes, SetOptions)> {
        let Some(bytes) = prepared.bytes.clone() else {
            store.count_shared_error();
            return None;
        };
        let verdict = &prepared.verdict;
        let mut options = SetOptions::new();
        if self.holds_documents() {
            options = options.verbatim();
        }
        if let Some(ttl) = lifetime(verdict) {
            options = options.ttl(ttl);
            if verdict.window > 0 {
                options = options.stale_ttl(clock::duration(verdict.window));
            }
        }
        Some((bytes, options))
    }
}

/// The same write, of which other processes are told: they may hold the value that it replaces. A fill of an entry that
/// was not there tells no process.
fn replacing((value, options): (Bytes, SetOptions)) -> (Bytes, SetOptions) {
    (value, options.replacing())
}
