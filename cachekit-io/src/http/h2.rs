//! A connection that speaks HTTP/2: many requests at once.

use super::answer::{Answer, Collector};
use super::failure::{Again, Failure};
use super::keep_alive::KeepAlive;
use crate::runtime::{Background, Executor, Home};
use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong, Reason};
use http::{Method, Request};
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

/// Requests on one connection before the pool opens another. The fuller a connection, the more of them
/// share one write, one read and one TLS record.
const SOFT_LIMIT: usize = 512;
/// How much of one answer, and of all together, may be under way unread.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
/// Frames as large as this arrive in one piece.
const MAX_FRAME: u32 = 64 * 1024;
const MAX_HEADER_LIST: u32 = 16 * 1024;
/// Giving up on an answer after less than this says nothing about the connection.
const SUSPICIOUS: Duration = Duration::from_millis(250);

/// One connection. It ends when the last user lets go of it.
pub(super) struct Conn {
    sender: SendRequest<Bytes>,
    home: Home,
    closed: AtomicBool,
    /// An answer did not come; new requests go elsewhere until a ping is answered.
    suspect: AtomicBool,
    /// Told when a ping was answered.
    well: Notify,
    /// Asks for a ping now.
    look: Arc<Notify>,
    /// The ping is for a connection that was idle for long.
    woken: AtomicBool,
    ping_interval: Duration,
    in_flight: AtomicUsize,
    capacity: AtomicUsize,
    opened: Instant,
    /// When the last request began, in milliseconds after `opened`.
    last_use: AtomicU64,
}

impl Conn {
    /// Speaks HTTP/2 over a stream, and drives it where it was made.
    pub(super) async fn open<S>(
        stream: S,
        executor: &Executor,
        background: Background,
        keep_alive: KeepAlive,
    ) -> Result<Arc<Self>, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(MAX_FRAME)
            .max_header_list_size(MAX_HEADER_LIST)
            .handshake(stream);
        let (sender, mut connection) = handshake.await.map_err(|error| {
            Failure::transport(Again::Unsent, "the HTTP/2 handshake failed", error)
        })?;
        let pings = connection.ping_pong();
        let conn = Arc::new(Self {
            sender,
            home: executor.home,
            closed: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            well: Notify::new(),
            look: Arc::default(),
            woken: AtomicBool::new(false),
            ping_interval: keep_alive.ping_interval,
            in_flight: AtomicUsize::new(0),
            capacity: AtomicUsize::new(SOFT_LIMIT),
            opened: Instant::now(),
            last_use: AtomicU64::new(0),
        });
        let guard = CloseOnDrop(Arc::downgrade(&conn));
        let look = Arc::clone(&conn.look);
        executor.handle.spawn(drive(connection, pings, look, guard, background, keep_alive));
        Ok(conn)
    }

    pub(super) fn home(&self) -> Home {
        self.home
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::SeqCst)
    }

    /// Waits until the connection is no longer suspect; for ever if it is dead.
    pub(super) async fn sign_of_life(&self) {
        let mut well = std::pin::pin!(self.well.notified());
        // From here on no sign is missed.
        well.as_mut().enable();
        if self.is_suspect() {
            well.await;
        }
    }

    pub(super) fn load(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Whether one more request is welcome.
    pub(super) fn has_room(&self) -> bool {
        self.load() < self.capacity.load(Ordering::Relaxed)
    }

    /// Takes part in the use of the connection, unless it was closed meanwhile.
    pub(super) fn lease(self: &Arc<Self>, now: Instant) -> Option<Lease> {
        let age = now.saturating_duration_since(self.opened).as_millis();
        let age = u64::try_from(age).unwrap_or(u64::MAX);
        let before = self.last_use.swap(age, Ordering::Relaxed);
        let wakes = self.load() == 0
            && Duration::from_millis(age.saturating_sub(before)) >= self.ping_interval;
        if wakes {
            // Before the watch sees that there is something to wait for.
            self.woken.store(true, Ordering::SeqCst);
        }
        // Together with `retire`: of a request and the end of an idle connection one sees the other.
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let lease = Lease { conn: Arc::clone(self), since: now, answered: true };
        if self.is_closed() {
            return None;
        }
        if wakes {
            self.look.notify_one();
        }
        Some(lease)
    }

    /// Closes the connection to new requests; whether there is none under way.
    fn retire(&self) -> bool {
        self.close();
        self.load() == 0
    }

    fn idle_for(&self) -> Duration {
        let used = Duration::from_millis(self.last_use.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(used)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

/// The use of a connection for one request.
pub(super) struct Lease {
    conn: Arc<Conn>,
    since: Instant,
    /// No answer is being waited for.
    answered: bool,
}

impl Lease {
    /// Sends a request and reads the answer.
    pub(super) async fn exchange(
        mut self,
        request: Request<()>,
        body: Option<Bytes>,
        limit: usize,
    ) -> Result<Answer, Failure> {
        self.answered = false;
        let answer = self.run(request, body, limit).await;
        self.answered = true;
        if answer.is_err() && self.conn.sender_is_gone().await {
            self.conn.close();
        }
        answer
    }

    async fn run(
        &self,
        request: Request<()>,
        body: Option<Bytes>,
        limit: usize,
    ) -> Result<Answer, Failure> {
        let is_head = request.method() == Method::HEAD;
        let mut sender = self.conn.sender.clone();
        poll_fn(|cx| sender.poll_ready(cx)).await.map_err(unsent)?;
        let (answer, mut stream) = sender.send_request(request, body.is_none()).map_err(unsent)?;
        if let Some(body) = body {
            // Not waiting for capacity: the bytes are in memory anyway, and an answer that comes
            // before they are sent is read at once. It fails where the stream ended already: the answer
            // says why, and whether the service did anything.
            let _ = stream.send_data(body, true);
        }
        let (head, mut incoming) = answer.await.map_err(maybe_sent)?.into_parts();
        // An answer comes after the peer's settings.
        let peer_limit = sender.current_max_send_streams().clamp(1, SOFT_LIMIT);
        self.conn.capacity.store(peer_limit, Ordering::Relaxed);

        let mut collector = Collector::new(head.status, &head.headers, limit)?;
        if !is_head {
            while let Some(piece) = poll_fn(|cx| incoming.poll_data(cx)).await {
                let piece = match piece {
                    // RFC 9113 §8.1: an answer that comes before the request was sent may be followed by this.
                    // It asks for no more of the request, and says nothing about the answer.
                    Err(error) if !head.status.is_success() && wants_no_more(&error) => break,
                    piece => piece.map_err(maybe_sent)?,
                };
                // It fails only where the connection does, which the next piece tells.
                let _ = incoming.flow_control().release_capacity(piece.len());
                if !collector.push(piece)? {
                    break;
                }
            }
        }
        Ok(Answer { status: head.status, headers: head.headers, body: collector.finish() })
    }
}

impl Conn {
    /// Whether the connection takes no more requests.
    async fn sender_is_gone(&self) -> bool {
        let mut sender = self.sender.clone();
        poll_fn(|cx| {
            std::task::Poll::Ready(matches!(sender.poll_ready(cx), std::task::Poll::Ready(Err(_))))
        })
        .await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.conn.in_flight.fetch_sub(1, Ordering::SeqCst);
        if !self.answered && self.since.elapsed() >= SUSPICIOUS {
            self.conn.suspect.store(true, Ordering::SeqCst);
            self.conn.look.notify_one();
        }
    }
}

fn wants_no_more(error: &h2::Error) -> bool {
    error.is_remote() && error.is_reset() && error.reason() == Some(Reason::NO_ERROR)
}

fn unsent(error: h2::Error) -> Failure {
    Failure::transport(Again::Unsent, "the connection was closed", error)
}

fn maybe_sent(error: h2::Error) -> Failure {
    let refused = error.is_remote()
        && if error.is_go_away() {
            // Streams that a graceful shutdown still serves end by themselves; these it does not.
            error.reason() == Some(Reason::NO_ERROR)
        } else {
            error.reason() == Some(Reason::REFUSED_STREAM)
        };
    let again = if refused { Again::Unsent } else { Again::IfIdempotent };
    Failure::transport(again, "the connection broke", error)
}

/// Marks the connection as closed when its task ends, also when that was dropped with its runtime.
struct CloseOnDrop(Weak<Conn>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        if let Some(conn) = self.0.upgrade() {
            conn.close();
        }
    }
}

/// Moves the bytes, and watches whether the other end is alive.
async fn drive<S>(
    connection: Connection<S, Bytes>,
    pings: Option<PingPong>,
    look: Arc<Notify>,
    guard: CloseOnDrop,
    background: Background,
    keep_alive: KeepAlive,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = std::pin::pin!(connection);
    let watching = watch(pings, &look, &guard.0, background, keep_alive);
    let mut watching = std::pin::pin!(watching);
    poll_fn(|cx| {
        if connection.as_mut().poll(cx).is_ready() {
            return std::task::Poll::Ready(());
        }
        watching.as_mut().poll(cx)
    })
    .await;
}

/// Ends when the connection is dead or was idle for too long.
async fn watch(
    pings: Option<PingPong>,
    look: &Notify,
    conn: &Weak<Conn>,
    background: Background,
    keep_alive: KeepAlive,
) {
    let Some(mut pings) = pings else { return };
    let KeepAlive { ping_interval, ping_timeout, wake_timeout, idle_timeout } = keep_alive;
    let look_again = ping_interval.min(idle_timeout);
    let mut wait = look_again;
    loop {
        let asked = background.before(Instant::now() + wait, look.notified()).await.is_some();
        wait = look_again;
        let Some(conn) = conn.upgrade() else { return };
        if !asked && conn.load() == 0 {
            let left = idle_timeout.saturating_sub(conn.idle_for());
            // A request that came in at the last moment is still served.
            if (left.is_zero() || conn.is_closed()) && conn.retire() {
                return;
            }
            wait = wait.min(left.max(Duration::from_millis(1)));
            continue;
        }
        let woken = conn.woken.swap(false, Ordering::SeqCst);
        let patience = if woken { wake_timeout } else { ping_timeout };
        let pong = background.before(Instant::now() + patience, pings.ping(Ping::opaque()));
        match pong.await {
            Some(Ok(_)) => {
                conn.suspect.store(false, Ordering::SeqCst);
                conn.well.notify_waiters();
            }
            _ => return,
        }
    }
}
