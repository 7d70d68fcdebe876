//! Connections that speak HTTP/1.1: one request at a time.

use super::answer::Answer;
use super::failure::Failure;
use super::upload::{Taken, Upload};
use crate::attempts::Again;
use crate::runtime::{Background, Executor, Home};
use http::{Method, Request};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

/// One connection, in the hands of one request or idle.
pub(super) struct Conn {
    sender: SendRequest<Upload>,
    home: Home,
    last_use: Instant,
}

impl Conn {
    /// Speaks HTTP/1.1 over a stream, and drives it where it was made.
    pub(super) async fn open<S>(stream: S, executor: &Executor) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let shaken = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|error| {
            Failure::transport(Again::Unprocessed, "the HTTP/1.1 handshake failed", error)
        })?;
        executor.handle.spawn(async move {
            // A request that waits for an answer learns about it there.
            let _ = connection.await;
        });
        Ok(Self { sender, home: executor.home, last_use: Instant::now() })
    }

    /// Sends a request and reads the answer; also whether the connection is good for another.
    async fn exchange(
        &mut self,
        request: Request<Upload>,
        limit: usize,
    ) -> Result<(Answer, bool), Failure> {
        let is_head = request.method() == Method::HEAD;
        let taken = request.body().taken();
        self.sender.ready().await.map_err(|error| {
            Failure::transport(Again::Unprocessed, "the connection was closed", error)
        })?;
        let sent = self.sender.try_send_request(request);
        let answer = sent.await.map_err(|mut error| {
            let is_unsent = error.take_message().is_some() || Taken::is_open(taken.as_ref());
            let again = if is_unsent { Again::Unprocessed } else { Again::IfRepeatable };
            Failure::transport(again, "the connection broke", error.into_error())
        })?;
        Answer::read(answer, is_head, limit, |error| {
            Failure::transport(Again::IfRepeatable, "the connection broke", error)
        })
        .await
    }
}

/// So many connections, each reused while it lasts.
pub(super) struct Lanes {
    permits: Semaphore,
    idle: Arc<Idle>,
    background: Background,
}

/// Connections that wait for work.
struct Idle {
    state: Mutex<Waiting>,
    timeout: Duration,
}

#[derive(Default)]
struct Waiting {
    conns: Vec<Conn>,
    /// A task closes those that wait for too long.
    swept: bool,
}

impl Lanes {
    pub(super) fn new(size: usize, background: Background, idle_timeout: Duration) -> Self {
        let idle = Arc::new(Idle { state: Mutex::default(), timeout: idle_timeout });
        Self { permits: Semaphore::new(size), idle, background }
    }

    /// Waits for its turn, first come first served.
    pub(super) async fn enter(&self) -> Lane<'_> {
        // The semaphore is never closed; if it were, one more connection would do no harm.
        let permit = self.permits.acquire().await.ok();
        Lane { lanes: self, _permit: permit }
    }

    /// Keeps a connection for the next request.
    pub(super) fn put(&self, mut conn: Conn) {
        conn.last_use = Instant::now();
        let mut waiting = self.idle.usable();
        waiting.conns.push(conn);
        if !waiting.swept {
            waiting.swept = true;
            let sweeping = sweep(Arc::downgrade(&self.idle), self.background);
            drop(self.background.spawn(sweeping));
        }
    }

    fn take(&self, home: Home) -> Option<Conn> {
        let mut waiting = self.idle.usable();
        // The one used last is the least likely to have been closed by the other end.
        let usable = |conn: &Conn| home.can_use(conn.home);
        let found = waiting.conns.iter().rposition(usable)?;
        Some(waiting.conns.remove(found))
    }
}

impl Idle {
    /// What waits, without what is closed or waited for too long.
    fn usable(&self) -> MutexGuard<'_, Waiting> {
        let mut waiting = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |conn: &Conn| !conn.sender.is_closed() && conn.last_use.elapsed() < self.timeout;
        waiting.conns.retain(fits);
        waiting
    }

    /// When to look again; never once nothing waits.
    fn next_look(&self) -> Option<Instant> {
        let mut waiting = self.usable();
        let next = waiting.conns.iter().map(|conn| conn.last_use + self.timeout).min();
        waiting.swept = next.is_some();
        next
    }
}

/// Closes what waits for too long, for as long as anything waits.
async fn sweep(idle: Weak<Idle>, background: Background) {
    loop {
        let Some(next) = idle.upgrade().and_then(|idle| idle.next_look()) else { return };
        background.sleep(next).await;
    }
}

/// The right to one connection.
pub(super) struct Lane<'a> {
    lanes: &'a Lanes,
    _permit: Option<tokio::sync::SemaphorePermit<'a>>,
}

impl Lane<'_> {
    /// A connection that waits for work and can be used from there.
    pub(super) fn idle(&self, home: Home) -> Option<Conn> {
        self.lanes.take(home)
    }

    /// Sends a request over a connection of this lane, and keeps the connection if it lasts.
    pub(super) async fn exchange(
        self,
        mut conn: Conn,
        request: Request<Upload>,
        limit: usize,
    ) -> Result<Answer, Failure> {
        let (answer, reusable) = conn.exchange(request, limit).await?;
        if reusable {
            self.lanes.put(conn);
        }
        Ok(answer)
    }
}
