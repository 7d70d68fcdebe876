//! The shared tier, asked before the function runs.

use std::any::Any;
use std::sync::Arc;

use super::Purpose;
use super::land::failure_of;
use super::miss::{Begun, Miss};
use super::refresh_ahead::Ticket;
use super::remote::Answer;
use crate::background;
use crate::entry::AnyEntry;
use crate::flight::{Flight, Landing};
use crate::shape::Shape;

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// Asks the shared tier before running the function.
    pub(super) async fn ask_remote(
        &mut self,
        flight: Flight,
        asynchronous: bool,
    ) -> Begun<S::Return> {
        loop {
            match self.consult(&flight).await {
                Answer::Stale(found) if asynchronous && !background::takes_futures() => {
                    if !self.replaces(&flight, &found.value) {
                        return Begun::Stale(self.pass_on(flight, found.value));
                    }
                    // Once more, as the refresh: another process may be at it.
                }
                answer => return self.answered(flight, answer),
            }
        }
    }

    async fn consult(&mut self, flight: &Flight) -> Answer<S> {
        let purpose = match (self.forced, &self.refresh) {
            (true, _) => Purpose::Forced,
            (false, Some(_)) => Purpose::Refresh,
            (false, None) if flight.is_alone() => Purpose::Alone,
            (false, None) => Purpose::Fill,
        };
        self.remote.consult(&self.entry, &self.store, purpose).await
    }

    /// Makes this call the refresh of a value that only the shared tier has; the callers that wait for it go on
    /// with that value. False if another call is at it, or was just now and got nothing.
    fn replaces(&mut self, flight: &Flight, value: &S::Value) -> bool {
        self.store.count_shared_hit();
        self.store.count_stale_hit();
        let entry = Arc::clone(&self.entry) as Arc<AnyEntry>;
        let Some(ticket) = Ticket::passing(entry, self.store.clone()) else { return false };
        let before: Arc<dyn Any + Send + Sync> = Arc::new(S::kept(value));
        if !flight.refreshes(Landing::Passed(Arc::clone(&before))) {
            ticket.moot();
            return false;
        }
        self.refresh = Some(Box::new(ticket.replacing(before)));
        self.in_place = true;
        true
    }

    fn answered(&mut self, flight: Flight, answer: Answer<S>) -> Begun<S::Return> {
        match answer {
            Answer::Run => Self::runs(flight),
            Answer::Fresh(found) => {
                self.store.count_shared_hit();
                Begun::Value(self.keep_found(flight, found))
            }
            Answer::Stale(found) => {
                self.store.count_shared_hit();
                self.store.count_stale_hit();
                let ret = self.pass_on(flight, found.value);
                let entry = Arc::clone(&self.entry) as Arc<AnyEntry>;
                self.stale = Ticket::passing(entry, self.store.clone()).map(Box::new);
                Begun::Stale(ret)
            }
            Answer::Refused(error) => match S::refuse(&error) {
                Some(ret) => {
                    flight.land(Landing::Failed(failure_of::<S>(&ret)));
                    Begun::Value(ret)
                }
                None => Self::runs(flight),
            },
            Answer::StandDown => match self.served_before() {
                Some(value) => {
                    flight.land(Landing::Cancelled);
                    Begun::Value(value)
                }
                None => Self::runs(flight),
            },
        }
    }

    /// The shared tier is asked, and the function runs.
    fn runs(flight: Flight) -> Begun<S::Return> {
        flight.runs();
        Begun::Lead(flight)
    }
}
