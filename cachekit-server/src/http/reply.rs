//! Answers: what every one carries, and the body they share.

use crate::watch::InFlight;
use bytes::Bytes;
use cachekit_io::wire::header as name;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use serde::Serialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A request that is refused: its status, a reason without anything the request said, and headers.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    reason: &'static str,
    header: Option<(HeaderName, HeaderValue)>,
    deny_reason: Option<&'static str>,
    /// The rest of the request will not be read: the connection cannot go on (HTTP/1.1).
    pub(crate) close: bool,
}

impl Refusal {
    pub(crate) const fn new(status: StatusCode, reason: &'static str) -> Self {
        Self { status, reason, header: None, deny_reason: None, close: false }
    }

    pub(crate) const fn bad_request(reason: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    pub(crate) fn unauthorized() -> Self {
        let refusal = Self::new(StatusCode::UNAUTHORIZED, "a valid API key is required");
        refusal.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, "the method is not allowed here");
        refusal.with(ALLOW, HeaderValue::from_static(allow))
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.header = Some((RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }

    pub(crate) const fn denied(mut self, reason: &'static str) -> Self {
        self.deny_reason = Some(reason);
        self
    }

    pub(crate) const fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    pub(crate) fn into_reply(self) -> Reply {
        #[derive(Serialize)]
        struct ErrorBody {
            error: &'static str,
        }
        let mut reply = json(self.status, &ErrorBody { error: self.reason });
        let headers = reply.headers_mut();
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        if let Some(reason) = self.deny_reason {
            headers.insert(name::DENY_REASON, HeaderValue::from_static(reason));
        }
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        reply
    }
}

/// An answer before it is bound to its connection.
pub(crate) type Reply = Response<Bytes>;

/// An answer with bytes as its body.
pub(crate) fn with_bytes(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// An answer with a JSON object as its body.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    let text = serde_json::to_vec(body).expect("strings and numbers are JSON");
    with_bytes(status, name::JSON, text.into())
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Bytes::new());
    *reply.status_mut() = status;
    reply
}

/// Adds what every answer carries, and takes the body away where there must be none.
pub(crate) fn finish(reply: Reply, head: bool, running: InFlight) -> Response<ReplyBody> {
    let (mut parts, body) = reply.into_parts();
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    parts.headers.insert(VARY, HeaderValue::from_static("Authorization"));
    let bodiless = head || parts.status == StatusCode::NO_CONTENT;
    if head && !body.is_empty() {
        // HTTP/2 of hyper would send the body of an answer to HEAD.
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let data = if bodiless || body.is_empty() { None } else { Some(body) };
    Response::from_parts(parts, ReplyBody { data, running })
}

/// At most this much is handed out at once, without a copy: what was handed out counts as sent, and a
/// reader that stops has to be noticed before all of it was.
const PIECE: usize = 256 * 1024;

/// A body that is there as a whole. The request counts as running until the body is sent or dropped.
pub(crate) struct ReplyBody {
    data: Option<Bytes>,
    running: InFlight,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(data) = &mut self.data else { return Poll::Ready(None) };
        let piece = data.split_to(data.len().min(PIECE));
        if data.is_empty() {
            self.data = None;
        }
        self.running.beat();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}
