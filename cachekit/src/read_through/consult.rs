//! The shared tier, consulted before the function runs.

use std::sync::Arc;

use super::Purpose;
use super::behind::{Answer, Use};
use super::miss::{Begun, Miss};
use super::remote::Value;
use super::revalidate::Ticket;
use crate::background;
use crate::entry::Fate;
use crate::flight::Landing;
use crate::shape::{Kind, Shape};
use crate::store::Flight;

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// Consults the shared tier before running the function.
    pub(super) async fn ask_remote(
        &mut self,
        flight: Flight,
        asynchronous: bool,
    ) -> Begun<S::Return> {
        loop {
            match self.consult(&flight).await {
                (Answer::Found(Use::Stale), Some(found))
                    if asynchronous && !background::takes_futures() =>
                {
                    if !self.replaces(&flight, &found.value) {
                        self.pass_on(flight, &found.value);
                        return Begun::Stale(Box::new(S::restore(found.value)));
                    }
                    // Once more, as the refresh: another process may be doing it.
                }
                (answer, found) => return self.answered(flight, answer, found),
            }
        }
    }

    async fn consult(&mut self, flight: &Flight) -> (Answer, Option<Box<Value<S>>>) {
        let purpose = match (self.forced, self.refresh()) {
            (true, _) => Purpose::Forced,
            (false, Some(_)) => Purpose::Refresh,
            (false, None) if flight.is_alone() => Purpose::Alone,
            (false, None) => Purpose::Fill,
        };
        let fate = self.fate();
        flight.asks(&fate);
        let Some(remote) = self.behind.made_mut() else { return (Answer::Run, None) };
        remote.consult(&fate, &self.store, purpose).await
    }

    /// What may kill the fill besides this process.
    pub(super) fn fate(&mut self) -> Arc<Fate> {
        let hash = self.hash;
        Arc::clone(self.rare().fate.get_or_insert_with(|| Fate::new(hash)))
    }

    /// Makes this call the refresh of a value that only the shared tier has; its waiters go on
    /// with that value. False if another call is refreshing it, or has just failed to.
    fn replaces(&mut self, flight: &Flight, value: &S::Value) -> bool {
        self.count_stale();
        let Some(key) = self.rare().spare.take() else { return false };
        let before = self.passing(key, value);
        let old = Arc::clone(&before);
        let Some(ticket) = Ticket::passing(self.hash, before, self.store.clone()) else {
            return false;
        };
        if !flight.refreshes(&old) {
            ticket.moot();
            return false;
        }
        self.rare().refresh = Some(ticket);
        self.rare().in_place = true;
        true
    }

    /// The call has a stale value from the shared tier.
    fn count_stale(&mut self) {
        self.store.count_shared_stale();
        self.call.found_in_shared(true);
    }

    /// The call has a fresh value from the shared tier. A refresh does not count as a call, or its call has
    /// been counted.
    fn count_fresh(&mut self, kind: Kind) {
        match (self.refresh(), kind) {
            (Some(_), _) => self.store.count_shared_refresh(),
            (None, Kind::Value) => self.store.count_shared_hit(),
            (None, Kind::None | Kind::Err) => self.store.count_shared_negative(),
        }
        self.call.found_in_shared(false);
    }

    fn answered(
        &mut self,
        flight: Flight,
        answer: Answer,
        found: Option<Box<Value<S>>>,
    ) -> Begun<S::Return> {
        match (answer, found) {
            (Answer::Found(Use::Fresh { remaining, window, weight }), Some(found)) => {
                let how = (remaining, window, weight);
                let value = Box::new(self.keep_found(flight, found, how));
                self.count_fresh(S::kind(&value));
                Begun::Value(value)
            }
            (Answer::Found(Use::Stale), Some(found)) => {
                self.count_stale();
                let entry = self.pass_on(flight, &found.value);
                let (hash, store) = (self.hash, self.store.clone());
                self.rare().stale = entry.and_then(|entry| Ticket::passing(hash, entry, store));
                Begun::Stale(Box::new(S::restore(found.value)))
            }
            (Answer::Run | Answer::Found(_), _) => Self::runs(flight),
            (Answer::Refused(error), _) => match S::refuse(&error) {
                Some(ret) => self.fails(flight, Box::new(ret)),
                None => Self::runs(flight),
            },
            (Answer::StandDown, _) => match self.served_before() {
                Some(value) => {
                    flight.abandon(Landing::Cancelled);
                    Begun::Value(value)
                }
                None => Self::runs(flight),
            },
        }
    }

    /// The shared tier was consulted, and the function runs.
    fn runs(flight: Flight) -> Begun<S::Return> {
        flight.runs();
        Begun::Lead(flight)
    }
}
