//! The short way of a miss: its call leads, there is nothing behind this process, and nothing else to look at. Most misses
//! take it.

use super::Turn;
use super::miss::Miss;
use super::publish::plain_entry;
use crate::clock::Ticks;
use crate::entry::Resident;
use crate::flight::wait_graph::{self, Running};
use crate::observe::{Cause, Entered, Outcome};
use crate::rules::Judge;
use crate::shape::Shape;
use crate::store::{Flight, Row, Store, StoreRef};

/// Ends a fill with this entry where there are waiters, or other fills of the key.
#[cold]
#[inline(never)]
fn land_otherwise(store: &'static Store, hash: u64, row: Row, entry: Resident, now: Ticks) {
    Flight::new(StoreRef::Static(store), hash, row, false).land(entry, now);
}

/// A run in the short way of a miss. Its fields are dropped in this order.
pub(super) struct PlainRun {
    fill: Entered,
    running: Running,
    store: &'static Store,
    row: Row,
}

/// Results up to this size, in bytes, take the short way of a miss.
pub(super) const MAX_PLAIN: usize = 512;

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// Begins the run of a function whose call leads, if there is nothing else to look at. Most misses do this, and no other
    /// way has as many steps that do nothing: what it takes from the miss stays in registers.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn starts_plainly(&mut self) -> Option<PlainRun> {
        if !self.leads_plainly() {
            return None;
        }
        let (&StoreRef::Static(store), Turn::Lead(row)) = (&self.store, self.turn.get()) else {
            return None;
        };
        // If the function or other user code panics, the lead is given up as the miss is dropped.
        let running = wait_graph::enter(row.flight());
        self.call.fills(Cause::Miss);
        let fill = self.call.enter_fill();
        Some(PlainRun { fill, running, store, row })
    }

    /// Judges and publishes the result of such a run.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn ends_plainly(
        &mut self,
        run: PlainRun,
        rules: &impl Judge<K, S>,
        ret: &S::Return,
    ) {
        let PlainRun { fill, running, store, row } = run;
        drop(fill);
        let key = self.key.take().unwrap_or_else(|| unreachable!("nothing took it"));
        let verdict = rules.judge(&key, ret, self.ttl);
        if verdict.keep
            && let Some(value) = S::stored(ret)
        {
            self.call.ended(store.observed(), Outcome::Ok);
            let (value, how) = (S::kept(value), (self.window, S::kind(ret)));
            // The user's code is over.
            drop(running);
            let (entry, ends, now) = plain_entry(store, key, value, verdict, how);
            self.turn.set(Turn::Unknown);
            let mut entry = Some(entry);
            store.land_plainly(self.hash, row, &mut entry, ends, now);
            if let Some(entry) = entry {
                land_otherwise(store, self.hash, row, entry, now);
            }
        } else {
            self.key = Some(key);
            self.end_unkept(verdict.ttl, ret);
        }
    }

    #[cold]
    #[inline(never)]
    fn end_unkept(&mut self, ttl: Ticks, ret: &S::Return) {
        self.judged_unkept(S::kind(ret), ttl);
        if let Some(flight) = self.take_flight() {
            self.settle_unkept(flight, ret);
        }
        // Not all callers drop the miss.
        self.key = None;
    }

    /// Whether there is nothing to look at but whose turn it is.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.rare.is_none() && self.behind.is_nowhere()
    }

    /// Whether that is all, and it is this call's turn.
    #[inline]
    pub(super) fn leads_plainly(&self) -> bool {
        self.is_plain() && !self.caller.asks && matches!(self.turn.get(), Turn::Lead(_))
    }

    /// Whether all that would have to be dropped is gone.
    pub(super) fn is_spent(&self) -> bool {
        // Each field is named, so that one more with a destructor is not forgotten.
        let Self {
            running,
            turn,
            key,
            store,
            behind,
            rare,
            call,
            hash: _,
            caller: _,
            forced: _,
            ttl: _,
            window: _,
            failed: _,
            in_vain: _,
            shape: _,
        } = self;
        running.is_none()
            && matches!(turn.get(), Turn::Unknown)
            && key.is_none()
            && matches!(store, StoreRef::Static(_))
            && behind.is_nowhere()
            && rare.is_none()
            && call.is_spent()
    }

    /// The same where it is this call's turn, and there is nothing else to look at.
    pub(super) fn complete_plainly(&mut self, rules: &dyn Judge<K, S>, ret: &S::Return) {
        let Some(key) = &self.key else { return };
        let verdict = rules.judge(key, ret, self.ttl);
        self.judged(ret, verdict);
        if verdict.keep
            && let Some(value) = S::stored(ret)
        {
            self.publish_plain(value, verdict, S::kind(ret));
        } else {
            self.complete_otherwise(ret, verdict);
        }
    }
}
