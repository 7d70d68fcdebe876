//! The clock of waiters that are futures: a thread that runs while there are any.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use super::{Store, StoreRef, WeakStoreRef};
use crate::contained::contained;
use crate::flight::Wait;
use crate::flight::pulse::{Millis, TICK, now};
use crate::sync::{Mutex, lock, per_process};
use crate::workers;

/// After this many looks without a waiter, the watcher's thread ends.
const IDLE_LOOKS: u8 = 8;

/// Waiters that are watched, and the fills that they wait for.
#[derive(Clone)]
struct Watched {
    /// Weak: the waiters keep the store alive, and the watcher need not.
    store: WeakStoreRef,
    hash: u64,
    wait: Arc<Wait>,
}

/// All watched waiters of a process, or of one model run, and whether they are watched. A forked child has neither: the
/// waiters are those of its parent, and so is the thread.
#[derive(Default)]
struct Watcher {
    list: Mutex<Vec<Watched>>,
    running: AtomicBool,
}

fn watcher() -> &'static Watcher {
    per_process!(Watcher)
}

#[cfg(all(test, not(cachekit_model)))]
mod tests;

/// Watches waiters from now on. False: there is no watcher, and the waiters must do without.
pub(super) fn begin(store: &StoreRef, hash: u64, wait: &Arc<Wait>) -> bool {
    let (store, wait) = (store.downgrade(), Arc::clone(wait));
    let watcher = watcher();
    lock(&watcher.list).push(Watched { store, hash, wait });
    if cfg!(any(test, cachekit_model)) {
        // Unit tests tick by hand.
        return true;
    }
    watcher.runs(|| {
        let thread = std::thread::Builder::new().name("cachekit-watch".into());
        thread.spawn(|| watcher.watch()).is_ok()
    })
}

impl Watcher {
    /// Sees to it that those on the list are watched. False: the watcher could not be started.
    fn runs(&self, spawn: impl FnOnce() -> bool) -> bool {
        // The waiters are on the list. Either the watcher sees that in its last look, or we see that it ended.
        fence(Ordering::SeqCst);
        let running = &self.running;
        if running.load(Ordering::SeqCst) || running.swap(true, Ordering::SeqCst) || spawn() {
            return true;
        }
        running.store(false, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        // Others have put themselves on the list meanwhile, and rely on the watcher that was being started: they are woken,
        // and try for themselves.
        let all = std::mem::take(&mut *lock(&self.list));
        for Watched { wait, .. } in all {
            wait.goes_unwatched().wake();
        }
        false
    }

    fn watch(&self) {
        let mut idle = 0;
        loop {
            std::thread::sleep(TICK);
            // If a waker panics, that is its executor's problem, and must not end the watch for other waiters.
            let used = contained(|| tick(now())).unwrap_or(true);
            idle = if used { 0 } else { idle + 1 };
            if idle < IDLE_LOOKS {
                continue;
            }
            self.running.store(false, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if lock(&self.list).is_empty() || self.running.swap(true, Ordering::SeqCst) {
                return;
            }
            idle = 0;
        }
    }
}

/// One look at all fills that have waiters. True if there are any.
pub(crate) fn tick(now: Millis) -> bool {
    tick_those(now, |_| true)
}

/// One look at the fills of one store: tests have their own store.
#[cfg(test)]
pub(crate) fn tick_of(store: &StoreRef, now: Millis) -> bool {
    let own = |other: &StoreRef| std::ptr::eq(&raw const **other, &raw const **store);
    tick_those(now, |other| other.upgrade().is_some_and(|other| own(&other)))
}

fn tick_those(now: Millis, those: impl Fn(&WeakStoreRef) -> bool) -> bool {
    // Checked without the lock of the list: upgrading holds a store, and dropping that may destroy the store.
    let list = &watcher().list;
    let all = std::mem::take(&mut *lock(list));
    let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| those(&it.store));
    let (done, watching): (Vec<_>, Vec<_>) = own.into_iter().partition(|it| it.wait.ends_watch());
    lock(list).extend(others.into_iter().chain(watching.iter().cloned()));
    // This may drop the last reference to a value.
    drop(done);
    for Watched { store, hash, wait } in &watching {
        let Some(store) = store.upgrade() else { continue };
        let (knocks, abandoned) = store.look_after(*hash, wait);
        // Wakers are the program's code; none of our locks is held.
        for waker in knocks {
            contained(|| waker.wake());
        }
        wait.tick(now, abandoned).wake();
        // If its other owners have let go of it meanwhile, all its values go with it, and their destructors take their
        // time: the other waiters need not wait for that.
        store.leave(|last| workers::finish(Box::new(move || drop(last))));
    }
    !watching.is_empty()
}

impl Store {
    fn look_after(&self, hash: u64, wait: &Arc<Wait>) -> (Vec<std::task::Waker>, bool) {
        lock(&self.shard(hash).inner).look_after(hash, wait)
    }
}
