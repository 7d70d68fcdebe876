//! What is done with a response whose time is over: it is served while the handler runs again (RFC 5861 §3), or it stands in for
//! the handler's failure (§4).

use std::sync::Arc;

use http::{Response, StatusCode};

use super::answer::{self, Status};
use super::body::Body;
use super::ending::Ending;
use super::engine::{Engine, NotStored, Wanted};
use super::fill::{At, Own};
use super::key::Key;
use super::service::{Call, Came, Handler};
use super::stats::count;
use super::storable::{self, Arrival, Credentials};
use super::stored::{Entry, Stored};
use super::vary::Rule;
use crate::read_through::Ticket;

/// A stored response, over which the handler runs.
pub(super) struct Over {
    stored: Arc<Stored>,
    key: Key,
    shows: Shows,
    /// Where the responses vary, what leads to it.
    led_by: Option<LedBy>,
    is_head: bool,
    credentials: Credentials,
    /// Its freshness is not over: the request does not want it.
    pub(super) is_fresh: bool,
    /// The client may have it, should the handler fail.
    may_stand_in: bool,
}

/// The rule that leads to a response, at the key of the target.
struct LedBy {
    target: Key,
    rule: Arc<Rule>,
    shows: Shows,
}

/// How to find out that an entry was invalidated while the handler ran.
enum Shows {
    /// This process has the entry until it is invalidated.
    ByItself,
    /// Another process has the entry, or had it. How often this process had invalidated entries of the key before the
    /// entry was found.
    ByCount(u64),
}

/// What a run says of the page that it ran for.
enum Said {
    /// The handler failed, with this status if it answered at all.
    Failure(Option<StatusCode>),
    /// The page is another one now, which is not stored.
    Other,
    /// There is no page any more.
    Gone,
    /// It is stored, or nothing is known of it.
    Nothing,
}

impl<S, B, R> Call<S, B, R>
where
    S: Handler<B, R>,
    B: http_body::Body + Send + 'static,
    R: http_body::Body<Error: Send> + Send + 'static,
{
    /// Whether a response may be served though the handler did not fail.
    pub(super) fn may_be_served(&self, stored: &Stored) -> bool {
        stored.may_be_served(self.inner.engine.now())
    }

    /// The handler runs over a stored response, unless that is of no use to any client any more.
    pub(super) fn runs_over(&mut self, at: &At, stored: Arc<Stored>, suits: bool) {
        let engine = &self.inner.engine;
        let now = engine.now();
        let stands_in = stored.stands_in(now);
        let shows = |is_here, seen| if is_here { Shows::ByItself } else { Shows::ByCount(seen) };
        let (target, variant) = self.seen;
        // Where there is no rule, the key is the target: it counts from the moment that the request came.
        let seen = if at.rule.is_some() { variant } else { target };
        self.over = (stands_in || stored.may_be_served(now)).then(|| Over {
            shows: shows(engine.has_response(at.key(), &stored), seen),
            led_by: at.rule.as_ref().map(|rule| LedBy {
                shows: shows(engine.has_rule(&at.look.key, rule), target),
                target: at.look.key.clone(),
                rule: Arc::clone(rule),
            }),
            key: at.key().clone(),
            is_head: at.look.is_head,
            credentials: at.look.credentials,
            is_fresh: !stored.fresh_left(now).is_zero(),
            may_stand_in: stands_in && suits,
            stored,
        });
    }

    /// Whether a run's answer would replace a response that is better than a failure (RFC 5861 §4): such an answer is not
    /// stored, for however long it says that it is fresh.
    pub(super) fn is_worse(&self, status: StatusCode) -> bool {
        self.over.is_some() && is_failure(status)
    }

    /// The end of each run over a stale response, whether a client waits for it or not. If the handler failed, the answer is
    /// the stale response, if that may still be served. If it says that the page is another one now, the stale response ends.
    /// A fresh one is good for as long as it says.
    pub(super) async fn ended(&mut self) -> Option<Response<Body<R>>> {
        let over = self.over.take().filter(|over| !over.is_fresh && self.stays(over))?;
        let said = self.said(over.credentials);
        let mut keys = vec![over.key];
        // Else another variant may be what it was.
        if matches!(said, Said::Gone) {
            keys.extend(over.led_by.map(|rule| rule.target));
        }
        match said {
            Said::Failure(status) if over.may_stand_in => {
                self.instead(&over.stored, over.is_head, status)
            }
            Said::Other | Said::Gone => {
                Ending::new(&self.inner, keys).settle().await;
                None
            }
            Said::Failure(_) | Said::Nothing => None,
        }
    }

    /// Whether a stale response was neither ended nor replaced since it was found, as far as this process knows. What stands
    /// here shows that itself. Of the rest, the counts tell.
    fn stays(&self, over: &Over) -> bool {
        let engine = &self.inner.engine;
        let is_led_to =
            over.led_by.as_ref().is_none_or(|LedBy { target, rule, shows }| match shows {
                Shows::ByItself => engine.has_rule(target, rule),
                Shows::ByCount(seen) => engine.ends(target) == *seen,
            });
        let is_there = || match over.shows {
            Shows::ByItself => engine.has_response(&over.key, &over.stored),
            Shows::ByCount(seen) => {
                !engine.has_another(&over.key) && engine.ends(&over.key) == seen
            }
        };
        is_led_to && is_there()
    }

    /// What the requests that wait for a failed run get: the stale response, if it may stand in for the failure, and
    /// if the request may have it.
    pub(super) fn fails(&self) -> Result<Entry, NotStored> {
        let now = self.inner.engine.now();
        let over = self.over.as_ref().ok_or(NotStored)?;
        if over.is_fresh || !over.stored.stands_in(now) || !self.stays(over) {
            return Err(NotStored);
        }
        Ok(Entry::StoodIn(Arc::clone(&over.stored)))
    }

    fn said(&self, credentials: Credentials) -> Said {
        let response = match &self.own {
            Some(Own::Failed(_)) => return Said::Failure(None),
            Some(Own::Response(response)) => response,
            Some(Own::Stored(..)) | None => return Said::Nothing,
        };
        let status = response.status();
        if is_failure(status) {
            return Said::Failure(Some(status));
        }
        if response.body().has_failed() {
            return Said::Failure(None);
        }
        // One that was not to be stored because of its request (`HEAD`, `no-store`) may say that the page is for all.
        let is_for_all = !self.has_filled && self.would_store(response, credentials);
        match status.as_u16() {
            _ if is_for_all || !is_final(status, credentials) => Said::Nothing,
            404 | 410 | 451 => Said::Gone,
            _ => Said::Other,
        }
    }

    /// Whether the head of an answer that was not to be stored says that it may be.
    pub(super) fn would_store(
        &self,
        response: &Response<Body<R>>,
        credentials: Credentials,
    ) -> bool {
        let arrival =
            Arrival { now: std::time::SystemTime::now(), delay: std::time::Duration::ZERO };
        let (status, headers) = (response.status(), response.headers());
        storable::judge(status, headers, credentials, self.inner.limits, arrival).is_ok()
    }

    /// A stale response instead of a failure, if its time for that is not over. The status: of this call's own run.
    pub(super) fn instead(
        &mut self,
        stored: &Stored,
        is_head: bool,
        status: Option<StatusCode>,
    ) -> Option<Response<Body<R>>> {
        let now = self.inner.engine.now();
        if !stored.stands_in(now) {
            return None;
        }
        self.own = None;
        count(&self.inner.counters.hits);
        count(&self.inner.counters.stale_hits);
        let mut response = answer::from_stored(stored, &self.asked, is_head, true, now);
        self.count_not_modified(&response);
        self.say(&mut response, Status::StoodIn { status }, None);
        Some(response)
    }

    /// Answers with a stale response, and goes on behind the client's back: its own request is what the handler runs on.
    pub(super) fn stale(self, at: At, stored: Arc<Stored>, ticket: Ticket) -> Response<Body<R>> {
        let response = self.hit(&at.look, &stored);
        if at.look.may_fill() {
            ticket.run_async(self.refresh(at, stored));
        } else {
            ticket.untried();
        }
        response
    }

    /// The look takes the ticket. No client waits for the answer.
    async fn refresh(mut self, at: At, stale: Arc<Stored>) {
        self.runs_over(&at, stale, false);
        drop(self.come(&at, Wanted::Any, true).await);
        drop(self.ended().await);
    }
}

/// What another call, or the tier, has brought. Past its time it counts only as long as the tier has it, where this process does
/// not hear of changes: the other call may have begun before another process ended it, and this one after that.
pub(super) async fn brought(engine: &Engine, key: &Key, entry: Entry) -> Came {
    let stored = match &entry {
        Entry::StoodIn(stored) => stored,
        Entry::Response(stored) if stored.fresh_left(engine.now()).is_zero() => stored,
        Entry::Response(_) | Entry::Rule(_) => return Came::Entry(entry),
    };
    if !engine.stands_past(key, stored).await {
        return Came::Ended;
    }
    match entry {
        Entry::StoodIn(stored) => Came::StoodIn(stored),
        entry => Came::Entry(entry),
    }
}

/// RFC 5861 §4: what is an error, so that a stale response may be served.
pub(super) fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// Whether an answer says what the page is now. Others say that the handler could not tell just now, or what it takes the
/// request for: the next client may get another one.
fn is_final(status: StatusCode, credentials: Credentials) -> bool {
    match status.as_u16() {
        // To a condition of the client's own: the page is what it was.
        304 => false,
        200..=399 | 404 | 410 | 451 => true,
        // The page is not for all any more; unless it is about the client's credentials.
        401..=403 => credentials == Credentials::default(),
        _ => false,
    }
}
