//! A connection's bytes, monitored: when a head begins to arrive, whether the peer reads what is sent, and
//! whether the connection was shut down.

use crate::watch::Pulse;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// A stream that reports its progress to its connection's [`Pulse`].
pub(crate) struct Watched<T> {
    /// Present until it is given back.
    stream: Option<T>,
    pulse: Arc<Pulse>,
    /// Bytes that arrive while nothing runs are the head of a request: on HTTP/1.1.
    heads: bool,
    /// The peer does not read what is sent.
    blocked: bool,
    /// Receives the stream once it was shut down and nothing uses it any more.
    shut: Option<oneshot::Sender<T>>,
    is_shut: bool,
}

impl<T> Watched<T> {
    /// The receiver gets the stream when this is dropped, if it was shut down in an orderly way.
    pub(crate) fn new(stream: T, pulse: &Arc<Pulse>, heads: bool) -> (Self, oneshot::Receiver<T>) {
        let (shut, left) = oneshot::channel();
        let watched = Self {
            stream: Some(stream),
            pulse: Arc::clone(pulse),
            heads,
            blocked: false,
            shut: Some(shut),
            is_shut: false,
        };
        (watched, left)
    }

    fn stream(&mut self) -> io::Result<Pin<&mut T>>
    where
        T: Unpin,
    {
        let stream = self.stream.as_mut().map(Pin::new);
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn wrote(&mut self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &polled {
            Poll::Pending => self.block(),
            // Answers count their bytes themselves.
            Poll::Ready(Ok(bytes)) if self.blocked && self.pulse.owes_no_answer() => {
                self.pulse.took(*bytes);
            }
            Poll::Ready(_) => {}
        }
        polled
    }

    fn block(&mut self) {
        if !self.blocked {
            self.blocked = true;
            self.pulse.owe();
        }
    }

    fn unblock(&mut self) {
        if self.blocked {
            self.blocked = false;
            self.pulse.settle();
        }
    }
}

impl<T> Drop for Watched<T> {
    fn drop(&mut self) {
        self.unblock();
        if let (true, Some(stream), Some(shut)) =
            (self.is_shut, self.stream.take(), self.shut.take())
        {
            // If the connection's task is gone, nothing waits for it.
            let _ = shut.send(stream);
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = self.stream()?.poll_read(context, buffer);
        if self.heads && buffer.filled().len() > before {
            self.pulse.hear();
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = self.stream()?.poll_write(context, bytes);
        self.wrote(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.stream()?.poll_flush(context);
        if polled.is_pending() {
            self.block();
        } else {
            self.unblock();
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.stream()?.poll_shutdown(context);
        self.is_shut |= matches!(polled, Poll::Ready(Ok(())));
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.stream()?.poll_write_vectored(context, pieces);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}
