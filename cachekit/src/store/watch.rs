//! The clock of waiters that are futures: a thread that runs while there are any.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use super::{Store, StoreRef, WeakStoreRef};
use crate::contained::contained;
use crate::flight::pulse::{Millis, TICK, now};
use crate::flight::{Wait, Wakers};
use crate::sync::{Mutex, lock, per_process};

/// Looks without a waiter after which the watcher's thread ends.
const IDLE_LOOKS: u8 = 8;

/// Waiters that are watched, and the fills that they wait for.
#[derive(Clone)]
struct Watched {
    /// Weak: what waits keeps the store alive, and nothing else has to.
    store: WeakStoreRef,
    hash: u64,
    wait: Arc<Wait>,
}

/// All of this process, or of one model run.
fn watched() -> &'static Mutex<Vec<Watched>> {
    per_process!(static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new()));
    &WATCHED
}

static RUNNING: AtomicBool = AtomicBool::new(false);

/// Has waiters watched from now on.
pub(super) fn begin(store: &StoreRef, hash: u64, wait: &Arc<Wait>) {
    let (store, wait) = (store.downgrade(), Arc::clone(wait));
    lock(watched()).push(Watched { store, hash, wait });
    if cfg!(any(test, cachekit_model)) {
        // Unit tests tick by hand.
        return;
    }
    // The waiters are on the list. Either the watcher sees that in its last look, or we see that it ended.
    fence(Ordering::SeqCst);
    if !RUNNING.load(Ordering::SeqCst) && !RUNNING.swap(true, Ordering::SeqCst) {
        let thread = std::thread::Builder::new().name("cachekit-watch".into());
        if thread.spawn(watch).is_err() {
            // No thread to be had. The next waiters try again.
            RUNNING.store(false, Ordering::SeqCst);
        }
    }
}

fn watch() {
    let mut idle = 0;
    loop {
        std::thread::sleep(TICK);
        // A waker that panics is its executor's affair, and must not end the others' watch.
        let used = contained(|| tick(now())).unwrap_or(true);
        idle = if used { 0 } else { idle + 1 };
        if idle < IDLE_LOOKS {
            continue;
        }
        RUNNING.store(false, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if lock(watched()).is_empty() || RUNNING.swap(true, Ordering::SeqCst) {
            return;
        }
        idle = 0;
    }
}

/// One look at everything that is waited for. True if there is something.
pub(crate) fn tick(now: Millis) -> bool {
    tick_those(now, |_| true)
}

/// One look at what is waited for in one store: tests have theirs.
#[cfg(test)]
pub(crate) fn tick_of(store: &StoreRef, now: Millis) -> bool {
    let own = |other: &StoreRef| std::ptr::eq(&raw const **other, &raw const **store);
    tick_those(now, |other| other.upgrade().is_some_and(|other| own(&other)))
}

fn tick_those(now: Millis, those: impl Fn(&WeakStoreRef) -> bool) -> bool {
    // Looked at without the lock of the list: to upgrade is to hold, and to let go may be the end of a store.
    let all = std::mem::take(&mut *lock(watched()));
    let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| those(&it.store));
    let (done, watching): (Vec<_>, Vec<_>) = own.into_iter().partition(|it| it.wait.ends_watch());
    lock(watched()).extend(others.into_iter().chain(watching.iter().cloned()));
    // The last of a value, perhaps.
    drop(done);
    for Watched { store, hash, wait } in &watching {
        let Some(store) = store.upgrade() else { continue };
        let (knocks, abandoned) = store.look_after(*hash, wait);
        // Foreign code, and none of our locks is held.
        for waker in knocks {
            contained(|| waker.wake());
        }
        let wakers: Wakers = wait.tick(now, abandoned);
        contained(|| wakers.wake());
    }
    !watching.is_empty()
}

impl Store {
    fn look_after(&self, hash: u64, wait: &Arc<Wait>) -> (Vec<std::task::Waker>, bool) {
        lock(&self.shard(hash).inner).look_after(hash, wait)
    }
}
