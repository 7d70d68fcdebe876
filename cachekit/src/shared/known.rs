//! What this process knows of each backend that its calls use: its health, and the listener to its news.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, Weak};

use cachekit_io::Backend;

use super::breaker::Breaker;
use super::coherence::Coherence;
use crate::contained::{contained, lock};
use crate::scope;

/// What is known of one backend, as the calls of one test scope (or of the process, outside of any) see it.
#[derive(Default)]
pub(crate) struct Known {
    pub(super) breaker: Breaker,
    /// Made when the first copy is to be kept here; `None` inside if the backend sends no events.
    coherence: OnceLock<Option<Arc<Coherence>>>,
    /// The backend is no longer in use. Calls that still run with it keep nothing here.
    ended: AtomicBool,
}

impl Known {
    /// The listener to the backend's events, if there is one already.
    pub(super) fn coherence(&self) -> Option<&Arc<Coherence>> {
        self.coherence.get()?.as_ref()
    }

    /// The listener to the backend's events, subscribed now if it was not before. `None` if the backend sends none.
    pub(crate) fn listens(&self, backend: &Arc<dyn Backend>) -> Option<&Arc<Coherence>> {
        let coherence = self.coherence.get_or_init(|| Coherence::subscribe(backend)).as_ref()?;
        if self.ended.load(Ordering::SeqCst) {
            coherence.end();
        }
        Some(coherence)
    }

    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(coherence) = self.coherence() {
            coherence.end();
        }
    }
}

/// A test scope, and a backend's address. The backend is alive while its entry counts.
type Table = HashMap<(u64, usize), (Weak<dyn Backend>, Arc<Known>)>;

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

/// What a thread asked for last. The `Weak` keeps the place of a backend that is gone from being another's.
type Last = Option<(u64, Weak<dyn Backend>, Arc<Known>)>;

thread_local! {
    static LAST: RefCell<Last> = const { RefCell::new(None) };
}

fn address(backend: &Arc<dyn Backend>) -> usize {
    Arc::as_ptr(backend).cast::<()>() as usize
}

/// What is known of a backend in the test scope that this thread is in, or outside of any.
pub(crate) fn of(backend: &Arc<dyn Backend>) -> Arc<Known> {
    let scope = scope::number();
    let found = LAST.try_with(|last| match &*last.borrow() {
        Some((in_scope, seen, known)) if *in_scope == scope => {
            let same = seen.as_ptr().cast::<()>() as usize == address(backend);
            (same && !known.ended.load(Ordering::SeqCst)).then(|| Arc::clone(known))
        }
        _ => None,
    });
    if let Ok(Some(known)) = found {
        return known;
    }
    let known = look_up(backend, scope);
    scope::settings::at_end(scope_ended);
    let now = (scope, Arc::downgrade(backend), Arc::clone(&known));
    let before = LAST.try_with(|last| last.borrow_mut().replace(now));
    // Only now: what is dropped could be the last of a backend's memory.
    drop(before);
    known
}

fn look_up(backend: &Arc<dyn Backend>, scope: u64) -> Arc<Known> {
    let mut table = lock(&TABLE);
    if let Some((seen, known)) = table.get(&(scope, address(backend))) {
        // Not one that lived at this address before.
        if seen.strong_count() > 0 {
            return Arc::clone(known);
        }
    }
    let gone = take(&mut table, |_, seen| seen.strong_count() == 0);
    let known = Arc::new(Known::default());
    table.insert((scope, address(backend)), (Arc::downgrade(backend), Arc::clone(&known)));
    drop(table);
    end(gone);
    known
}

/// The backend is no longer the one of the process, or of a test scope.
pub(crate) fn replaced(backend: &Arc<dyn Backend>, scope: u64) {
    let gone = take(&mut lock(&TABLE), |place, seen| {
        *place == (scope, address(backend)) || seen.strong_count() == 0
    });
    end(gone);
}

/// A test scope is over.
fn scope_ended(scope: u64) {
    let gone = take(&mut lock(&TABLE), |place, seen| place.0 == scope || seen.strong_count() == 0);
    end(gone);
}

/// The backends of the test scope that this thread is in, or of the process: their type, and whether calls leave them
/// alone.
pub(crate) fn breakers() -> Vec<(&'static str, bool)> {
    let scope = scope::number();
    // Asked, and dropped, without the table's lock: it is the backend's code.
    let backends: Vec<_> = lock(&TABLE)
        .iter()
        .filter(|(place, _)| place.0 == scope)
        .filter_map(|(_, (seen, known))| Some((seen.upgrade()?, known.breaker.is_open())))
        .collect();
    let named = |(backend, open): &(Arc<dyn Backend>, bool)| {
        (contained(|| backend.backend_type()).unwrap_or("unknown"), *open)
    };
    backends.iter().map(named).collect()
}

fn take(
    table: &mut Table,
    ends: impl Fn(&(u64, usize), &Weak<dyn Backend>) -> bool,
) -> Vec<(Weak<dyn Backend>, Arc<Known>)> {
    table.extract_if(|place, (seen, _)| ends(place, seen)).map(|(_, known)| known).collect()
}

/// Without the table's lock: the end of a subscription is the backend's code.
fn end(gone: Vec<(Weak<dyn Backend>, Arc<Known>)>) {
    for (_, known) in gone {
        known.end();
    }
}
