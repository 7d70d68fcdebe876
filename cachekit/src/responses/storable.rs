//! Whether a response may be stored, for whom, and for how long it is fresh (RFC 9111 §3, §4.2; RFC 5861).

use std::time::{Duration, SystemTime};

use http::header::{
    AGE, CONTENT_RANGE, CONTENT_TYPE, COOKIE, DATE, EXPIRES, SET_COOKIE, TRAILER, UPGRADE,
};
use http::{HeaderMap, StatusCode};

use super::cache_control::{Malformed, OfResponse, seconds};
use super::vary;

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A status that is never stored here (§3.3: parts; 304 and 1xx are no answers of their own).
    Status,
    MalformedCacheControl,
    /// `no-store` (§5.2.2.5).
    NoStore,
    /// `no-cache` (§5.2.2.4): it would have to be validated at each use, which the handler does as well.
    NoCache,
    /// `private` (§5.2.2.7): this cache is shared.
    Private,
    /// `must-understand` (§5.2.2.3) with a status that this cache does not know.
    NotUnderstood,
    /// §7.3: a stored cookie would be given to everyone.
    SetCookie,
    /// `Vary: *` (§4.1), or a `Vary` that names no fields.
    Vary,
    /// It varies on more than was known: the next response is stored.
    VariesMore,
    /// It ends with trailers, or never.
    Streaming,
    /// The request has `Authorization` (§3.5).
    Authorization,
    /// The request has a cookie, and nothing says that all may have the answer.
    Cookie,
    /// It does not say for how long it is fresh.
    NoLifetime,
    /// It was stale when it came.
    Stale,
    /// The body is longer than the limit, or not as long as it says, or failed, or took longer than it would be fresh.
    Body,
    /// There are as many variants of the target as there may be.
    Variants,
    /// The handler failed.
    Failed,
}

/// What the layer's user decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For responses that do not say how long they are fresh.
    pub(super) default_ttl: Option<Duration>,
    pub(super) max_ttl: Duration,
    /// Of `stale-while-revalidate` and of `stale-if-error`.
    pub(super) max_stale: Duration,
}

/// What the request has that may make its answer one for it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) authorization: bool,
    /// Unless the user said that cookies do not matter.
    pub(super) cookie: bool,
}

/// Whom a stored response may be given to, besides requests without credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Audience {
    pub(super) authorized: bool,
    pub(super) with_cookie: bool,
}

impl Audience {
    /// Whether it may be given to a request with these.
    pub(super) fn admits(self, credentials: Credentials) -> bool {
        (self.authorized || !credentials.authorization) && (self.with_cookie || !credentials.cookie)
    }
}

/// When a response came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) now: SystemTime,
    /// How long the handler took.
    pub(super) delay: Duration,
}

/// A response that may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Storable {
    /// How long it stays fresh from now on; never zero.
    pub(super) fresh_for: Duration,
    /// For how long after that it may be served while the handler runs again.
    pub(super) stale_for: Duration,
    /// For how long after it is fresh it may be served if the handler fails.
    pub(super) error_for: Duration,
    /// How old it is already.
    pub(super) age: Duration,
    pub(super) audience: Audience,
    /// The fields of `Vary`, sorted, in lower case.
    pub(super) vary: Vec<Box<str>>,
}

impl Storable {
    /// Counts the time that passed since it came. False if nothing of its freshness is left.
    pub(super) fn grow_older(&mut self, by: Duration) -> bool {
        self.age = self.age.saturating_add(by);
        self.fresh_for = self.fresh_for.saturating_sub(by);
        !self.fresh_for.is_zero()
    }
}

/// RFC 9110 §15.1: those that may be stored without being asked to. Parts (206) are not stored here at all.
fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Those whose requirements on caches this one meets (§3, `must-understand`).
fn is_understood(status: StatusCode) -> bool {
    is_heuristically_cacheable(status) || matches!(status.as_u16(), 302 | 303 | 307)
}

/// The decision of RFC 9111 §3.
pub(super) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    credentials: Credentials,
    limits: Limits,
    arrival: Arrival,
) -> Result<Storable, Why> {
    if status.as_u16() < 200
        || matches!(status, StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED)
        || headers.contains_key(CONTENT_RANGE)
    {
        return Err(Why::Status);
    }
    let said = OfResponse::read(headers).map_err(|Malformed| Why::MalformedCacheControl)?;
    let refusals = [
        (said.no_store, Why::NoStore),
        (said.no_cache, Why::NoCache),
        (said.private, Why::Private),
        (said.must_understand && !is_understood(status), Why::NotUnderstood),
        (headers.contains_key(SET_COOKIE), Why::SetCookie),
        (is_streaming(headers), Why::Streaming),
    ];
    if let Some((_, why)) = refusals.into_iter().find(|(refuses, _)| *refuses) {
        return Err(why);
    }
    let vary = vary::fields(headers).ok_or(Why::Vary)?;
    let for_all = said.public || said.s_maxage.is_some();
    let audience = Audience {
        authorized: for_all || said.must_revalidate,
        with_cookie: for_all || vary.iter().any(|field| **field == *COOKIE.as_str()),
    };
    if credentials.authorization && !audience.authorized {
        return Err(Why::Authorization);
    }
    if credentials.cookie && !audience.with_cookie {
        return Err(Why::Cookie);
    }
    let by_default =
        limits.default_ttl.filter(|_| is_heuristically_cacheable(status) || said.public);
    let lifetime = lifetime(&said, headers, arrival)?.or(by_default).ok_or(Why::NoLifetime)?;
    let age = age(headers, arrival);
    let fresh_for = lifetime.saturating_sub(age).min(limits.max_ttl);
    if fresh_for.is_zero() {
        return Err(Why::Stale);
    }
    // §4.2.4: not where that is prohibited. `s-maxage` is `proxy-revalidate` as well (§5.2.2.10).
    let never_stale = said.must_revalidate || said.proxy_revalidate || said.s_maxage.is_some();
    let window = |said: Option<u64>| {
        let seconds = said.filter(|_| !never_stale).unwrap_or(0);
        Duration::from_secs(seconds).min(limits.max_stale)
    };
    let (stale_for, error_for) = (window(said.stale_while_revalidate), window(said.stale_if_error));
    Ok(Storable { fresh_for, stale_for, error_for, age, audience, vary })
}

/// Whether a response is made for as long as its connection lasts, or has something behind its body.
fn is_streaming(headers: &HeaderMap) -> bool {
    let endless =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|of| {
            let of = of.trim_start().to_ascii_lowercase();
            ["text/event-stream", "multipart/x-mixed-replace", "application/grpc"]
                .iter()
                .any(|kind| of.starts_with(kind))
        });
    endless || headers.contains_key(TRAILER) || headers.contains_key(UPGRADE)
}

/// §4.2.1: `s-maxage`, else `max-age`, else `Expires` - `Date`. `None`: nothing is said.
fn lifetime(
    said: &OfResponse,
    headers: &HeaderMap,
    arrival: Arrival,
) -> Result<Option<Duration>, Why> {
    if let Some(seconds) = said.s_maxage.or(said.max_age) {
        return Ok(Some(Duration::from_secs(seconds)));
    }
    if !headers.contains_key(EXPIRES) {
        return Ok(None);
    }
    // §5.3: what is no date, "0" above all, is in the past.
    let expires = date_of(headers, &EXPIRES).ok_or(Why::Stale)?;
    let date = date_of(headers, &DATE).unwrap_or(arrival.now);
    Ok(Some(expires.duration_since(date).unwrap_or_default()))
}

/// A field that is there once and holds a date.
pub(super) fn date_of(headers: &HeaderMap, name: &http::HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()
}

/// The corrected initial age of §4.2.3.
fn age(headers: &HeaderMap, arrival: Arrival) -> Duration {
    // §5.1: the first value; what is no number is ignored.
    let said = headers
        .get(AGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| seconds(Some(text.split(',').next()?.trim())).ok());
    let apparent = date_of(headers, &DATE)
        .and_then(|date| arrival.now.duration_since(date).ok())
        .map_or(Duration::ZERO, |age| Duration::from_secs(age.as_secs()));
    match said {
        // Without another cache behind the handler, its answer is as old as it takes.
        None => apparent,
        Some(said) => apparent.max(Duration::from_secs(said).saturating_add(arrival.delay)),
    }
}

/// Whether a status is an answer that a conditional request can be told not to have changed (RFC 9110 §13.2.1).
pub(super) fn can_be_not_modified(status: StatusCode) -> bool {
    status.is_success()
}
