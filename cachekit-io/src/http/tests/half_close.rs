//! A server that is gone before the client has read what it said last.

use super::super::failure::Failure;
use super::super::h2::Conn;
use super::super::half_close::HalfClose;
use super::super::keep_alive::KeepAlive;
use super::super::upload::Upload;
use crate::attempts::Again;
use crate::runtime::Background;
use http::{Request, StatusCode};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the server said last: its settings, the answer to the first request (`200`, no body), and a GOAWAY that
/// names the first stream as the last one it looked at. RFC 9113 §6.5, §6.2, §6.8; RFC 7541 §6.1.
const LAST_WORDS: &[u8] = &[
    0, 0, 0, 4, 0, 0, 0, 0, 0, // SETTINGS
    0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88, // HEADERS, END_STREAM and END_HEADERS, `:status 200`
    0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, // GOAWAY, NO_ERROR
];

/// The transport, as a test wants it.
#[derive(Default)]
struct Transport {
    /// Bytes that the client wrote.
    written: usize,
    /// Writes fail with this.
    broken: Option<ErrorKind>,
    /// Writes that failed.
    refused: usize,
    /// What the client may read; an end after it. Before it is set there is nothing to read.
    readable: Option<&'static [u8]>,
    reader: Option<Waker>,
}

#[derive(Clone, Default)]
struct Peer(Arc<Mutex<Transport>>);

impl Peer {
    fn with<T>(&self, look: impl FnOnce(&mut Transport) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// Lets other tasks run until it is so.
    async fn until(&self, is_so: impl Fn(&Transport) -> bool) {
        while !self.with(|transport| is_so(transport)) {
            tokio::task::yield_now().await;
        }
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|transport| {
            let Some(readable) = transport.readable else {
                transport.reader = Some(context.waker().clone());
                return Poll::Pending;
            };
            let (now, later) = readable.split_at(readable.len().min(buffer.remaining()));
            buffer.put_slice(now);
            transport.readable = Some(later);
            Poll::Ready(Ok(()))
        })
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|transport| {
            if let Some(kind) = transport.broken {
                transport.refused += 1;
                return Poll::Ready(Err(kind.into()));
            }
            transport.written += bytes.len();
            Poll::Ready(Ok(bytes.len()))
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Two requests: the server answered one, and was gone when the other was written. What became of them.
async fn two_requests(broken: ErrorKind) -> [Result<StatusCode, Failure>; 2] {
    let peer = Peer::default();
    let background = Background::start().unwrap();
    let stream = HalfClose::new(peer.clone());
    let conn =
        Conn::open(stream, &background.executor(), background, KeepAlive::DEFAULT).await.unwrap();
    let request = || {
        let lease = conn.lease(Instant::now()).unwrap();
        let request =
            Request::get("https://cache.test/v1/cache/k").body(Upload::new(None)).unwrap();
        tokio::spawn(async move { lease.exchange(request, 100).await.map(|answer| answer.status) })
    };
    let handshake = peer.with(|transport| transport.written);
    let first = request();
    peer.until(|transport| transport.written > handshake).await;
    peer.with(|transport| transport.broken = Some(broken));
    let second = request();
    peer.until(|transport| transport.refused > 0).await;
    let reader = peer.with(|transport| {
        transport.readable = Some(LAST_WORDS);
        transport.reader.take()
    });
    if let Some(reader) = reader {
        reader.wake();
    }
    let results = [first.await.unwrap(), second.await.unwrap()];
    assert!(conn.is_closed());
    results
}

#[tokio::test]
async fn what_a_server_said_before_it_was_gone_is_read() {
    for broken in [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted]
    {
        let [first, second] = two_requests(broken).await;
        assert_eq!(first.unwrap(), StatusCode::OK, "{broken:?}");
        // The GOAWAY says that it was not looked at: even the acquisition of a lock may be sent again.
        assert_eq!(second.unwrap_err().again, Again::Unprocessed, "{broken:?}");
    }
}

#[tokio::test]
async fn a_peer_that_was_gone_from_the_beginning_is_no_connection() {
    let peer = Peer::default();
    peer.with(|transport| transport.broken = Some(ErrorKind::ConnectionReset));
    let background = Background::start().unwrap();
    let stream = HalfClose::new(peer);
    let opened = Conn::open(stream, &background.executor(), background, KeepAlive::DEFAULT).await;
    let Err(failure) = opened else { panic!("nothing was sent") };
    assert_eq!(failure.again, Again::Unprocessed);
}

#[tokio::test]
async fn other_errors_of_a_write_end_the_connection() {
    // Reading may find no end after such an error.
    let [first, second] = two_requests(ErrorKind::InvalidData).await;
    assert!(first.is_err());
    assert!(second.is_err());
}
