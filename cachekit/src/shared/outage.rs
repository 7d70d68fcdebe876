//! What the log says about a backend: one warning when it goes away, one line when it is back. No key, no value.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachekit_io::{Backend, BackendErrorKind};

use super::runtime::Failed;
use crate::clock::{self, Ticks};
use crate::contained::lock;
use crate::observer;

/// For this long after an outage, single failures are not logged: a flaky backend would fill the
/// log. An open circuit breaker is always logged.
const QUIET: Duration = Duration::from_secs(30);

/// A permanent error is logged again after this long.
const REMINDER: Duration = Duration::from_secs(3600);

/// What was logged about one backend.
#[derive(Debug, Default)]
pub(super) struct Outages(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    /// When the current outage began.
    since: Option<Ticks>,
    /// It was logged.
    told: bool,
    /// When the last logged outage ended.
    ended: Option<Ticks>,
    /// When a refusal was last logged, by kind.
    refusals: Vec<(BackendErrorKind, Ticks)>,
}

impl Outages {
    /// An operation failed; `open`: it opened the circuit breaker.
    pub(super) fn went_on(&self, backend: &dyn Backend, now: Ticks, failed: Failed, open: bool) {
        let mut said = lock(&self.0);
        said.since.get_or_insert(now);
        let quiet = clock::ticks(QUIET);
        let is_due = said.ended.is_none_or(|ended| now.saturating_sub(ended) >= quiet);
        if said.told || !(is_due || open) {
            return;
        }
        said.told = true;
        drop(said);
        log(backend, |backend| {
            tracing::warn!(
                target: "cachekit",
                backend,
                kind = failed.name(),
                "the shared tier fails: functions run without it until it answers again"
            );
        });
    }

    /// The backend answered again.
    pub(super) fn ended(&self, backend: &dyn Backend, now: Ticks) {
        let mut said = lock(&self.0);
        let Some(since) = said.since.take() else { return };
        if !std::mem::take(&mut said.told) {
            return;
        }
        said.ended = Some(now);
        drop(said);
        let outage = clock::duration(now.saturating_sub(since));
        log(backend, |backend| {
            tracing::info!(target: "cachekit", backend, ?outage, "the shared tier answers again");
        });
    }

    /// The backend refused a request that it will always refuse: a setting or a key is wrong.
    pub(super) fn refused(&self, backend: &dyn Backend, now: Ticks, failed: Failed) {
        let Some(kind) = failed.kind().filter(|kind| !kind.fails_open()) else { return };
        let mut said = lock(&self.0);
        let reminder = clock::ticks(REMINDER);
        match said.refusals.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, last)) if now.saturating_sub(*last) < reminder => return,
            Some((_, last)) => *last = now,
            None => said.refusals.push((kind, now)),
        }
        drop(said);
        log(backend, |backend| {
            tracing::warn!(
                target: "cachekit",
                backend,
                kind = kind.as_str(),
                "the shared tier refuses operations, and will until a setting or a credential is changed"
            );
        });
    }
}

/// Logs something about a backend.
fn log(backend: &dyn Backend, what: impl FnOnce(&'static str)) {
    say(|| what(backend.backend_type()));
}

/// Logs something. Neither a subscriber nor a backend's own name can fail a call by a panic.
pub(super) fn say(what: impl FnOnce()) {
    observer::tell(what);
}

/// Logs something the first time. Not with a `Once`: a subscriber whose own calls come here again would wait for
/// itself.
pub(super) fn say_once(said: &AtomicBool, what: impl FnOnce()) {
    if !said.swap(true, Ordering::Relaxed) {
        say(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_once_is_not_waited_for_where_saying_it_leads_there_again() {
        let (said, mut times) = (AtomicBool::new(false), 0);
        say_once(&said, || {
            say_once(&said, || unreachable!("it was said"));
            times += 1;
        });
        say_once(&said, || unreachable!("it was said"));
        assert_eq!(times, 1);
    }
}
