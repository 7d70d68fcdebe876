//! The answer to a request, read up to a limit.

use super::failure::Failure;
use crate::BackendErrorKind;
use crate::attempts::Again;
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// Bodies of answers that carry no value are read up to here.
pub(super) const SMALL_BODY: usize = 64 * 1024;

/// A body up to this size gets memory of its own. It would otherwise keep alive the whole buffer it
/// was received in, for as long as the value is kept.
const COPIED_BELOW: usize = 4 * 1024;

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// An attempt before this one may have done the work.
    pub(super) repeated: bool,
}

impl Answer {
    /// Reads an answer up to its end or the limit; also whether there is nothing left of it. `broken` is what it means
    /// that the connection, or the stream, ended before.
    pub(super) async fn read(
        answer: Response<Incoming>,
        is_head: bool,
        limit: usize,
        broken: impl Fn(hyper::Error) -> Failure,
    ) -> Result<(Self, bool), Failure> {
        let (head, mut incoming) = answer.into_parts();
        let mut collector = Collector::new(head.status, &head.headers, limit)?;
        let is_h2 = head.version == Version::HTTP_2;
        let mut is_whole = true;
        // An HTTP/1.1 connection can be used again when the end was seen, and not only all of the bytes.
        while !(is_head || is_h2 && incoming.is_end_stream()) {
            let Some(frame) = incoming.frame().await else {
                // hyper takes a stream that was reset with `NO_ERROR` for a whole one. After an answer that came
                // before the request was sent it asks for no more of the request (RFC 9113 §8.1); of a value it says
                // that the rest is missing.
                if is_h2 && head.status.is_success() && !incoming.is_end_stream() {
                    return Err(cut_short());
                }
                break;
            };
            // Trailers mean nothing here.
            let Ok(piece) = frame.map_err(&broken)?.into_data() else { continue };
            if !collector.push(piece)? {
                is_whole = false;
                break;
            }
        }
        let body = collector.finish();
        Ok((Self { status: head.status, headers: head.headers, body, repeated: false }, is_whole))
    }
}

/// Puts a body together from its pieces and keeps it within a limit.
struct Collector {
    first: Bytes,
    rest: BytesMut,
    expected: usize,
    limit: usize,
    /// Leave out what is beyond the limit instead of failing.
    truncate: bool,
}

impl Collector {
    /// For the body that these headers announce. Only a `200` may be as large as `limit`; of an error
    /// the beginning is enough.
    fn new(status: StatusCode, headers: &HeaderMap, limit: usize) -> Result<Self, Failure> {
        let truncate = !status.is_success();
        let limit = if truncate { limit.min(SMALL_BODY) } else { limit };
        let announced = headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
            .unwrap_or(0);
        let expected = usize::try_from(announced).unwrap_or(usize::MAX);
        if expected > limit && !truncate {
            return Err(too_large(limit));
        }
        Ok(Self {
            first: Bytes::new(),
            rest: BytesMut::new(),
            expected: expected.min(limit),
            limit,
            truncate,
        })
    }

    /// Adds a piece; `false` if no more is wanted.
    fn push(&mut self, piece: Bytes) -> Result<bool, Failure> {
        let so_far = self.first.len() + self.rest.len();
        let room = self.limit - so_far;
        if piece.len() > room {
            if !self.truncate {
                return Err(too_large(self.limit));
            }
            self.append(piece.slice(..room));
            return Ok(false);
        }
        self.append(piece);
        Ok(true)
    }

    fn append(&mut self, piece: Bytes) {
        if self.first.is_empty() && self.rest.is_empty() {
            self.first = piece;
            return;
        }
        if piece.is_empty() {
            return;
        }
        if self.rest.is_empty() {
            // The announced length is within the limit, so it may be trusted with memory.
            self.rest.reserve(self.expected.max(self.first.len() + piece.len()));
            self.rest.extend_from_slice(&self.first);
            self.first = Bytes::new();
        }
        self.rest.extend_from_slice(&piece);
    }

    /// The whole body.
    fn finish(self) -> Bytes {
        if !self.rest.is_empty() {
            return self.rest.freeze();
        }
        if self.first.len() < COPIED_BELOW {
            return Bytes::copy_from_slice(&self.first);
        }
        self.first
    }
}

#[cold]
fn too_large(limit: usize) -> Failure {
    Failure::new(
        BackendErrorKind::TooLarge,
        Again::Never,
        format!("the answer is larger than {limit} bytes"),
    )
}

#[cold]
fn cut_short() -> Failure {
    Failure::transport(
        Again::IfRepeatable,
        "the connection broke",
        "the answer ended before its end",
    )
}
