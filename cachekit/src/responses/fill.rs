//! The look for an entry, and the run of the handler whose response is to be stored.

use std::pin::pin;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http::{Extensions, HeaderMap, Response};

use super::answer::Forward;
use super::body::{self, Body, Collected};
use super::ending::Ending;
use super::engine::{ByEntry, Engine, Held, NotStored, Ran, Wanted};
use super::key::Key;
use super::request::Look;
use super::service::{Call, Came, Handler};
use super::stale;
use super::storable::{self, Arrival, Credentials, Storable, Why};
use super::stored::{Entry, Stored};
use super::vary::{self, Rule};
use crate::clock;
use crate::key::hash_of;
use crate::read_through::{Asked, Driving};

/// What tells requests apart whose answers are not stored: the key's hash, and what they have of credentials. A mistake
/// costs a hit.
pub(super) type Mark = (u64, bool, bool);

/// Where a request looks.
pub(super) struct At {
    pub(super) look: Look,
    /// Of the variant, once it is known that responses vary.
    pub(super) key: Option<Key>,
    pub(super) rule: Option<Arc<Rule>>,
}

impl At {
    /// Requests of one mark get answers of one kind.
    pub(super) fn mark(&self) -> Mark {
        let Credentials { authorization, cookie } = self.look.credentials;
        (hash_of(self.key()), authorization, cookie)
    }

    pub(super) fn key(&self) -> &Key {
        self.key.as_ref().unwrap_or(&self.look.key)
    }

    pub(super) fn missed(&self) -> Forward {
        if self.rule.is_some() { Forward::VaryMiss } else { Forward::UriMiss }
    }
}

/// What a run comes to for its own client.
pub(super) enum Own<R: http_body::Body, E> {
    /// It was stored, or was to be. With the extensions of the handler's response, which are not stored.
    Stored(Arc<Stored>, Extensions),
    /// It is for this client alone.
    Response(Response<Body<R>>),
    Failed(E),
}

/// Where a response is stored.
enum Place {
    /// Under the target.
    Target,
    /// Under this variant of a rule that is there.
    Variant,
    /// The target's responses vary: under a variant of this rule, which is new.
    NewRule(Arc<Rule>),
}

impl<S, B, R> Call<S, B, R>
where
    S: Handler<B, R>,
    B: http_body::Body + Send + 'static,
    R: http_body::Body<Error: Send> + Send + 'static,
{
    /// Looks for the entry at one key for the first time: for what may be served, if only while the handler runs again.
    pub(super) async fn begin(&mut self, at: &At) -> Came {
        let inner = Arc::clone(&self.inner);
        self.seen.1 = inner.engine.ends(at.key());
        match inner.engine.held(at.key()).await {
            Held::Entry(entry) => Came::Entry(entry),
            Held::Stale(stored) => {
                let refreshes = at.look.may_fill() && self.suits(&at.look, &stored);
                self.come(at, Wanted::Any, refreshes).await
            }
            Held::Gone => self.come(at, Wanted::Fresh, true).await,
            Held::Other => self.come(at, Wanted::Any, true).await,
        }
    }

    /// Looks for the entry at one key, or makes it. `refreshes`: the call can refresh what is stale.
    pub(super) async fn come(&mut self, at: &At, wanted: Wanted, refreshes: bool) -> Came {
        let inner = Arc::clone(&self.inner);
        self.seen.1 = inner.engine.ends(at.key());
        let miss = match inner.engine.look(at.key(), wanted, refreshes) {
            Ok(Ok(entry)) => return Came::Entry(entry),
            Ok(Err(NotStored)) => return Came::Nothing,
            Err(miss) => miss,
        };
        match miss.ask_async().await {
            Asked::Value(Ok(entry)) => stale::brought(&inner.engine, at.key(), entry).await,
            Asked::Stale(Ok(entry), ticket) => Came::Stale(entry, ticket),
            // No error is shared, so none comes from elsewhere.
            Asked::Value(Err(NotStored)) | Asked::Stale(Err(NotStored), _) => Came::Nothing,
            // Giving the lead up lets the waiters go on.
            Asked::Lead(_) if !at.look.may_fill() => Came::Nothing,
            Asked::Lead(lead) => {
                let mut driver = lead.driver();
                drop(Driving::new(ByEntry(&inner.engine), &mut driver, pin!(self.fill(at))).await);
                Came::Ran
            }
        }
    }

    /// Runs the handler. What may be stored is an entry; what may not stays in this call.
    pub(super) async fn fill(&mut self, at: &At) -> Result<Entry, NotStored> {
        let inner = Arc::clone(&self.inner);
        let started = inner.engine.now();
        let response = match self.forward(true).await {
            Ok(response) => response,
            Err(error) => {
                inner.mark(at, Why::Failed);
                self.own = Some(Own::Failed(error));
                return self.fails();
            }
        };
        self.has_filled = true;
        let (parts, body) = response.into_parts();
        if self.is_worse(parts.status) {
            drop(self.keeps(parts, Body::passing(body)));
            return self.fails();
        }
        let now = inner.engine.now();
        let arrival =
            Arrival { now: SystemTime::now(), delay: clock::duration(now.saturating_sub(started)) };
        let judged = storable::judge(
            parts.status,
            &parts.headers,
            at.look.credentials,
            inner.limits,
            arrival,
        );
        let placed = match judged {
            Ok(storable) => self.place(at, storable).await,
            Err(why) => Err(why),
        };
        let (mut storable, place) = match placed {
            Ok(placed) => placed,
            Err(why) => {
                inner.mark(at, why);
                return self.keeps(parts, Body::passing(body));
            }
        };
        let body = match body::collect(body, inner.max_body).await {
            Collected::Whole(body) if is_as_long_as_said(&parts.headers, &body) => body,
            Collected::Whole(body) => {
                return self.keeps_read(at, Why::Body, parts, body);
            }
            Collected::Not(body) => {
                // A failure does not lead requests past the response that stands in for it.
                let has_failed = body.has_failed() && self.over.is_some();
                if !has_failed {
                    inner.mark(at, Why::Body);
                }
                let kept = self.keeps(parts, body);
                return if has_failed { self.fails() } else { kept };
            }
        };
        // RFC 9111 §4.2.3: it grew older while its body was read.
        let read = inner.engine.now();
        if !storable.grow_older(clock::duration(read.saturating_sub(now))) {
            return self.keeps_read(at, Why::Body, parts, body);
        }
        if !self.admit(at, &place, &storable) {
            return self.keeps_read(at, Why::Variants, parts, body);
        }
        let whole = (parts.status, parts.headers, body);
        let times = (read, arrival.now);
        let stored = Stored::new(whole, &storable, inner.makes_etags, times);
        self.own = Some(Own::Stored(Arc::clone(&stored), parts.extensions));
        let entry = Entry::Response(stored);
        Ok(match place {
            Place::Target | Place::Variant => entry,
            Place::NewRule(rule) => {
                // First the variant, then the rule that leads to it. If the target is invalidated before that, the rule is not
                // stored, and nothing leads to the variant.
                let values = vary::values(&rule.fields, &self.asked);
                let key = at.look.key.variant(&rule, values);
                store_new(&inner.engine, &key, entry).await;
                Entry::Rule(rule)
            }
        })
    }

    /// The response goes to its own client.
    fn keeps(&mut self, parts: Parts, body: Body<R>) -> Result<Entry, NotStored> {
        self.own = Some(Own::Response(Response::from_parts(parts, body)));
        Err(NotStored)
    }

    /// The same, of one whose body was read.
    fn keeps_read(
        &mut self,
        at: &At,
        why: Why,
        parts: Parts,
        body: Bytes,
    ) -> Result<Entry, NotStored> {
        self.inner.mark(at, why);
        self.keeps(parts, Body::whole(body))
    }

    /// Where a response is to be stored that varies as it does.
    async fn place(&mut self, at: &At, storable: Storable) -> Result<(Storable, Place), Why> {
        let inner = Arc::clone(&self.inner);
        let fields = &storable.vary;
        let Some(rule) = &at.rule else {
            let mut all = fields.clone();
            // What its responses varied on before: the handler does not say the same each time.
            all.extend(inner.varied(&at.look).iter().cloned());
            all.sort_unstable();
            all.dedup();
            if !vary::are_few(&all) {
                // What it said in the past is too much together, and does not keep the next response from being stored.
                inner.forget_varied(&at.look);
                return Err(Why::VariesMore);
            }
            let place = if all.is_empty() { Place::Target } else { Place::NewRule(Rule::new(all)) };
            return Ok((storable, place));
        };
        if !rule.covers(fields) {
            // The rule does not tell all requests apart that have to be. It goes; the next one knows these fields, too.
            let mut all: Vec<_> = rule.fields.iter().chain(fields).cloned().collect();
            all.sort_unstable();
            all.dedup();
            if vary::are_few(&all) {
                inner.remember_varied(&at.look, all);
            } else {
                inner.forget_varied(&at.look);
            }
            // Unless it is gone: what stands in its place knows more.
            if inner.engine.has_rule(&at.look.key, rule) {
                Ending::new(&inner, vec![at.look.key.clone()]).settle().await;
            }
            return Err(Why::VariesMore);
        }
        // A body is not read in vain.
        if !rule.has_room(self.variant(at, rule), inner.max_variants, inner.engine.now()) {
            return Err(Why::Variants);
        }
        Ok((storable, Place::Variant))
    }

    /// Takes one of the places of variants, once it is known that there is something to store.
    fn admit(&self, at: &At, place: &Place, storable: &Storable) -> bool {
        let rule = match (place, &at.rule) {
            (Place::NewRule(rule), _) | (Place::Variant, Some(rule)) => rule,
            (Place::Target | Place::Variant, _) => return true,
        };
        let now = self.inner.engine.now();
        let lives = storable.fresh_for.saturating_add(storable.stale_for);
        let until = now.saturating_add(clock::ticks(lives));
        rule.admits(self.variant(at, rule), self.inner.max_variants, now, until)
    }

    /// The hash of the variant that this request is for.
    fn variant(&self, at: &At, rule: &Rule) -> u64 {
        hash_of(&at.look.key.variant(rule, vary::values(&rule.fields, &self.asked)))
    }
}

/// RFC 9111 §3.3: of what is incomplete nothing is stored.
fn is_as_long_as_said(headers: &HeaderMap, body: &Bytes) -> bool {
    headers.get_all(CONTENT_LENGTH).iter().all(|value| {
        value.to_str().ok().and_then(|text| text.trim().parse().ok()) == Some(body.len())
    })
}

/// Stores an entry under a key that no other call knows.
async fn store_new(engine: &Engine, key: &Key, entry: Entry) {
    if let Err(miss) = engine.look(key, Wanted::Any, true)
        && let Asked::Lead(lead) = miss.ask_async().await
    {
        let mut driver = lead.driver();
        let made = pin!(std::future::ready(Ok(entry)));
        drop(Driving::<_, Ran, _, _, _>::new(ByEntry(engine), &mut driver, made).await);
    }
}
