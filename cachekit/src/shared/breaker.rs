//! Leaving a backend alone that is down, so that not every miss pays for finding out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use cachekit_io::Backend;

use super::outage::{Outages, Trouble};
use crate::clock::{self, Ticks};

/// Failures in a row after which a backend is left alone.
const FAILURES: u32 = 5;

/// For how long; then one call tries it again.
const PAUSE: Duration = Duration::from_secs(5);

/// What is known of one backend's health.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: AtomicU32,
    /// 0 while calls go through.
    open_until: AtomicU64,
    outages: Outages,
}

impl Breaker {
    /// Whether a call may ask the backend now. After a pause one call may, to find out.
    pub(crate) fn admits(&self, now: Ticks) -> bool {
        let until = self.open_until.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let again = now.saturating_add(clock::ticks(PAUSE));
        now >= until
            && self
                .open_until
                .compare_exchange(until, again, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// The backend answered.
    pub(crate) fn succeeded(&self, backend: &dyn Backend, now: impl FnOnce() -> Ticks) {
        // Read first: in good times nothing is written.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.open_until.store(0, Ordering::Relaxed);
            self.outages.ended(backend, now());
        }
    }

    /// An operation failed. Only some failures mean that the backend itself is in trouble.
    pub(crate) fn failed(&self, backend: &dyn Backend, now: Ticks, trouble: Trouble) {
        if !trouble.counts() {
            self.outages.refused(backend, now, trouble);
            return;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let open = failures >= FAILURES;
        if open {
            self.open_until.store(now.saturating_add(clock::ticks(PAUSE)), Ordering::Relaxed);
        }
        self.outages.went_on(backend, now, trouble, open);
    }
}

/// A test scope, and a backend's address. The backend is alive while its entry counts.
type Known = HashMap<(u64, usize), (Weak<dyn Backend>, Arc<Breaker>)>;

/// What a thread asked for last. The `Weak` keeps the place of a backend that is gone from being another's.
type Last = Option<(u64, Weak<dyn Backend>, Arc<Breaker>)>;

thread_local! {
    static LAST: RefCell<Last> = const { RefCell::new(None) };
}

/// The breaker of a backend, as calls in a test scope (0: in none) see it.
pub(crate) fn of(backend: &Arc<dyn Backend>, scope: u64) -> Arc<Breaker> {
    let address = Arc::as_ptr(backend).cast::<()>();
    let found = LAST.try_with(|last| match &*last.borrow() {
        Some((in_scope, seen, breaker)) if *in_scope == scope => {
            (seen.as_ptr().cast::<()>() == address).then(|| Arc::clone(breaker))
        }
        _ => None,
    });
    if let Ok(Some(breaker)) = found {
        return breaker;
    }
    let breaker = look_up(backend, scope);
    let now = (scope, Arc::downgrade(backend), Arc::clone(&breaker));
    let before = LAST.try_with(|last| last.borrow_mut().replace(now));
    // Only now: what is dropped could be the last of a backend's memory.
    drop(before);
    breaker
}

fn look_up(backend: &Arc<dyn Backend>, scope: u64) -> Arc<Breaker> {
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    let address = Arc::as_ptr(backend).cast::<()>() as usize;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((seen, breaker)) = known.get(&(scope, address)) {
        // Not one that lived at this address before.
        if seen.strong_count() > 0 {
            return Arc::clone(breaker);
        }
    }
    known.retain(|_, (seen, _)| seen.strong_count() > 0);
    let breaker = Arc::new(Breaker::default());
    known.insert((scope, address), (Arc::downgrade(backend), Arc::clone(&breaker)));
    breaker
}

#[cfg(test)]
mod tests {
    use cachekit_io::{BackendErrorKind, MemoryBackend};

    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_lets_one_call_try() {
        let (breaker, backend) = (Breaker::default(), MemoryBackend::new());
        let failed = |at| breaker.failed(&backend, at, Trouble::Error(BackendErrorKind::Transient));
        let second = clock::ticks(Duration::from_secs(1));
        for _ in 0..FAILURES - 1 {
            failed(second);
        }
        breaker.succeeded(&backend, || second);
        for _ in 0..FAILURES {
            assert!(breaker.admits(second));
            failed(second);
        }
        assert!(!breaker.admits(5 * second));
        assert!(breaker.admits(6 * second), "one call may try");
        assert!(!breaker.admits(6 * second), "and no second one");
        failed(6 * second);
        assert!(!breaker.admits(10 * second));
        assert!(breaker.admits(11 * second));
        breaker.succeeded(&backend, || 11 * second);
        assert!(breaker.admits(11 * second) && breaker.admits(11 * second));
        breaker.failed(&backend, second, Trouble::Error(BackendErrorKind::TooLarge));
        assert_eq!(breaker.failures.load(Ordering::Relaxed), 0, "a mistake is no outage");
    }
}
