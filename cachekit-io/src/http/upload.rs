//! The body of a request, on its way.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// A body in one piece.
///
/// Of a request that must not be done twice it notes that it was taken. Before that the service has not had the whole
/// request, whatever became of its head, and has done nothing for it.
pub(super) struct Upload {
    bytes: Option<Bytes>,
    taken: Option<Taken>,
}

/// Whether a body was taken.
#[derive(Clone)]
pub(super) struct Taken(Arc<AtomicBool>);

impl Upload {
    pub(super) fn new(bytes: Option<Bytes>) -> Self {
        Self { bytes: bytes.filter(|bytes| !bytes.is_empty()), taken: None }
    }

    /// The same, with a note of whether it was taken. A request without a body has none.
    pub(super) fn noted(self) -> Self {
        let taken = self.bytes.as_ref().map(|_| Taken(Arc::default()));
        Self { taken, ..self }
    }

    pub(super) fn taken(&self) -> Option<Taken> {
        self.taken.clone()
    }
}

impl Taken {
    /// Whether the service certainly has not had the whole request.
    pub(super) fn is_open(note: Option<&Self>) -> bool {
        note.is_some_and(|Self(taken)| !taken.load(Ordering::SeqCst))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(Taken(taken)) = &self.taken {
            taken.store(true, Ordering::SeqCst);
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.bytes.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
    }
}
