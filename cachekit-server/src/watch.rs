//! How alive a connection is: what runs on it, and when something last moved.

use crate::limits::Limits;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// One connection's progress, shared by its requests.
pub(crate) struct Pulse {
    opened: Instant,
    running: AtomicUsize,
    served: AtomicU64,
    /// Some request showed a valid API key.
    trusted: AtomicBool,
    /// Milliseconds after `opened`.
    moved: AtomicU64,
    /// When the head of a request began to come: milliseconds after `opened`, plus one; zero is never.
    heard: AtomicU64,
}

/// What is to happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Look again after this long.
    Fine(Duration),
    /// Nothing runs and nothing came for too long: close it in an orderly way.
    Idle,
    /// Something runs, and nothing moved for too long: cut it.
    Stalled,
}

impl Pulse {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            running: AtomicUsize::new(0),
            served: AtomicU64::new(0),
            trusted: AtomicBool::new(false),
            moved: AtomicU64::new(0),
            heard: AtomicU64::new(0),
        })
    }

    /// Something was received or sent.
    pub(crate) fn beat(&self) {
        self.moved.fetch_max(self.millis(), Relaxed);
    }

    /// Bytes came while nothing ran: a head begins. Only HTTP/1.1 tells it that simply.
    fn hear(&self) {
        if self.running.load(Relaxed) == 0 && self.heard.load(Relaxed) == 0 {
            self.heard.store(self.millis() + 1, Relaxed);
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// A request begins; it runs until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.beat();
        self.running.fetch_add(1, Relaxed);
        self.served.fetch_add(1, Relaxed);
        self.heard.store(0, Relaxed);
        InFlight(Arc::clone(self))
    }

    pub(crate) fn verdict(&self, limits: &Limits) -> Verdict {
        let heard = self.heard.load(Relaxed);
        let (allowed, since, late) = if self.running.load(Relaxed) > 0 {
            (limits.stall_timeout, self.moved.load(Relaxed), Verdict::Stalled)
        } else if heard > 0 {
            (limits.header_timeout, heard - 1, Verdict::Stalled)
        } else if self.served.load(Relaxed) == 0 {
            (limits.header_timeout, 0, Verdict::Stalled)
        } else if !self.trusted.load(Relaxed) {
            // Strangers do not hold connections for the price of one refused request.
            (limits.header_timeout, self.moved.load(Relaxed), Verdict::Idle)
        } else {
            (limits.idle_timeout, self.moved.load(Relaxed), Verdict::Idle)
        };
        let quiet = self.opened.elapsed().saturating_sub(Duration::from_millis(since));
        match allowed.checked_sub(quiet) {
            // What is allowed changes with every request: look again before a stall could last too long.
            Some(left) if !left.is_zero() => {
                Verdict::Fine(left.min(limits.stall_timeout).min(limits.header_timeout))
            }
            _ => late,
        }
    }
}

/// A request that runs.
pub(crate) struct InFlight(Arc<Pulse>);

impl InFlight {
    pub(crate) fn beat(&self) {
        self.0.beat();
    }

    /// Notes that the request has a valid API key: its connection may be idle for longer.
    pub(crate) fn trust(&self) {
        self.0.trusted.store(true, Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
        self.0.beat();
    }
}

/// A stream that notes when the head of a request begins to come.
pub(crate) struct Heard<T> {
    stream: T,
    pulse: Arc<Pulse>,
}

impl<T> Heard<T> {
    pub(crate) fn new(stream: T, pulse: &Arc<Pulse>) -> Self {
        Self { stream, pulse: Arc::clone(pulse) }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Heard<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pulse.hear();
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Heard<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
