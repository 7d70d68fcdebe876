//! Deadlines of operations, enforced by one thread of the process: [`Alarm`].
//!
//! Nearly every operation ends long before its deadline, so setting a deadline and removing it must be cheap: a
//! slot in a list, and no system call. The thread scans the lists when the earliest
//! deadline arrives that it knew of when it looked last. By then most of the deadlines are gone, and it sleeps on until
//! the next.
//!
//! Not part of the public interface: `cachekit` uses it to bound its calls to any backend.

use crate::contained::contained;
use crate::per_process::PerProcess;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

/// So that threads rarely meet at one lock.
const LISTS: usize = 16;

/// Slots of a list that are kept even if they are empty.
const FEW: usize = 256;

/// The end of one wait. It begins with the first poll, and dropping it cancels it.
#[derive(Default)]
pub struct Alarm(Option<Registration>);

/// The slot of a deadline.
struct Registration {
    keeper: &'static Keeper,
    list: &'static Padded,
    index: usize,
}

/// Alone in its cache line.
#[derive(Default)]
#[repr(align(128))]
struct Padded(Mutex<List>);

#[derive(Default)]
struct List {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// When the thread looks next, as far as this list is concerned.
    look: Option<Instant>,
}

struct Slot {
    at: Instant,
    /// `None` once it has been woken, and while the slot is free.
    waker: Option<Waker>,
}

/// All deadlines of one process, and the thread that keeps them.
#[derive(Default)]
struct Keeper {
    lists: [Padded; LISTS],
    thread: OnceLock<Result<Thread, io::ErrorKind>>,
}

static KEEPER: PerProcess<Keeper> = PerProcess::new();

thread_local! {
    /// The number of the list that this thread's deadlines go to.
    static MINE: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % LISTS
    };
}

/// Starts the thread, unless it is running. An error is permanent.
pub fn start() -> io::Result<()> {
    KEEPER.get().thread().map(|_| ()).map_err(io::Error::from)
}

impl Alarm {
    /// Ready once the time has come; earlier polls must pass the same time. After that it can be set again.
    ///
    /// Ready at once if there is no thread, or if a forked child took over the alarm: better no wait than an endless one.
    pub fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        // Wakers are foreign code: they are cloned and dropped without a lock.
        let waker = cx.waker().clone();
        match &self.0 {
            None => match Registration::take(at, waker) {
                Some(registration) => {
                    self.0 = Some(registration);
                    Poll::Pending
                }
                None => Poll::Ready(()),
            },
            Some(registration) if registration.wait_with(waker) => Poll::Pending,
            Some(_) => {
                self.0 = None;
                Poll::Ready(())
            }
        }
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").field("is_set", &self.0.is_some()).finish()
    }
}

impl Registration {
    /// `None` if there is no thread.
    fn take(at: Instant, waker: Waker) -> Option<Self> {
        let keeper = KEEPER.get();
        let thread = keeper.thread().ok()?;
        // On a thread that is ending any list will do.
        let list = &keeper.lists[MINE.try_with(|mine| *mine).unwrap_or(0)];
        let mut entries = list.lock();
        let slot = Slot { at, waker: Some(waker) };
        let index = entries.put(slot);
        let earlier = entries.look.is_none_or(|look| at < look);
        if earlier {
            entries.look = Some(at);
        }
        drop(entries);
        if earlier {
            thread.unpark();
        }
        Some(Self { keeper, list, index })
    }

    /// Whether the keeper is that of this process. In a forked child the parent's lists may be locked without end, and no
    /// thread looks at them.
    fn is_kept(&self) -> bool {
        std::ptr::eq(self.keeper, KEEPER.get())
    }

    /// Replaces the waker. False if the time had come, or will never come.
    fn wait_with(&self, waker: Waker) -> bool {
        if !self.is_kept() {
            return false;
        }
        let mut entries = self.list.lock();
        let slot = &mut entries.slots[self.index];
        let waits = slot.waker.is_some();
        let before = if waits { slot.waker.replace(waker) } else { Some(waker) };
        drop(entries);
        drop(before);
        waits
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if !self.is_kept() {
            return;
        }
        let mut entries = self.list.lock();
        let waker = entries.slots[self.index].waker.take();
        entries.free.push(self.index);
        if entries.slots.len() > FEW && entries.free.len() == entries.slots.len() {
            // There were many waits once: the table shrinks, so that the thread does not scan all of it each time.
            entries.slots = Vec::new();
            entries.free = Vec::new();
        }
        drop(entries);
        drop(waker);
    }
}

impl Padded {
    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn put(&mut self, slot: Slot) -> usize {
        if let Some(index) = self.free.pop() {
            self.slots[index] = slot;
            return index;
        }
        self.slots.push(slot);
        self.slots.len() - 1
    }

    /// Takes the wakers whose time has come.
    fn look(&mut self, now: Instant, due: &mut Vec<Waker>) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for slot in self.slots.iter_mut().filter(|slot| slot.waker.is_some()) {
            if slot.at <= now {
                due.extend(slot.waker.take());
            } else if next.is_none_or(|next| slot.at < next) {
                next = Some(slot.at);
            }
        }
        self.look = next;
        next
    }
}

impl Keeper {
    fn thread(&'static self) -> Result<&'static Thread, io::ErrorKind> {
        let started = self.thread.get_or_init(|| {
            let named = thread::Builder::new().name("cachekit-time".to_owned());
            let spawned = named.spawn(move || self.keep());
            spawned.map(|handle| handle.thread().clone()).map_err(|error| error.kind())
        });
        started.as_ref().map_err(|kind| *kind)
    }

    /// The thread's work.
    fn keep(&self) {
        let mut due = Vec::new();
        loop {
            let now = Instant::now();
            // A deadline that is added to a list after its turn unparks the thread, if it is earlier than the others.
            let next = self.lists.iter().filter_map(|list| list.lock().look(now, &mut due)).min();
            if due.is_empty() {
                match next {
                    Some(next) => {
                        thread::park_timeout(next.saturating_duration_since(Instant::now()));
                    }
                    None => thread::park(),
                }
            }
            for waker in due.drain(..) {
                // All other waits depend on this thread.
                contained(|| waker.wake());
            }
        }
    }
}

#[cfg(test)]
mod tests;
