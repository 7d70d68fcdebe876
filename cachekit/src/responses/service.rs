//! The service around another one, and the way of one request through it.
//!
//! A request looks for the entry of its target. Where nothing is there, one request runs the handler and the others wait
//! (`fill.rs`); where the entry says that responses vary, the request goes on with the variant. Whatever is not to be stored
//! goes to its own client alone: to the engine it is an error, and errors are not shared.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use tower_service::Service;

use super::answer::{self, Forward, Status};
use super::body::Body;
use super::change::Change;
use super::conditional;
use super::engine::Wanted;
use super::fill::{At, Own};
use super::layer::{Inner, MarkedBy};
use super::request::{Ask, Look};
use super::stale::Over;
use super::stats::count;
use super::stored::{Entry, Stored};
use super::vary;
use crate::read_through::Ticket;

/// A service that answers from a cache what it can: [`CacheResponses`](super::CacheResponses) around a service.
///
/// Its clones share the cache, and so do all services that one layer made.
///
/// It is always ready. It waits until the service behind it is ready only when that service has to run. So hits, and
/// requests that wait for the run of another request, take no permit of a limit behind the cache. To limit these
/// requests, too, put the limit outside.
#[derive(Clone, Debug)]
pub struct CachedResponses<S> {
    service: S,
    inner: Arc<Inner>,
}

impl<S> CachedResponses<S> {
    pub(super) fn new(service: S, inner: Arc<Inner>) -> Self {
        Self { service, inner }
    }
}

impl<S, B, R> Service<Request<B>> for CachedResponses<S>
where
    S: Service<Request<B>, Response = Response<R>, Future: Send, Error: Send>
        + Clone
        + Send
        + 'static,
    B: http_body::Body + Send + 'static,
    R: http_body::Body<Error: Send> + Send + 'static,
{
    type Response = Response<Body<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    /// Always ready: hits and waiters take nothing of the service behind the cache. A request that runs it waits for its
    /// readiness then.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // Nothing is reserved in it.
        let service = self.service.clone();
        let inner = Arc::clone(&self.inner);
        let scope = inner.engine.scope().cloned();
        let call = Call::new(inner, service, request).run();
        match scope {
            Some(scope) => Box::pin(scope.wrap(call)),
            None => Box::pin(call),
        }
    }
}

/// The services that a cache goes around.
pub(super) trait Handler<B, R>:
    Service<Request<B>, Response = Response<R>, Future: Send, Error: Send> + Clone + Send + 'static
{
}

impl<S, B, R> Handler<B, R> for S where
    S: Service<Request<B>, Response = Response<R>, Future: Send, Error: Send>
        + Clone
        + Send
        + 'static
{
}

/// What a service returns.
pub(super) type Returned<R, E> = Result<Response<Body<R>>, E>;

/// One request on its way.
pub(super) struct Call<S, B, R>
where
    S: Service<Request<B>>,
    R: http_body::Body,
{
    pub(super) inner: Arc<Inner>,
    /// The handler and what is left of the request. Taken when the handler runs, which it does once at most.
    waiting: Option<(S, Parts, B)>,
    /// What the client asked with.
    pub(super) asked: HeaderMap,
    /// What this call's own run came to.
    pub(super) own: Option<Own<R, S::Error>>,
    /// The handler ran to fill, and what it answered was judged.
    pub(super) has_filled: bool,
    /// The stored response over which the handler runs.
    pub(super) over: Option<Over>,
    /// How often the target was ended before this call began, and what is looked for there before it was.
    pub(super) seen: (u64, u64),
}

/// What a look for an entry comes to.
pub(super) enum Came {
    Entry(Entry),
    Stale(Entry, Ticket),
    /// Another call's run failed, and this may be served instead.
    StoodIn(Arc<Stored>),
    /// Another call had a response past its time, and another process has ended that meanwhile.
    Ended,
    /// The handler ran for this call.
    Ran,
    /// There is nothing, and the handler did not run.
    Nothing,
}

impl<S, B, R> Call<S, B, R>
where
    S: Handler<B, R>,
    B: http_body::Body + Send + 'static,
    R: http_body::Body<Error: Send> + Send + 'static,
{
    fn new(inner: Arc<Inner>, service: S, request: Request<B>) -> Self {
        let (parts, body) = request.into_parts();
        let asked = inner.naming.asked(&parts);
        Self {
            inner,
            waiting: Some((service, parts, body)),
            asked,
            own: None,
            has_filled: false,
            over: None,
            seen: (0, 0),
        }
    }

    async fn run(mut self) -> Returned<R, S::Error> {
        let Some((_, parts, body)) = &self.waiting else { unreachable!("it has just come") };
        match self.inner.naming.ask(parts, !body.is_end_stream()) {
            Ask::Pass("method") => self.pass(Forward::Method, None).await,
            Ask::Pass(why) => self.pass(Forward::Bypass, Some(why)).await,
            Ask::Change(keys) => {
                let base = self.inner.naming.uri_of(parts);
                let change =
                    Change::new(&self.inner, keys, self.inner.naming.hosts_to_change(parts), base);
                let returned = self.pass(Forward::Method, None).await;
                if let Some(change) = change.answered(&returned) {
                    change.settle().await;
                }
                returned
            }
            // A change counts all the same: the shared tier may have what it outdates.
            Ask::Look(_) if self.inner.engine.is_disabled() => {
                self.pass(Forward::Bypass, Some("off")).await
            }
            Ask::Look(look) => self.look(look).await,
        }
    }

    /// Runs the handler on the request as it came.
    async fn pass(&mut self, why: Forward, detail: Option<&'static str>) -> Returned<R, S::Error> {
        self.own = Some(match self.forward(false).await {
            Ok(response) => Own::Response(response.map(Body::passing)),
            Err(error) => Own::Failed(error),
        });
        if let Some(response) = self.ended().await {
            return Ok(response);
        }
        count(&self.inner.counters.passes);
        match self.own.take() {
            Some(Own::Response(mut response)) => {
                self.say(&mut response, Status::Forwarded { why, detail }, None);
                Ok(response)
            }
            Some(Own::Failed(error)) => Err(error),
            Some(Own::Stored(..)) | None => unreachable!("it has just come, and was not stored"),
        }
    }

    /// Runs the handler, once it is ready. Without the request's conditions, if its response may be stored.
    pub(super) async fn forward(&mut self, unconditionally: bool) -> Result<Response<R>, S::Error> {
        let Some((mut service, mut parts, body)) = self.waiting.take() else {
            unreachable!("a handler runs once for a request")
        };
        if unconditionally {
            conditional::strip(&mut parts.headers);
        }
        poll_fn(|cx| service.poll_ready(cx)).await?;
        service.call(Request::from_parts(parts, body)).await
    }

    pub(super) fn say(
        &self,
        response: &mut Response<Body<R>>,
        status: Status,
        fresh_left: Option<std::time::Duration>,
    ) {
        if self.inner.cache_status {
            answer::say(response.headers_mut(), status, fresh_left);
        }
    }

    /// Answers a request that a stored response may answer.
    async fn look(mut self, look: Look) -> Returned<R, S::Error> {
        let mut at = At { look, key: None, rule: None };
        self.seen.0 = self.inner.engine.ends(&at.look.key);
        let (mut wanted, mut has_doubted) = (Wanted::Any, false);
        loop {
            if let Some(by) = self.inner.passes(&at) {
                if at.look.said.only_if_cached {
                    return self.unfilled(&at, at.missed(), "not-stored-before").await;
                }
                return self.pass_by_mark(&at, by).await;
            }
            let came = match wanted {
                Wanted::Any => self.begin(&at).await,
                _ => self.come(&at, wanted, true).await,
            };
            let entry = match came {
                Came::Ran => return self.ran(&at, wanted).await,
                Came::Nothing => return self.unfilled(&at, at.missed(), "not-stored").await,
                Came::Stale(Entry::Response(stored), ticket)
                    if self.suits(&at.look, &stored) && self.may_be_served(&stored) =>
                {
                    return Ok(self.stale(at, stored, ticket));
                }
                // The refresh is not this call's.
                Came::Stale(entry, ticket) => {
                    ticket.untried();
                    entry
                }
                Came::StoodIn(_) | Came::Ended => {
                    if let Came::StoodIn(stored) = &came
                        && self.suits(&at.look, stored)
                        && let Some(response) = self.instead(stored, at.look.is_head, None)
                    {
                        return Ok(response);
                    }
                    let is_ended = matches!(came, Came::Ended);
                    if is_ended {
                        self.over = None;
                    }
                    if !at.look.may_fill() || wanted == Wanted::Run {
                        return self.unfilled(&at, Forward::Stale, "not-stored").await;
                    }
                    // Where another process ended it, the waiters for it share a run again.
                    let again = is_ended && wanted == Wanted::Any;
                    wanted = if again { Wanted::Fresh } else { Wanted::Run };
                    continue;
                }
                Came::Entry(entry) => entry,
            };
            match entry {
                Entry::Rule(rule) if at.rule.is_none() => {
                    self.over = None;
                    if !self.inner.engine.stands(&at.look.key, &rule).await {
                        self.inner.engine.drop_rule(&at.look.key, &rule);
                        if has_doubted {
                            return self.unfilled(&at, Forward::UriMiss, "not-stored").await;
                        }
                        has_doubted = true;
                        continue;
                    }
                    let values = vary::values(&rule.fields, &self.asked);
                    at.key = Some(at.look.key.variant(&rule, values));
                    at.rule = Some(rule);
                }
                // A variant is a response; and what is there did not fail.
                Entry::Rule(_) | Entry::StoodIn(_) => {
                    return self.unfilled(&at, Forward::Bypass, "not-stored").await;
                }
                Entry::Response(stored) => {
                    self.over = None;
                    if !stored.audience().admits(at.look.credentials) {
                        return self.unfilled(&at, Forward::Bypass, "credentials").await;
                    }
                    let suits = self.suits(&at.look, &stored);
                    // A waiter may come to it when its time is over.
                    let may_be_served = self.may_be_served(&stored);
                    if may_be_served && (suits || wanted == Wanted::Run) {
                        return Ok(self.hit(&at.look, &stored));
                    }
                    let is_fresh = !stored.fresh_left(self.inner.engine.now()).is_zero();
                    let why = if is_fresh { Forward::Request } else { Forward::Stale };
                    self.runs_over(&at, stored, suits);
                    if !at.look.may_fill() || wanted == Wanted::Run {
                        return self.unfilled(&at, why, "not-stored").await;
                    }
                    // One request runs the handler, and the others wait for it; unless it is this one that wants another
                    // response than they do.
                    let first = !may_be_served && wanted == Wanted::Any;
                    wanted = if first { Wanted::Fresh } else { Wanted::Run };
                }
            }
        }
    }

    /// Nothing stored suits, and nothing is to be stored.
    async fn unfilled(
        &mut self,
        at: &At,
        why: Forward,
        detail: &'static str,
    ) -> Returned<R, S::Error> {
        if !at.look.said.only_if_cached {
            return self.pass(why, Some(detail)).await;
        }
        count(&self.inner.counters.passes);
        let mut response = answer::nothing_cached();
        let detail = Some("only-if-cached");
        self.say(&mut response, Status::Forwarded { why: Forward::Request, detail }, None);
        Ok(response)
    }

    /// Whether a stored response may answer the request: its credentials, and what it says of caching.
    pub(super) fn suits(&self, look: &Look, stored: &Stored) -> bool {
        let now = self.inner.engine.now();
        let said = look.said;
        let seconds = std::time::Duration::from_secs;
        stored.audience().admits(look.credentials)
            && !said.no_cache
            && said.max_age.is_none_or(|most| stored.age(now) <= seconds(most))
            && said.min_fresh.is_none_or(|least| stored.fresh_left(now) >= seconds(least))
    }

    /// The answer to a call whose handler ran.
    async fn ran(&mut self, at: &At, wanted: Wanted) -> Returned<R, S::Error> {
        let why = match (&self.over, wanted) {
            (Some(over), _) if !over.is_fresh => Forward::Stale,
            (_, Wanted::Run) => Forward::Request,
            _ => at.missed(),
        };
        if let Some(response) = self.ended().await {
            return Ok(response);
        }
        count(&self.inner.counters.misses);
        let mut response = match self.own.take() {
            Some(Own::Stored(stored, extensions)) => {
                let now = self.inner.engine.now();
                let mut response =
                    answer::from_stored(&stored, &self.asked, at.look.is_head, false, now);
                *response.extensions_mut() = extensions;
                response
            }
            Some(Own::Response(response)) => answer::from_handler(response, &self.asked),
            Some(Own::Failed(error)) => return Err(error),
            None => unreachable!("a run comes to something"),
        };
        self.count_not_modified(&response);
        self.say(&mut response, Status::Forwarded { why, detail: None }, None);
        Ok(response)
    }

    pub(super) fn hit(&self, look: &Look, stored: &Stored) -> Response<Body<R>> {
        count(&self.inner.counters.hits);
        let now = self.inner.engine.now();
        let fresh_left = stored.fresh_left(now);
        // Stale responses are served by those as well that do not have them refreshed.
        let stale = fresh_left.is_zero();
        if stale {
            count(&self.inner.counters.stale_hits);
        }
        let mut response = answer::from_stored(stored, &self.asked, look.is_head, true, now);
        self.count_not_modified(&response);
        self.say(&mut response, Status::Hit { stale }, Some(fresh_left));
        response
    }

    pub(super) fn count_not_modified(&self, response: &Response<Body<R>>) {
        if response.status() == StatusCode::NOT_MODIFIED {
            count(&self.inner.counters.not_modified);
        }
    }

    /// Runs the handler of a target that gave nothing to store just now. Once it would, the next request stores it.
    async fn pass_by_mark(&mut self, at: &At, by: MarkedBy) -> Returned<R, S::Error> {
        let returned = self.pass(Forward::Bypass, Some("not-stored-before")).await;
        if let (Ok(response), MarkedBy::Headers) = (&returned, by)
            && self.would_store(response, at.look.credentials)
        {
            self.inner.unmark(at);
        }
        returned
    }
}
