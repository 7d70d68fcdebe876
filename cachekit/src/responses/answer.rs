//! What a client gets: a stored response, or one that passes, with what caches say of it.

use std::fmt::Write as _;
use std::time::Duration;

use http::header::{AGE, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::body::Body;
use super::conditional;
use super::stored::Stored;
use crate::clock::Ticks;

/// RFC 9211.
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What became of a request, in the words of RFC 9211 §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Answered by a stored response; another request's run may just have made it.
    Hit { stale: bool },
    /// The handler failed, with this status if it answered at all, and a stale response stands in for it.
    StoodIn { status: Option<StatusCode> },
    /// The handler ran.
    Forwarded { why: Forward, detail: Option<&'static str> },
}

/// `fwd` of RFC 9211 §2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forward {
    Bypass,
    Method,
    UriMiss,
    VaryMiss,
    /// What is stored is stale.
    Stale,
    /// What is stored does not suit what the request says of caching.
    Request,
}

impl Forward {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
            Self::Request => "request",
        }
    }
}

/// Says what became of the request, behind what other caches say. Nothing in it depends on the key.
pub(super) fn say(headers: &mut HeaderMap, status: Status, fresh_left: Option<Duration>) {
    let mut text = "cachekit".to_owned();
    match status {
        Status::Hit { stale } => {
            text.push_str("; hit");
            // RFC 9211 §2.3: negative once it is stale.
            if let Some(left) = fresh_left.filter(|_| !stale) {
                let _ = write!(text, "; ttl={}", left.as_secs());
            }
            if stale {
                text.push_str("; detail=stale");
            }
        }
        Status::StoodIn { status } => {
            let _ = write!(text, "; fwd={}", Forward::Stale.as_str());
            if let Some(status) = status {
                let _ = write!(text, "; fwd-status={}", status.as_u16());
            }
            text.push_str("; detail=stale-if-error");
        }
        Status::Forwarded { why, detail } => {
            let _ = write!(text, "; fwd={}", why.as_str());
            if let Some(detail) = detail {
                let _ = write!(text, "; detail={detail}");
            }
        }
    }
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.append(CACHE_STATUS, value);
    }
}

/// A stored response as an answer to a request with these headers.
pub(super) fn from_stored<B: http_body::Body>(
    stored: &Stored,
    asked: &HeaderMap,
    is_head: bool,
    from_cache: bool,
    now: Ticks,
) -> Response<Body<B>> {
    let mut headers = stored.headers.clone();
    // RFC 9111 §4: whatever is answered from a cache has it, also if it is 0.
    if from_cache || stored.came_aged() {
        headers.insert(AGE, HeaderValue::from(stored.age(now).as_secs()));
    }
    if conditional::is_not_modified(asked, stored.status, &stored.headers, from_cache) {
        return not_modified(headers);
    }
    let body = if is_head { Body::default() } else { Body::whole(stored.body().clone()) };
    let mut response = Response::new(body);
    *response.status_mut() = stored.status;
    *response.headers_mut() = headers;
    response
}

/// A response that is not stored, whose conditions the handler did not see.
pub(super) fn from_handler<B: http_body::Body>(
    response: Response<Body<B>>,
    asked: &HeaderMap,
) -> Response<Body<B>> {
    if conditional::is_not_modified(asked, response.status(), response.headers(), false) {
        let (parts, _) = response.into_parts();
        let mut response = not_modified(parts.headers);
        *response.extensions_mut() = parts.extensions;
        return response;
    }
    response
}

fn not_modified<B: http_body::Body>(mut headers: HeaderMap) -> Response<Body<B>> {
    conditional::keep_for_not_modified(&mut headers);
    headers.remove(http::header::TRANSFER_ENCODING);
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = headers;
    response
}

/// RFC 9111 §5.2.1.7: nothing is stored, and the client wants nothing else.
pub(super) fn nothing_cached<B: http_body::Body>() -> Response<Body<B>> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
    response
}
