//! Publishing the result of a call: it is kept, given to the waiters, and the fill ends.

use std::sync::Arc;

use super::Turn;
use super::behind::Write;
use super::join::SharedError;
use super::miss::Miss;
use super::plain::MAX_PLAIN;
use super::remote::{Behind, Value};
use super::revalidate::Ticket;
use crate::blocking;
use crate::clock::{self, NEVER, Ticks};
use crate::entry::{AnyEntry, Plan, Resident};
use crate::explain::NotStored;
use crate::flight::Landing;
use crate::rules::Verdict;
use crate::shape::{Kind, Shape};
use crate::store::{Flight, Store};

/// Makes an entry of what a plain run returned. And from when on it may not be served; and the time, 0 if it was not asked
/// for.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(super) fn plain_entry<K, V>(
    store: &Store,
    key: K,
    value: V,
    verdict: Verdict,
    (window, kind): (Ticks, Kind),
) -> (Resident, Ticks, Ticks)
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    let (mut now, mut expires) = (0, NEVER);
    if verdict.ttl != NEVER {
        now = store.now();
        expires = clock::deadline(|| now, verdict.ttl);
    }
    let negative = kind != Kind::Value;
    // Errors are not served beyond their time.
    let window = if kind == Kind::Err { 0 } else { window.min(verdict.window) };
    if window == 0 && verdict.weight <= 1 {
        let entry = store.plain_entry(key, value, expires, negative);
        return (entry, expires, now);
    }
    let plan = Plan { window, weight: verdict.weight, negative, ..Plan::until(expires) };
    let entry = Arc::new(store.entry(key, value, plan));
    let ends = entry.head.ends();
    (entry, ends, now)
}

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// Keeps what the shared tier has.
    #[allow(clippy::boxed_local)] // It was moved by its address up to here.
    pub(super) fn keep_found(
        &mut self,
        flight: Flight,
        found: Box<Value<S>>,
        (remaining, window, weight): (Ticks, Ticks, u64),
    ) -> S::Return {
        let ttl = self.ttl.min(remaining);
        let Value { value, kept } = *found;
        match kept {
            Some(kept) if ttl > 0 => {
                let window = window.min(self.window);
                let ret = S::restore(value);
                let verdict = Verdict { keep: true, ttl, weight, window };
                self.publish(flight, kept, verdict, S::kind(&ret));
                ret
            }
            _ => {
                self.pass_on(flight, &value);
                S::restore(value)
            }
        }
    }

    /// Gives the waiters a value that is good for this call and not to be kept. The entry that it was given as, which is
    /// in no store.
    pub(super) fn pass_on(&mut self, flight: Flight, value: &S::Value) -> Option<Resident> {
        let key = self.key.take()?;
        let entry = self.passing(key, value);
        flight.abandon(Landing::Ready(Arc::clone(&entry)));
        Some(entry)
    }

    /// An entry that no store has.
    pub(super) fn passing(&self, key: K, value: &S::Value) -> Resident {
        let entry: Resident = Arc::new(self.store.entry(key, S::kept(value), Plan::until(0)));
        entry.head().kill();
        entry
    }

    /// Stores a leader's result and lets the waiters have it.
    pub(super) async fn finish(&mut self, flight: Flight, ret: &S::Return, verdict: Verdict) {
        let value = S::stored(ret).filter(|_| verdict.keep && self.has_backend());
        let Some(value) = value else {
            self.finish_here(flight, ret, verdict);
            return;
        };
        let fate = self.fate();
        // Checked before the write, because the echo of the write kills the entry that this refresh replaces. From
        // here on, the flight notices invalidations.
        let outdated = self.is_outdated();
        // Before anything is kept: once the value of this run is, no tier may keep the value of an older run. If a
        // younger run is in flight, the shared tier is left to that run.
        let has_younger = !outdated && flight.overtake();
        let verdict = self.in_window(ret, verdict);
        let Some(remote) = self.behind.made() else { return };
        let kept = if has_younger {
            remote.unwritten(&fate, &self.store);
            remote.keep(value, verdict)
        } else {
            let (written, kept) = Box::pin(remote.store(&fate, value, verdict, &self.store)).await;
            if written == Write::Outdated && self.forced && !fate.is_dead() {
                // The backend has a newer value. The entry that this run should replace is out of date all the same.
                self.store.remove(self.hash, &|other| self.is_same(other));
            }
            if written == Write::Stored && kept.is_none() {
                // The backend has the value, and this process may not keep it. If no tier has the value, the refresh
                // has failed.
                if let Some(ticket) = self.take_refresh() {
                    ticket.stored();
                }
            }
            kept
        };
        self.settle(flight, ret, verdict, kept.filter(|_| !outdated));
    }

    pub(super) fn finish_blocking(&mut self, flight: Flight, ret: &S::Return, verdict: Verdict) {
        if self.has_backend() {
            blocking::block_on(self.finish(flight, ret, verdict));
        } else {
            self.finish_here(flight, ret, verdict);
        }
    }

    /// Without a backend.
    fn finish_here(&mut self, flight: Flight, ret: &S::Return, verdict: Verdict) {
        match S::stored(ret).filter(|_| verdict.keep) {
            Some(value) => {
                let verdict = self.in_window(ret, verdict);
                let kept = match &self.behind {
                    Behind::Made(remote) => remote.keep(value, verdict),
                    Behind::Nowhere => Some(S::kept(value)),
                    // Not known yet, and so perhaps sealed: nothing is kept.
                    Behind::Unmade(_) => None,
                };
                let outdated = self.is_outdated();
                self.settle(flight, ret, verdict, kept.filter(|_| !outdated));
            }
            None => self.settle_unkept(flight, ret),
        }
    }

    fn is_same(&self, other: &dyn AnyEntry) -> bool {
        other.of_key::<K, S::Stored>(|key| self.is_own(key)).is_some()
    }

    /// What the refresh was for is gone: a caller that asks now runs the function, or has done so.
    fn is_outdated(&self) -> bool {
        self.refresh().is_some_and(Ticket::is_outdated)
    }

    /// A verdict with the window that the entry of this result has. Errors are not served beyond their time.
    fn in_window(&self, ret: &S::Return, verdict: Verdict) -> Verdict {
        let is_error = S::kind(ret) == Kind::Err;
        Verdict { window: if is_error { 0 } else { self.window.min(verdict.window) }, ..verdict }
    }

    /// `kept` is what this process is to keep of the result, if anything; the window of `verdict` is that of the entry.
    fn settle(
        &mut self,
        flight: Flight,
        ret: &S::Return,
        verdict: Verdict,
        kept: Option<S::Stored>,
    ) {
        match kept {
            Some(kept) if S::stored(ret).is_some() => {
                let published = self.publish(flight, kept, verdict, S::kind(ret));
                if let Some(ticket) = self.take_refresh() {
                    if published { ticket.stored() } else { ticket.moot() }
                }
            }
            _ => self.settle_unkept(flight, ret),
        }
    }

    // Apart, for the stack of what has no value.
    #[inline(never)]
    pub(super) fn settle_unkept(&mut self, flight: Flight, ret: &S::Return) {
        let outdated = self.is_outdated();
        self.store.count_load(self.hash);
        let landing = self.unkept(&flight, ret, S::stored(ret));
        if outdated && let Some(ticket) = self.take_refresh() {
            ticket.moot();
        }
        flight.abandon(landing);
    }

    /// What the waiters of a run get that is not stored.
    fn unkept(&mut self, flight: &Flight, ret: &S::Return, value: Option<&S::Value>) -> Landing {
        let waiters = flight.has_waiters();
        match value {
            Some(value) if waiters => match self.key.take() {
                Some(key) => Landing::Ready(self.passing(key, value)),
                None => Landing::Cancelled,
            },
            Some(_) => Landing::Cancelled,
            None if waiters => self.failure_of(ret),
            None => Landing::Failed,
        }
    }

    /// Stores what a plain run returned: there is no backend, and it is no refresh.
    pub(super) fn publish_plain(&mut self, value: &S::Value, verdict: Verdict, kind: Kind) {
        // Each way has room for values on its own stack, and without optimization a step of the shorter one for some more.
        if const { size_of::<S::Stored>() > MAX_PLAIN } {
            self.publish_large(value, verdict, kind);
        } else {
            self.publish_small(value, verdict, kind);
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn publish_small(&mut self, value: &S::Value, verdict: Verdict, kind: Kind) {
        let (Turn::Lead(row) | Turn::Beside(row)) = self.turn.get() else { return };
        let Some(key) = self.key.take() else { return };
        let value = S::kept(value);
        // The user's code is over.
        self.running = None;
        let (entry, ends, now) = plain_entry(&self.store, key, value, verdict, (self.window, kind));
        self.turn.set(Turn::Unknown);
        let mut entry = Some(entry);
        self.store.land_plainly(self.hash, row, &mut entry, ends, now);
        if let Some(entry) = entry {
            // How it was led makes no difference to its landing.
            self.flight(row, false).land(entry, now);
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn publish_large(&mut self, value: &S::Value, verdict: Verdict, kind: Kind) {
        let Some(key) = self.key.take() else { return };
        let (mut now, mut plan) = (0, Plan::until(NEVER));
        (plan.weight, plan.negative) = (verdict.weight, kind != Kind::Value);
        // Errors are not served beyond their time.
        if kind != Kind::Err {
            plan.window = self.window.min(verdict.window);
        }
        if verdict.ttl != NEVER {
            now = self.store.now();
            plan.expires = clock::deadline(|| now, verdict.ttl);
        }
        // Not by `publish`: without optimization each step takes room for the value several times.
        let entry = Arc::new(self.store.entry(key, S::kept(value), plan));
        // The user's code is over.
        self.running = None;
        if let Some(flight) = self.take_flight() {
            flight.land(entry, now);
        }
    }

    /// Stores an entry with this value, unless it was invalidated meanwhile, and gives it to the waiters.
    fn publish(&mut self, flight: Flight, value: S::Stored, verdict: Verdict, kind: Kind) -> bool {
        let Some(key) = self.key.take() else { return false };
        let mut now = 0;
        if verdict.ttl != NEVER {
            now = self.store.now();
        }
        let mut plan = Plan {
            window: verdict.window,
            weight: verdict.weight,
            ..Plan::until(clock::deadline(|| now, verdict.ttl))
        };
        if let Some(rare) = &mut self.rare {
            if let Some(plans) = &rare.plans {
                let planned = plans.plan(&self.store, self.hash, (&key, &value), verdict.ttl);
                let Some(planned) = planned else {
                    self.store.note_unkept(self.hash, NotStored::NoTime);
                    // It is good for this call and those that wait.
                    let entry = Arc::new(self.store.entry(key, value, Plan::until(0)));
                    entry.head.kill();
                    self.store.count_load(self.hash);
                    flight.abandon(Landing::Ready(entry));
                    return false;
                };
                plan = planned;
                now = self.store.now();
            }
            if rare.idle != NEVER {
                now = self.store.now();
                (plan.idle, plan.now) = (rare.idle, now);
            }
            plan.fate = rare.fate.take();
        }
        plan.negative = kind != Kind::Value;
        // Not into the thread cache yet: that is for entries that are used again.
        flight.land(Arc::new(self.store.entry(key, value, plan)), now)
    }

    /// What a result that is no value means to its waiters.
    pub(super) fn failure_of(&mut self, ret: &S::Return) -> Landing {
        let (Some(error), Some(key)) = (S::share(ret), self.key.take()) else {
            return Landing::Failed;
        };
        let entry = self.store.entry::<K, SharedError>(key, error, Plan::until(0));
        Landing::Error(Arc::new(entry))
    }
}
