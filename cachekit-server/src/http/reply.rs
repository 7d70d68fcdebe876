//! Answers: their common headers, and their body type.

use crate::outgoing::{Counter, Owed, Piece, Share};
use crate::watch::InFlight;
use bytes::Bytes;
use cachekit_io::BoxFuture;
use cachekit_io::wire::header as name;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use serde::Serialize;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A refused request: its status, a reason that contains nothing from the request, and headers.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    reason: &'static str,
    header: Option<(HeaderName, HeaderValue)>,
    deny_reason: Option<&'static str>,
    /// The rest of the request will not be read, so the connection must be closed (HTTP/1.1).
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
pub(crate) type Reply = Response<Content>;

/// The body of an answer.
pub(crate) enum Content {
    /// It is available, with the space it takes; a few bytes take none.
    Whole(Bytes, Option<Share>),
    /// It is loaded when there is space for it.
    Later(Later),
}

impl Content {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Whole(bytes, _) => bytes.len(),
            Self::Later(later) => later.length,
        }
    }
}

/// A body that is not loaded yet.
pub(crate) struct Later {
    length: usize,
    loading: BoxFuture<'static, Result<(Bytes, Share), Unsent>>,
}

impl Later {
    pub(crate) fn new(
        length: usize,
        loading: impl Future<Output = Result<(Bytes, Share), Unsent>> + Send + 'static,
    ) -> Self {
        Self { length, loading: Box::pin(loading) }
    }
}

/// The head of an answer was sent, and its body cannot follow: the value changed before there was space
/// for it, or there was none for too long. The stream is reset; on HTTP/1.1 the connection is closed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body of an answer cannot be sent")]
pub(crate) struct Unsent;

/// An answer with a body.
pub(crate) fn with_content(
    status: StatusCode,
    content_type: &'static str,
    content: Content,
) -> Reply {
    let mut reply = Response::new(content);
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// An answer with a JSON object as its body.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    let text = serde_json::to_vec(body).expect("strings and numbers are JSON");
    with_content(status, name::JSON, Content::Whole(text.into(), None))
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Content::Whole(Bytes::new(), None));
    *reply.status_mut() = status;
    reply
}

/// Removes the body.
pub(crate) fn strip(reply: &mut Reply) {
    *reply.body_mut() = Content::Whole(Bytes::new(), None);
    reply.headers_mut().remove(CONTENT_TYPE);
}

/// Adds the common headers, and removes the body if there must be none. Sent bytes are counted in `sent`.
pub(crate) fn finish(
    reply: Reply,
    head: bool,
    running: InFlight,
    sent: &Counter,
) -> Response<ReplyBody> {
    let (mut parts, content) = reply.into_parts();
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    parts.headers.insert(VARY, HeaderValue::from_static("Authorization"));
    let length = content.len();
    if head && length > 0 {
        // hyper would send the body of an answer to HEAD on HTTP/2.
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let state = if head || length == 0 || parts.status == StatusCode::NO_CONTENT {
        State::Empty { _running: running }
    } else {
        match content {
            Content::Whole(rest, share) => {
                State::Sending { rest, owed: Arc::new(Owed::new(running, share, sent)) }
            }
            Content::Later(later) => {
                State::Loading { later, owed: Some(Owed::new(running, None, sent)) }
            }
        }
    };
    Response::from_parts(parts, ReplyBody(state))
}

/// At most this much is sent at once, without a copy.
const PIECE: usize = 256 * 1024;

/// A body that is sent in pieces. The request counts as running until the last of them is sent, or
/// dropped.
pub(crate) struct ReplyBody(State);

enum State {
    Empty { _running: InFlight },
    Loading { later: Later, owed: Option<Owed> },
    Sending { rest: Bytes, owed: Arc<Owed> },
    Done,
}

impl Body for ReplyBody {
    type Data = Piece;
    type Error = Unsent;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Unsent>>> {
        if let State::Loading { later, owed } = &mut self.0 {
            let loaded = std::task::ready!(later.loading.as_mut().poll(context));
            let (Ok((rest, share)), Some(owed)) = (loaded, owed.take()) else {
                self.0 = State::Done;
                return Poll::Ready(Some(Err(Unsent)));
            };
            self.0 = State::Sending { rest, owed: Arc::new(owed.with(share)) };
        }
        let State::Sending { rest, owed } = &mut self.0 else { return Poll::Ready(None) };
        let piece = Piece::new(rest.split_to(rest.len().min(PIECE)), owed);
        if rest.is_empty() {
            self.0 = State::Done;
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, State::Empty { .. } | State::Done)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            State::Loading { later, .. } => later.length as u64,
            State::Sending { rest, .. } => rest.len() as u64,
            State::Empty { .. } | State::Done => 0,
        })
    }
}
