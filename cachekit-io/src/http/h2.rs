//! A connection that speaks HTTP/2: many requests at once.

use super::answer::Answer;
use super::failure::Failure;
use super::keep_alive::KeepAlive;
use super::pings::{self, Pings};
use super::room::Room;
use super::tasks::{Tasks, Work};
use super::upload::{Taken, Upload};
use crate::attempts::Again;
use crate::runtime::{Background, Executor, Home};
use http::{Method, Request};
use hyper::client::conn::http2::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
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
    sender: SendRequest<Upload>,
    home: Home,
    closed: AtomicBool,
    /// An answer did not come; new requests go elsewhere until a ping is answered.
    suspect: AtomicBool,
    /// Told when a ping was answered.
    well: Notify,
    /// What its driver is told.
    driver: Arc<Driver>,
    /// The ping is for a connection that was idle for long.
    woken: AtomicBool,
    ping_interval: Duration,
    in_flight: AtomicUsize,
    opened: Instant,
    /// When the last request began, in milliseconds after `opened`.
    last_use: AtomicU64,
}

/// What the connection and the task that drives it tell each other.
#[derive(Default)]
struct Driver {
    /// Asks for a ping now.
    look: Notify,
    room: Room,
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
        let (pings, clock) = pings::pings();
        let tasks = Tasks::new(executor.handle.clone());
        let handshake = Builder::new(tasks.clone())
            .timer(clock)
            .keep_alive_interval(pings::UNTIL_PING)
            .keep_alive_timeout(pings::UNTIL_LATE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(usize::MAX)
            .max_frame_size(MAX_FRAME)
            .max_header_list_size(MAX_HEADER_LIST)
            // Answers may come after their requests were given up: frames of streams that are remembered are passed over,
            // and those of others are no attack that the connection has to end for. The peer is the service itself.
            .max_concurrent_reset_streams(SOFT_LIMIT)
            .max_local_error_reset_streams(None)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|error| {
            Failure::transport(Again::Unprocessed, "the HTTP/2 handshake failed", error)
        })?;
        let conn = Arc::new(Self {
            sender,
            home: executor.home,
            closed: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            well: Notify::new(),
            driver: Arc::default(),
            woken: AtomicBool::new(false),
            ping_interval: keep_alive.ping_interval,
            in_flight: AtomicUsize::new(0),
            opened: Instant::now(),
            last_use: AtomicU64::new(0),
        });
        let guard = CloseOnDrop(Arc::downgrade(&conn));
        let driver = Arc::clone(&conn.driver);
        let watching = (pings, background, keep_alive);
        executor.handle.spawn(drive(connection, tasks.started(), driver, guard, watching));
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

    /// Waits until the connection is no longer suspect; forever if it is dead.
    pub(super) async fn sign_of_life(&self) {
        let mut well = pin!(self.well.notified());
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
        self.load() < self.driver.room.limit().min(SOFT_LIMIT)
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
            self.driver.look.notify_one();
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
        self.driver.room.close();
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
        request: Request<Upload>,
        limit: usize,
    ) -> Result<Answer, Failure> {
        self.answered = false;
        let answer = self.run(request, limit).await;
        self.answered = true;
        answer
    }

    async fn run(&self, request: Request<Upload>, limit: usize) -> Result<Answer, Failure> {
        let Conn { sender, driver, .. } = &*self.conn;
        let is_head = request.method() == Method::HEAD;
        let taken = request.body().taken();
        let _seat = driver.room.enter().await.ok_or_else(|| {
            Failure::transport(
                Again::Unprocessed,
                "the connection was closed",
                "it takes no more requests",
            )
        })?;
        let sent = sender.clone().try_send_request(request);
        let response = sent.await.map_err(|mut error| {
            if error.take_message().is_some() {
                self.conn.close();
                let error = error.into_error();
                return Failure::transport(Again::Unprocessed, "the connection was closed", error);
            }
            let mut failure = self.broken(error.into_error(), Phase::Asked);
            if Taken::is_open(taken.as_ref()) {
                failure.again = Again::Unprocessed;
            }
            failure
        })?;
        let read =
            Answer::read(response, is_head, limit, |error| self.broken(error, Phase::Answered))
                .await;
        read.map(|(answer, _)| answer)
    }

    /// What hyper says of a request that it had begun to send.
    #[cold]
    fn broken(&self, error: hyper::Error, phase: Phase) -> Failure {
        let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
        // Anything else is about the whole connection.
        if !cause.is_some_and(h2::Error::is_reset) {
            self.conn.close();
        }
        let is_refused = phase == Phase::Asked && cause.is_some_and(is_refusal);
        let again = if is_refused { Again::Unprocessed } else { Again::IfRepeatable };
        // hyper let go of it in the line before the connection, or with its runtime.
        let is_dropped = error.is_user();
        let failure = Failure::transport(again, "the connection broke", error);
        if is_dropped { failure.at_once() } else { failure }
    }
}

/// How far an exchange has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing of the answer is there.
    Asked,
    /// Its head is: the peer looked at the request, whatever it says later.
    Answered,
}

/// Whether the peer says that it did nothing for the request.
fn is_refusal(error: &h2::Error) -> bool {
    error.is_remote()
        && if error.is_go_away() {
            // Streams that a graceful shutdown still serves end by themselves; these it does not.
            error.reason() == Some(h2::Reason::NO_ERROR)
        } else {
            error.reason() == Some(h2::Reason::REFUSED_STREAM)
        }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.conn.in_flight.fetch_sub(1, Ordering::SeqCst);
        if !self.answered && self.since.elapsed() >= SUSPICIOUS {
            self.conn.suspect.store(true, Ordering::SeqCst);
            self.conn.driver.look.notify_one();
        }
    }
}

/// Marks the connection as closed when its task ends, also when that was dropped with its runtime.
struct CloseOnDrop(Weak<Conn>);

impl CloseOnDrop {
    fn close(&self) {
        if let Some(conn) = self.0.upgrade() {
            conn.close();
        }
    }
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.close();
    }
}

/// Moves the bytes, and watches whether the other end is alive.
async fn drive<S>(
    requests: Connection<TokioIo<S>, Upload, Tasks>,
    mut bytes: Work,
    driver: Arc<Driver>,
    guard: CloseOnDrop,
    (pings, background, keep_alive): (Pings, Background, KeepAlive),
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut requests = Some(requests);
    // From here on dropped in this order: who hears of the end finds the connection closed.
    let guard = guard;
    let mut watching = pin!(watch(pings, &driver.look, &guard.0, background, keep_alive));
    let mut look = |cx: &mut Context<'_>| {
        if let Some(taking) = &mut requests {
            if pin!(&mut *taking).poll(cx).is_ready() {
                guard.close();
                requests = None;
            } else {
                driver.room.set_limit(taking.current_max_send_streams());
            }
        }
    };
    poll_fn(|cx| {
        // First, so that new requests go out in this turn.
        look(cx);
        if bytes.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // Again: the frames that were read may say that the peer goes away, or takes another number of requests, and
        // nothing wakes this task for that.
        look(cx);
        watching.as_mut().poll(cx)
    })
    .await;
}

/// Ends when the connection is dead or was idle for too long.
async fn watch(
    mut pings: Pings,
    look: &Notify,
    conn: &Weak<Conn>,
    background: Background,
    keep_alive: KeepAlive,
) {
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
        if background.before(Instant::now() + patience, pings.ask()).await.is_none() {
            return;
        }
        conn.suspect.store(false, Ordering::SeqCst);
        conn.well.notify_waiters();
    }
}
