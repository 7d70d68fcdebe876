//! What is done with a response whose time is over: it is served while the handler runs again (RFC 5861 §3), or it stands in for
//! the handler's failure (§4).

use std::sync::Arc;

use http::{Response, StatusCode};

use super::answer::{self, Status};
use super::body::Body;
use super::engine::Wanted;
use super::fill::{At, Own};
use super::key::Key;
use super::service::{Call, Handler};
use super::stats::count;
use super::stored::Stored;
use crate::read_through::Ticket;

/// A stale response that may be served because the handler failed (RFC 5861 §4).
pub(super) struct StandIn {
    stored: Arc<Stored>,
    is_head: bool,
    /// Where it stands in this process, if it does. Once it does not, it is not served.
    place: Option<Key>,
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

    /// A response that is too old, if it may be served should the handler fail.
    pub(super) fn stand_in_of(&self, at: &At, stored: Arc<Stored>) -> Option<StandIn> {
        let engine = &self.inner.engine;
        let place = engine.has_response(at.key(), &stored).then(|| at.key().clone());
        let stands_in = stored.stands_in(engine.now());
        stands_in.then(|| StandIn { stored, is_head: at.look.is_head, place })
    }

    /// The stale response instead of the handler's failure, if it may still be served.
    pub(super) fn stood_in(&mut self) -> Option<Response<Body<R>>> {
        let status = match self.own.as_ref()? {
            Own::Failed(_) => None,
            Own::Response(response) if is_failure(response.status()) => Some(response.status()),
            Own::Response(response) if response.body().has_failed() => None,
            Own::Response(_) | Own::Stored(..) => return None,
        };
        let StandIn { stored, is_head, place } = self.stand_in.take()?;
        let now = self.inner.engine.now();
        let was_removed =
            place.is_some_and(|place| !self.inner.engine.has_response(&place, &stored));
        if was_removed || !stored.stands_in(now) {
            return None;
        }
        self.own = None;
        count(&self.inner.counters.hits);
        count(&self.inner.counters.stale_hits);
        let mut response = answer::from_stored(&stored, &self.asked, is_head, true, now);
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
            // Nothing was tried.
            ticket.moot();
        }
        response
    }

    /// The look takes the ticket. No client waits for the answer; but an answer that is not to be stored says that the stale
    /// response is not the page any more.
    async fn refresh(mut self, at: At, stale: Arc<Stored>) {
        drop(self.come(&at, Wanted::Any).await);
        if let Some(Own::Response(response)) = &self.own
            && is_final(response.status())
            && !response.body().has_failed()
            && self.inner.engine.has_response(at.key(), &stale)
        {
            self.inner.engine.invalidate(at.key()).await.ignore();
        }
    }
}

/// RFC 5861 §4: what is an error, so that a stale response may be served.
pub(super) fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// Whether an answer says what the page is now. Others say that the handler could not tell just now, or not for this client's
/// pace: 408, 425, 429, 499 and 5xx.
fn is_final(status: StatusCode) -> bool {
    !status.is_server_error() && !matches!(status.as_u16(), 408 | 425 | 429 | 499)
}
