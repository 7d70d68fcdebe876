//! Reads a connection to its end after the peer has stopped reading.
//!
//! A server that shuts down answers its pending requests, sends GOAWAY and closes. A byte that the client sends after
//! that, for example the acknowledgement of a ping, is answered with a reset, and the next write fails. What the
//! server sent before can still be read: the answers, and the GOAWAY which says that the other requests were not
//! processed and may be sent again. An HTTP implementation that ends at the first failed write loses them. So writes
//! after the peer is gone are dropped here, and reading shows when the connection is over, as RFC 9112 §9.6 and RFC
//! 9113 §6.8 expect of a client.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that ends when reading ends.
pub(super) struct HalfClose<S> {
    stream: S,
    /// Something was written, and will be sent when it is flushed.
    has_written: bool,
    /// Written data was sent. A failure before that means that there never was a connection, and there is nothing to
    /// read.
    has_sent: bool,
    /// The peer has stopped reading.
    deaf: bool,
}

impl<S> HalfClose<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, has_written: false, has_sent: false, deaf: false }
    }

    /// The result of a write: if the peer is gone, success with the value `dropped`.
    fn sent<T>(&mut self, sent: Poll<io::Result<T>>, dropped: T) -> Poll<io::Result<T>> {
        match sent {
            Poll::Ready(Err(error)) if self.has_sent && peer_is_gone(&error) => {
                self.deaf = true;
                Poll::Ready(Ok(dropped))
            }
            sent => sent,
        }
    }
}

/// Reading finds the end of such a connection. After other errors it may not.
fn peer_is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
    )
}

impl<S: AsyncRead + Unpin> AsyncRead for HalfClose<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HalfClose<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.has_written |= matches!(sent, Poll::Ready(Ok(1..)));
        self.sent(sent, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(()));
        }
        let sent = Pin::new(&mut self.stream).poll_flush(context);
        self.has_sent |= self.has_written && matches!(sent, Poll::Ready(Ok(())));
        self.sent(sent, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(()));
        }
        let sent = Pin::new(&mut self.stream).poll_shutdown(context);
        self.sent(sent, ())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if self.deaf {
            return Poll::Ready(Ok(length));
        }
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.has_written |= matches!(sent, Poll::Ready(Ok(1..)));
        self.sent(sent, length)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
