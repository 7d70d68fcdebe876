//! Writes in flight that no fence guards, and what happens when an invalidation overtakes one.
//!
//! Such a write can reach the backend after the removal that was meant for its value. So a task that no caller can
//! cancel finishes it ([`runtime::finish`]), and deletes what it wrote if the entry was killed or its key was deleted
//! meanwhile, or if a newer write to a backend without locks began. Until that is done, no call of this process looks up
//! the key: [`is_overtaken`] says so.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cachekit_io::{Backend, BoxFuture, SetOptions};

use super::remote_entry::{Failed, RemoteEntry, answer};
use super::runtime;
use crate::contained::lock;
use crate::entry::Fate;
use crate::scope::pending::Guard as PendingGuard;
use crate::store::StoreRef;

#[cfg(test)]
mod tests;

/// How long a write is followed after its caller has stopped waiting for it.
const FOLLOWED: Duration = Duration::from_secs(30);

/// Pauses before the next attempts to take a value back.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(4),
];

/// A backend's address, and a key in it. The backend is alive while a write to it is in flight.
type BackendKey = (usize, Box<str>);

static WRITES: LazyLock<Mutex<HashMap<BackendKey, Vec<Arc<Write>>>>> =
    LazyLock::new(Mutex::default);

/// How many writes there are, so that look-ups need not lock the table.
static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Write {
    fate: Arc<Fate>,
    /// Its key was deleted, or written by a newer write, since it began.
    marked: AtomicBool,
}

impl Write {
    fn is_overtaken(&self) -> bool {
        self.marked.load(Ordering::Relaxed) || self.fate.is_dead()
    }
}

fn backend_key(backend: &Arc<dyn Backend>, key: &str) -> BackendKey {
    (Arc::as_ptr(backend).cast::<()>() as usize, key.into())
}

/// Marks the writes in flight to a key as overtaken: their values must not stay. Called after the entries were killed
/// and before the key is deleted.
pub(super) fn mark(backend: &Arc<dyn Backend>, key: &str) {
    // Always under the lock: a write that registers later sees that its entry was killed.
    if let Some(found) = lock(&WRITES).get(&backend_key(backend, key)) {
        mark_all(found);
    }
}

fn mark_all(writes: &[Arc<Write>]) {
    for write in writes {
        write.marked.store(true, Ordering::Relaxed);
    }
}

/// Whether a removed value may still be on its way to a key.
pub(super) fn is_overtaken(backend: &Arc<dyn Backend>, key: &str) -> bool {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return false;
    }
    let writes = lock(&WRITES);
    writes
        .get(&backend_key(backend, key))
        .is_some_and(|found| found.iter().any(|it| it.is_overtaken()))
}

/// A write that is registered until it is over.
struct Registered {
    /// Keeps another backend from getting this address.
    backend: Arc<dyn Backend>,
    key: BackendKey,
    write: Arc<Write>,
}

impl Registered {
    /// If the write `overtakes`, those in flight to the same key are marked.
    fn new(backend: &Arc<dyn Backend>, key: &str, fate: Arc<Fate>, overtakes: bool) -> Self {
        let key = backend_key(backend, key);
        let write = Arc::new(Write { fate, marked: AtomicBool::new(false) });
        let mut writes = lock(&WRITES);
        COUNT.fetch_add(1, Ordering::Relaxed);
        let found = writes.entry(key.clone()).or_default();
        // One that was overtaken itself is not begun.
        if overtakes && !write.fate.is_dead() {
            mark_all(found);
        }
        found.push(Arc::clone(&write));
        drop(writes);
        Self { backend: Arc::clone(backend), key, write }
    }

    /// Ends the registration unless the write was overtaken: then its value must be taken back first.
    fn end(&self) -> bool {
        let mut writes = lock(&WRITES);
        // Read under the lock: a removal that marks the key later is sent after this write was over.
        let ends = !self.write.is_overtaken();
        if ends {
            self.remove_from(&mut writes);
        }
        ends
    }

    fn remove_from(&self, writes: &mut HashMap<BackendKey, Vec<Arc<Write>>>) {
        let Some(found) = writes.get_mut(&self.key) else { return };
        let before = found.len();
        found.retain(|write| !Arc::ptr_eq(write, &self.write));
        COUNT.fetch_sub(before - found.len(), Ordering::Relaxed);
        if found.is_empty() {
            writes.remove(&self.key);
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.remove_from(&mut lock(&WRITES));
    }
}

/// One write that is followed to its end.
pub(super) struct Followed {
    pub(super) remote_entry: RemoteEntry,
    pub(super) fate: Arc<Fate>,
    pub(super) value: Bytes,
    pub(super) options: SetOptions,
    /// When the caller stops waiting.
    pub(super) until: Instant,
    pub(super) store: StoreRef,
    /// For tests that wait until the background is quiet.
    pub(super) pending: Option<PendingGuard>,
}

impl Followed {
    /// Returns the write, which takes its value back if it was overtaken. It is registered before this returns.
    ///
    /// `None`: the entry was killed before, and nothing is written.
    pub(super) fn begin(self) -> Option<BoxFuture<'static, Result<bool, Failed>>> {
        let backend = self.remote_entry.backend();
        // Without a lock, the backend would let an older write land on top of this one, if its caller gave up or its
        // entry was evicted.
        let overtakes = self.options.lock.is_none();
        let fate = Arc::clone(&self.fate);
        let registered = Registered::new(backend, self.remote_entry.key(), fate, overtakes);
        // Only now: an invalidation from here on finds the write in the table.
        if self.fate.is_dead() {
            return None;
        }
        Some(Box::pin(self.run(registered)))
    }

    async fn run(mut self, registered: Registered) -> Result<bool, Failed> {
        let reply = {
            let (value, options) = (std::mem::take(&mut self.value), self.options.clone());
            let (backend, key) =
                (Arc::clone(&registered.backend), self.remote_entry.key().to_owned());
            let mut write =
                pin!(async move { backend.set(&key, value, &options).await.map(|()| true) });
            match runtime::bounded(self.until, write.as_mut()).await {
                // The backend may still finish what it began. Until then the write is in flight.
                Err(Failed::Late) => {
                    self.pending = None;
                    runtime::bounded(self.until + FOLLOWED, write).await
                }
                reply => reply,
            }
        };
        let reply = answer(reply);
        if !registered.end() && reply != Err(Failed::SUPERSEDED) {
            self.take_back().await;
        }
        reply
    }

    /// Deletes the written value. The backend has confirmed a removal that came too early, so this does not give up
    /// after the first failure.
    async fn take_back(&self) {
        for pause in PAUSES.iter().map(Some).chain([None]) {
            if self.remote_entry.delete_alone(&self.store).await.is_ok() {
                return;
            }
            if let Some(pause) = pause {
                runtime::sleep(Instant::now() + *pause).await;
            }
        }
    }
}
