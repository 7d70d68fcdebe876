//! One request, from its head to the answer.

mod body;
mod headers;
mod keys;
mod operations;
mod reply;

pub use self::keys::KeyRule;
pub(crate) use self::reply::ReplyBody;

use self::body::{Space, Upload};
use self::reply::{Refusal, Reply};
use crate::alarm::Limit;
use crate::auth::{ApiKeys, Caller, Scope};
use crate::clock::Timestamp;
use crate::home::Home;
use crate::limits::Limits;
use crate::metrics::{Action, InTransit, Metrics};
use crate::outgoing::Outgoing;
use crate::room::Room;
use crate::store::EntryKey;
use crate::tenant::{Account, Denied, TenantLimits, Tenants};
use crate::unread::Windows;
use crate::watch::InFlight;
use bytes::Bytes;
use cachekit_io::Clock;
use cachekit_io::wire::path::{self, Part, PathError, Target};
use http::header::{ALLOW, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// Where the description of the API is.
pub(crate) const DESCRIPTION: &str = "/openapi.json";

/// Everything requests share.
pub(crate) struct Service {
    pub(crate) keys: RwLock<Arc<ApiKeys>>,
    pub(crate) tenants: Tenants,
    /// For tenants whose keys say nothing.
    pub(crate) default_limits: TenantLimits,
    pub(crate) home: Arc<Home>,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) key_rule: KeyRule,
    pub(crate) metrics: Metrics,
    /// The description of the API.
    pub(crate) description: Bytes,
    /// Room for bodies that are being received.
    pub(crate) receiving: Arc<Room>,
    /// Room for answers that were not taken yet.
    pub(crate) outgoing: Arc<Outgoing>,
    /// Room for what was sent and is not read.
    pub(crate) windows: Arc<Windows>,
}

/// A request that may be done.
struct Admitted {
    caller: Caller,
    account: Arc<Account>,
    action: Action,
    /// `None` for the health check, and for the description of the API.
    key: Option<EntryKey>,
    /// The lock to release, where the query names it.
    legacy_lock: Option<Vec<u8>>,
}

impl Service {
    /// Answers a request. Never fails: what goes wrong is an answer, too.
    pub(crate) async fn answer<B>(
        &self,
        request: Request<B>,
        running: InFlight,
    ) -> Response<ReplyBody>
    where
        B: Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Send,
    {
        let began = Instant::now();
        let (head, body) = request.into_parts();
        let mut upload = Upload::new(body, &head.headers, &self.limits, &running);
        let admitted = self.admit(&head, &running);
        let options = matches!(admitted, Ok(None)).then(|| options(head.uri.path()));
        // The rest of the head is let go: a peer that takes its time with the body would keep it here.
        let http::request::Parts { method, version, headers, .. } = head;
        let (action, result) = match admitted {
            Ok(None) => (Action::Options, options.ok_or_else(Refusal::unauthorized)),
            Ok(Some(admitted)) => {
                let action = admitted.action;
                (action, self.perform(admitted, headers, &mut upload, &running).await)
            }
            Err(refusal) => {
                drop(headers);
                (Action::Refused, Err(refusal))
            }
        };
        // A stranger's body is not waited for where the answer arrives without that: on HTTP/2 a peer would hold as many
        // requests as a connection has streams, each for the price of a head.
        let is_stranger = !running.has_key();
        let drained = if is_stranger && version >= Version::HTTP_2 {
            self.metrics.received(upload.received());
            drop(upload);
            false
        } else {
            // HTTP/1.1 clients read an answer only after they sent their body, so it is read to its end.
            let drained = upload.drain().await;
            self.metrics.received(upload.received());
            if let Some(rest) = upload.into_rest() {
                tokio::spawn(body::linger(rest));
            }
            drained
        };
        let mut reply = result.unwrap_or_else(|mut refusal| {
            refusal.close = version < Version::HTTP_2 && (refusal.close || !drained);
            refusal.into_reply()
        });
        if is_stranger && !running.refuse() {
            reply::strip(&mut reply);
        }
        self.metrics.answered(action, reply.status(), began.elapsed());
        tracing::debug!(
            action = action.name(),
            status = reply.status().as_u16(),
            micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        reply::finish(reply, method == Method::HEAD, running, &self.metrics.bytes_out)
    }

    /// Everything that can be refused by the head alone. `None` asks for the options.
    fn admit(
        &self,
        head: &http::request::Parts,
        running: &InFlight,
    ) -> Result<Option<Admitted>, Refusal> {
        // Before authentication: browsers ask it without.
        if head.method == Method::OPTIONS {
            return Ok(None);
        }
        let caller = headers::api_key(&head.headers)
            .and_then(|key| self.api_keys().verify(key))
            .ok_or_else(Refusal::unauthorized)?;
        let account = self.tenants.account(&caller.tenant);
        if !running.trust(&account) {
            self.metrics.alarms.raise(Limit::TenantConnections, Some(account.name()));
            let reason = "the tenant has requests on too many connections";
            let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, reason).retry_after(1);
            return Err(refusal.closing());
        }
        check_host(head)?;
        self.admit_rate(&caller)?;
        if head.uri.path() == DESCRIPTION {
            let action = describes(head)?;
            return Ok(Some(Admitted { caller, account, action, key: None, legacy_lock: None }));
        }
        let target = target(head)?;
        let (action, scope) = allowed(&head.method, &target)?;
        let legacy_lock = match head.uri.query() {
            Some(query) if action == Action::Unlock => headers::legacy_lock(query)?,
            _ => None,
        };
        headers::check_l1_status(&head.headers, caller.kind)?;
        let Target::Entry(key, part) = target else {
            return Ok(Some(Admitted { caller, account, action, key: None, legacy_lock }));
        };
        if !self.key_rule.accepts(&key) {
            return Err(Refusal::bad_request(
                "the key has characters or a length not allowed here",
            ));
        }
        let changes = scope != Some(Scope::Read) || part == Part::Lock;
        if changes && !keys::may_change(caller.kind, &key) {
            let reason = "an API key of this class may not write to this part of the keys";
            return Err(Refusal::new(StatusCode::FORBIDDEN, reason));
        }
        if scope.is_some_and(|scope| !caller.may(scope)) {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "the API key lacks the scope for this",
            ));
        }
        let key = EntryKey::new(&caller.tenant, &key);
        Ok(Some(Admitted { caller, account, action, key: Some(key), legacy_lock }))
    }

    fn admit_rate(&self, caller: &Caller) -> Result<(), Refusal> {
        let limits = caller.limits.or(self.default_limits);
        self.tenants.admit(&caller.tenant, &limits, self.now()).map_err(|denied| match denied {
            Denied::Rate(seconds) => {
                self.metrics.alarms.raise(Limit::TenantRate, Some(&caller.tenant));
                Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many requests")
                    .retry_after(seconds)
            }
            Denied::Quota(seconds) => {
                self.metrics.alarms.raise(Limit::TenantDay, Some(&caller.tenant));
                Refusal::new(StatusCode::TOO_MANY_REQUESTS, "the day's requests are spent")
                    .denied("request-quota")
                    .retry_after(seconds)
            }
        })
    }

    /// Bytes that pass through now.
    pub(crate) fn in_transit(&self) -> InTransit {
        InTransit { receiving: self.receiving.used(), sending: self.outgoing.used() }
    }

    fn space(&self, account: &Arc<Account>) -> Space {
        Space {
            all: Arc::clone(&self.receiving),
            account: Arc::clone(account),
            alarms: Arc::clone(&self.metrics.alarms),
        }
    }

    pub(crate) fn api_keys(&self) -> Arc<ApiKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace_api_keys(&self, keys: ApiKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::of(&self.clock)
    }
}

/// Asked about a path that is not there, it tells the methods of all.
fn options(path: &str) -> Reply {
    let methods = match path::parse(path) {
        _ if path == DESCRIPTION => READ_ONLY,
        Ok(target) => methods(&target),
        Err(_) => "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS",
    };
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    reply
}

/// The methods of what is only looked at.
const READ_ONLY: &str = "GET, HEAD, OPTIONS";

/// The methods of a path, as `Allow` lists them.
const fn methods(target: &Target) -> &'static str {
    match target {
        Target::Health => READ_ONLY,
        Target::Entry(_, Part::Value) => "GET, HEAD, PUT, DELETE, OPTIONS",
        Target::Entry(_, Part::Ttl) => "GET, PATCH, OPTIONS",
        Target::Entry(_, Part::Lock) => "POST, DELETE, OPTIONS",
    }
}

/// RFC 9112 §3.2: a request without `Host`, or with two, is refused. hyper lets it pass.
fn check_host(head: &http::request::Parts) -> Result<(), Refusal> {
    let hosts = head.headers.get_all(HOST).iter().count();
    let wrong = match head.version {
        Version::HTTP_11 => hosts != 1,
        Version::HTTP_2 => hosts > 1 || (hosts == 0 && head.uri.authority().is_none()),
        _ => hosts > 1,
    };
    if wrong { Err(Refusal::bad_request("a request needs one Host")) } else { Ok(()) }
}

fn target(head: &http::request::Parts) -> Result<Target, Refusal> {
    let target = path::parse(head.uri.path());
    let unlocks =
        head.method == Method::DELETE && matches!(target, Ok(Target::Entry(_, Part::Lock)));
    if head.uri.query().is_some() && !unlocks {
        // A `?` that was not encoded belongs to a key: what is before it is another key.
        return Err(Refusal::bad_request("the API has no query parameters; encode `?` as %3F"));
    }
    target.map_err(|error| match error {
        PathError::NotFound => Refusal::new(StatusCode::NOT_FOUND, "no such path"),
        PathError::Encoding => Refusal::bad_request("the key is not percent-encoded UTF-8"),
        _ => Refusal::bad_request("the key is empty or reserved"),
    })
}

/// What a request for the description of the API does, with whichever key.
fn describes(head: &http::request::Parts) -> Result<Action, Refusal> {
    if head.uri.query().is_some() {
        return Err(Refusal::bad_request("the description has no query parameters"));
    }
    match head.method {
        Method::GET | Method::HEAD => Ok(Action::Describe),
        _ => Err(Refusal::method_not_allowed(READ_ONLY)),
    }
}

/// What a request does, and the scope that it needs. The health check needs a key and no scope: it tells counts of the
/// key's own tenant, and shows no entry.
fn allowed(method: &Method, target: &Target) -> Result<(Action, Option<Scope>), Refusal> {
    let part = match target {
        Target::Health => None,
        Target::Entry(_, part) => Some(*part),
    };
    let allowed = match (part, method.as_str()) {
        (None, "GET" | "HEAD") => return Ok((Action::Health, None)),
        (Some(Part::Value), "GET") => (Action::Get, Scope::Read),
        (Some(Part::Value), "HEAD") => (Action::Exists, Scope::Read),
        (Some(Part::Value), "PUT") => (Action::Set, Scope::Write),
        (Some(Part::Value), "DELETE") => (Action::Delete, Scope::Delete),
        (Some(Part::Ttl), "GET") => (Action::Ttl, Scope::Read),
        (Some(Part::Ttl), "PATCH") => (Action::Refresh, Scope::Write),
        (Some(Part::Lock), "POST") => (Action::Lock, Scope::Lock),
        (Some(Part::Lock), "DELETE") => (Action::Unlock, Scope::Lock),
        _ => return Err(Refusal::method_not_allowed(methods(target))),
    };
    let (action, scope) = allowed;
    Ok((action, Some(scope)))
}

#[cfg(test)]
mod tests;
