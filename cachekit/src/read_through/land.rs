//! What a call has come by: kept, given to those who wait for it, and the flight landed.

use std::sync::Arc;

use super::blocking;
use super::miss::Miss;
use super::remote::Fetched;
use crate::clock::{self, Ticks};
use crate::entry::AnyEntry;
use crate::flight::{Failure, Flight, Landing};
use crate::rules::Verdict;
use crate::shape::{Kind, Shape};

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// Keeps what the shared tier has.
    pub(super) fn keep_found(&self, flight: Flight, found: Fetched<S>) -> S::Return {
        let Some(kept) = found.kept else { return self.pass_on(flight, found.value) };
        let ttl = self.ttl.min(found.remaining);
        if ttl == 0 {
            return self.pass_on(flight, found.value);
        }
        let verdict = Verdict { keep: true, ttl, weight: found.weight };
        self.publish(&flight, kept, verdict, found.window.min(self.window));
        flight.land(Landing::Ready);
        S::restore(found.value)
    }

    /// Gives the waiters a value that is good for this call and not to be kept.
    pub(super) fn pass_on(&self, flight: Flight, value: S::Value) -> S::Return {
        self.entry.head.kill();
        let _ = self.entry.body.value.set(S::kept(&value));
        flight.land(Landing::Ready);
        S::restore(value)
    }

    /// Stores a leader's result and lets the waiters have it.
    pub(super) async fn finish(&mut self, flight: Flight, ret: &S::Return, verdict: Verdict) {
        let mut kept = None;
        if let (true, Some(value)) = (verdict.keep, S::stored(ret)) {
            // First: of an older run nothing is to be kept in any tier once this one is.
            let has_younger = self.overtake(&flight);
            let windows = (verdict, self.window_of(ret));
            kept = if self.remote.is_some() && !has_younger {
                let stored = self.remote.store(&self.entry, value, windows, &self.store);
                let stored = Box::pin(stored).await;
                if stored.is_none() && self.forced && !self.entry.head.is_dead() {
                    // The backend knows of something newer: what the run was to replace goes all the same.
                    self.store.remove(self.entry.head.hash, &|other| self.entry.is_same(other));
                }
                if stored.as_ref().is_some_and(|stored| stored.kept.is_none()) {
                    // It is there, and not to be here.
                    if let Some(ticket) = self.refresh.take() {
                        ticket.stored();
                    }
                }
                stored.and_then(|stored| stored.kept)
            } else {
                self.remote.unwritten(&self.entry, &self.store);
                self.remote.keep(value, windows)
            };
        }
        self.settle(flight, ret, verdict, kept);
    }

    pub(super) fn finish_blocking(&mut self, flight: Flight, ret: &S::Return, verdict: Verdict) {
        if self.remote.is_some() {
            blocking::block_on(self.finish(flight, ret, verdict));
        } else {
            let value = S::stored(ret).filter(|_| verdict.keep);
            if value.is_some() {
                self.overtake(&flight);
            }
            let kept =
                value.and_then(|value| self.remote.keep(value, (verdict, self.window_of(ret))));
            self.settle(flight, ret, verdict, kept);
        }
    }

    /// Puts an end to the runs that started before this one, unless what this one is for is gone. True if one is
    /// under way that started later: the shared tier is for that one, which a write of ours could only disturb.
    fn overtake(&self, flight: &Flight) -> bool {
        let outdated = self.refresh.as_ref().is_some_and(|ticket| ticket.is_outdated());
        !outdated && flight.overtake(&|other| self.entry.is_same(other))
    }

    /// Errors are not served beyond their time.
    fn window_of(&self, ret: &S::Return) -> Ticks {
        if S::kind(ret) == Kind::Err { 0 } else { self.window }
    }

    /// `kept` is what this process is to keep of the result, if anything.
    fn settle(
        &mut self,
        flight: Flight,
        ret: &S::Return,
        verdict: Verdict,
        kept: Option<S::Stored>,
    ) {
        self.store.count_load();
        // What the refresh was for is gone: a caller that asks now runs the function, or has done so.
        let outdated = self.refresh.as_ref().is_some_and(|ticket| ticket.is_outdated());
        let landing = match (S::stored(ret), kept.filter(|_| !outdated)) {
            (Some(_), Some(kept)) => {
                let window = self.window_of(ret);
                let published = self.publish(&flight, kept, verdict, window);
                if let Some(ticket) = self.refresh.take() {
                    if published { ticket.stored() } else { ticket.moot() }
                }
                Landing::Ready
            }
            // Not to be stored, but the waiters of this very run get it.
            (Some(value), None) if flight.has_waiters() => {
                self.entry.head.kill();
                let _ = self.entry.body.value.set(S::kept(value));
                Landing::Ready
            }
            (Some(_), None) => Landing::Cancelled,
            (None, _) if flight.has_waiters() => Landing::Failed(failure_of::<S>(ret)),
            (None, _) => Landing::Failed(Failure::Unshared),
        };
        if let Some(ticket) = self.refresh.take_if(|_| outdated) {
            ticket.moot();
        }
        flight.land(landing);
    }

    /// Puts a value into the entry and the entry into the store, unless it was invalidated meanwhile.
    fn publish(&self, flight: &Flight, value: S::Stored, verdict: Verdict, window: Ticks) -> bool {
        let head = &self.entry.head;
        let weight =
            self.weigh.as_ref().map_or(verdict.weight, |weigh| weigh(&self.entry.body.key, &value));
        let _ = self.entry.body.value.set(value);
        let expires = clock::deadline(|| self.store.now(), verdict.ttl);
        head.set_expires(expires);
        head.set_window(window);
        head.set_weight(weight);
        // Not into the front yet: that is for entries that are used again.
        let entry: Arc<AnyEntry> = Arc::clone(&self.entry) as Arc<AnyEntry>;
        self.store.commit(flight, entry, head)
    }
}

/// What a result that is no value means to its waiters.
pub(super) fn failure_of<S: Shape>(ret: &S::Return) -> Failure {
    S::share(ret).map_or(Failure::Unshared, Failure::Shared)
}
