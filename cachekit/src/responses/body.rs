//! Bodies of responses: stored ones, and those that pass; and reading one up to a limit.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};

/// The body of a response of [`CachedResponses`](super::CachedResponses): stored bytes, or the body of the service
/// behind it.
pub struct Body<B: http_body::Body>(Kind<B>);

enum Kind<B: http_body::Body> {
    Whole(Bytes),
    Streaming {
        /// The frames read so far, in order.
        before: VecDeque<Frame<Bytes>>,
        /// The error that ended reading. Boxed, so that nothing in it could be pinned.
        failed: Option<Box<B::Error>>,
        /// The rest.
        rest: Option<Pin<Box<B>>>,
    },
}

// Nothing in it is pinned except what is boxed.
impl<B: http_body::Body> Unpin for Body<B> {}

impl<B: http_body::Body> Body<B> {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole(bytes))
    }

    pub(super) fn passing(body: B) -> Self {
        let (before, failed) = (VecDeque::new(), None);
        Self(Kind::Streaming { before, failed, rest: Some(Box::pin(body)) })
    }
}

impl<B: http_body::Body> Body<B> {
    /// Whether reading it ended with an error.
    pub(super) fn has_failed(&self) -> bool {
        matches!(&self.0, Kind::Streaming { failed: Some(_), .. })
    }
}

impl<B: http_body::Body> http_body::Body for Body<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.get_mut().0 {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Streaming { before, failed, rest } => {
                if let Some(frame) = before.pop_front() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                if let Some(error) = failed.take() {
                    return Poll::Ready(Some(Err(*error)));
                }
                match rest {
                    Some(body) => poll_bytes(body.as_mut(), cx),
                    None => Poll::Ready(None),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Streaming { before, failed, rest } => {
                before.is_empty()
                    && failed.is_none()
                    && rest.as_ref().is_none_or(http_body::Body::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Streaming { before, failed, rest } => {
                let read: usize = before.iter().filter_map(Frame::data_ref).map(Bytes::len).sum();
                let read = read as u64;
                let rest =
                    rest.as_ref().map_or(SizeHint::with_exact(0), http_body::Body::size_hint);
                let mut hint = SizeHint::new();
                hint.set_lower(rest.lower().saturating_add(read));
                if let (Some(upper), None) = (rest.upper(), failed) {
                    hint.set_upper(upper.saturating_add(read));
                }
                hint
            }
        }
    }
}

fn poll_bytes<B: http_body::Body>(
    body: Pin<&mut B>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
    let as_bytes =
        |frame: Frame<B::Data>| frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
    body.poll_frame(cx).map(|polled| polled.map(|read| read.map(as_bytes)))
}

impl<B: http_body::Body> Default for Body<B> {
    fn default() -> Self {
        Self::whole(Bytes::new())
    }
}

opaque!([B: http_body::Body] "Body", Body<B>);

/// A body that should be stored.
pub(super) enum Collected<B: http_body::Body> {
    Whole(Bytes),
    /// It is too long, ends with trailers, or failed. Contains the complete body, as if nothing had been read.
    Not(Body<B>),
}

/// Reads a body to its end, but no more than this many bytes and what came with the last of them.
///
/// What comes is put together at once: frames of a few bytes each would take many times as much. And it is copied: a frame may be
/// a piece of a much larger buffer, which would be kept as long as the response.
pub(super) async fn collect<B: http_body::Body>(body: B, limit: u64) -> Collected<B> {
    let hint = body.size_hint();
    if hint.lower() > limit {
        return Collected::Not(Body::passing(body));
    }
    let mut rest = Box::pin(body);
    // What is said of the length is trusted so far as it may be stored.
    let mut read = Vec::with_capacity(usize::try_from(hint.lower()).unwrap_or(0));
    let stopped = |read: Vec<u8>, last, failed, rest| {
        let read = (!read.is_empty()).then(|| Frame::data(read.into()));
        let before = read.into_iter().chain(last).collect();
        Collected::Not(Body(Kind::Streaming { before, failed, rest }))
    };
    loop {
        match poll_fn(|cx| poll_bytes(rest.as_mut(), cx)).await {
            // Of its own length: what is left over would be kept as well.
            None => return Collected::Whole(read.into_boxed_slice().into()),
            Some(Err(error)) => return stopped(read, None, Some(Box::new(error)), None),
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) if (read.len() + data.len()) as u64 <= limit => {
                    read.extend_from_slice(data);
                }
                _ => return stopped(read, Some(frame), None, Some(rest)),
            },
        }
    }
}
