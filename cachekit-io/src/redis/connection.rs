//! One connection: multiplexed, monitored, and given up as soon as it is in doubt.

use super::failure::{Failure, Then};
use super::send::Deadline;
use crate::runtime::{Background, Executor, Home};
use crate::timed::Passed;
use crate::{BackendErrorKind, BoxFuture};
use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, PushInfo, RedisError, RedisResult, Value};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// How often a connection is checked.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After how many checks an unused connection is pinged.
const IDLE_LOOKS: u32 = 15;
/// How long it has to answer the ping.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Numbers connections across the whole process, so that no two have the same number.
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

/// Which connection.
#[derive(Clone, Debug)]
pub(super) struct ConnectionId {
    /// Higher than that of every connection that was started before.
    pub(super) generation: u64,
}

impl ConnectionId {
    pub(super) fn next() -> Self {
        Self { generation: GENERATIONS.fetch_add(1, Ordering::Relaxed) }
    }
}

/// Receives the push messages of one connection. It is called where the connection is driven, must
/// not block, and receives a disconnection as the last message.
pub(super) type PushSink = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// Is notified about connections that carry operations.
pub(super) trait LinkWatcher: Send + Sync + 'static {
    /// A connection is about to be opened: what receives its push messages? Only with RESP3.
    fn push_sink(&self, connection: &ConnectionId) -> Option<PushSink>;

    /// It was opened, and is used once this is done.
    fn opened<'a>(&'a self, connection: &'a Arc<Connection>) -> BoxFuture<'a, ()>;

    /// It ended, or could not be opened.
    fn closed(&self, connection: &ConnectionId);
}

/// A connection.
pub(super) struct Connection {
    conn: MultiplexedConnection,
    id: ConnectionId,
    home: Home,
    state: Arc<State>,
    heard: Arc<AtomicBool>,
    pushes: bool,
    driver: AbortHandle,
    pinger: AbortHandle,
}

#[derive(Default)]
struct State {
    closed: AtomicBool,
    doubted: Notify,
    /// The driver has ended.
    ended: AtomicBool,
    /// Requests that were started, and those of them that are over.
    begun: AtomicU64,
    over: AtomicU64,
}

/// Records the end of a connection, however it ends.
struct Closing {
    state: Arc<State>,
    id: ConnectionId,
    watcher: Option<Arc<dyn LinkWatcher>>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.state.closed.store(true, Ordering::Release);
        self.state.ended.store(true, Ordering::Release);
        if let Some(watcher) = &self.watcher {
            watcher.closed(&self.id);
        }
    }
}

/// A request in flight. A caller that leaves before the answer puts the connection in doubt.
struct Waiting<'a> {
    state: &'a State,
    answered: bool,
}

impl<'a> Waiting<'a> {
    fn new(state: &'a State) -> Self {
        state.begun.fetch_add(1, Ordering::Relaxed);
        Self { state, answered: false }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.state.over.fetch_add(1, Ordering::Relaxed);
        if !self.answered {
            self.state.doubted.notify_one();
        }
    }
}

impl Connection {
    /// Starts a connection on this executor.
    pub(super) fn start(
        conn: MultiplexedConnection,
        driver: impl Future<Output = ()> + Send + 'static,
        id: ConnectionId,
        executor: &Executor,
        background: Background,
        watcher: Option<Arc<dyn LinkWatcher>>,
    ) -> Self {
        let state = Arc::new(State::default());
        let pushes = watcher.is_some();
        let closing = Closing { state: Arc::clone(&state), id: id.clone(), watcher };
        let driver = executor.handle.spawn(async move {
            let _closing = closing;
            driver.await;
        });
        let driver = driver.abort_handle();
        let pinger = executor.handle.spawn(ping(
            conn.clone(),
            Arc::clone(&state),
            driver.clone(),
            background,
        ));
        Self {
            conn,
            id,
            home: executor.home,
            state,
            heard: Arc::default(),
            pushes,
            driver,
            pinger: pinger.abort_handle(),
        }
    }

    /// Which connection it is.
    pub(super) fn id(&self) -> &ConnectionId {
        &self.id
    }

    pub(super) fn home(&self) -> Home {
        self.home
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.closed.load(Ordering::Acquire)
    }

    /// Set while the server sends events on this connection about changes of everything that was read over it.
    pub(super) fn heard(&self) -> &Arc<AtomicBool> {
        &self.heard
    }

    /// Whether the server can send push messages.
    pub(super) fn takes_pushes(&self) -> bool {
        self.pushes
    }

    /// Waits until everything that was sent before is answered, whatever the answers are.
    pub(super) async fn has_answered(&self) {
        // An error is an answer too, and without a connection there is nothing left to wait for.
        let _ = self.one(&::redis::cmd("PING")).await;
    }

    /// Whether events arrive about changes of what is read over it.
    pub(super) fn is_heard(&self) -> bool {
        self.heard.load(Ordering::SeqCst) && !self.is_closed()
    }

    /// Takes it out of use. Requests in flight fail.
    pub(super) fn close(&self) {
        self.state.closed.store(true, Ordering::Release);
        self.driver.abort();
    }

    /// One command, one answer.
    pub(super) async fn one(&self, command: &Cmd) -> RedisResult<Value> {
        let mut conn = self.conn.clone();
        self.answered(pin!(conn.send_packed_command(command))).await
    }

    /// Sends a command and waits until a deadline; `None` after it. In one function, because nearly every look-up uses
    /// it, and each additional await costs time.
    pub(super) async fn ask_within(
        &self,
        command: &Cmd,
        deadline: Deadline,
    ) -> Option<Result<Value, Failure>> {
        if self.is_closed() {
            return Some(Err(Failure::of(&lost())));
        }
        let mut conn = self.conn.clone();
        let mut answer = pin!(conn.send_packed_command(command));
        let mut waiting = Waiting::new(&self.state);
        let mut limit = deadline.limit();
        let answer = poll_fn(|cx| {
            loop {
                // Before the answer is polled: an answer that came before the end counts.
                let ended = self.state.ended.load(Ordering::Acquire);
                match answer.as_mut().poll(cx) {
                    Poll::Ready(answer) => return Poll::Ready(Some(answer)),
                    Poll::Pending if ended => return Poll::Ready(Some(Err(lost()))),
                    Poll::Pending => {}
                }
                match limit.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Passed::Deadline) => return Poll::Ready(None),
                    Poll::Ready(Passed::Look) => {}
                }
            }
        });
        let answer = answer.await?;
        waiting.answered = true;
        Some(Self::read(answer))
    }

    /// Several commands sent in one piece, an answer for each.
    pub(super) async fn many(&self, commands: &::redis::Pipeline) -> RedisResult<Vec<Value>> {
        let mut conn = self.conn.clone();
        self.answered(pin!(conn.send_packed_commands(commands, 0, commands.len()))).await
    }

    /// Waits for an answer, or for the end of the connection.
    ///
    /// A request that was handed over at the very moment when the driver ended stays in its queue, and nothing wakes
    /// the caller. So operations are polled now and then ([`Passed::Look`]).
    async fn answered<T>(
        &self,
        mut answer: Pin<&mut impl Future<Output = RedisResult<T>>>,
    ) -> RedisResult<T> {
        let mut waiting = Waiting::new(&self.state);
        let look = poll_fn(|cx| {
            // Before the answer is polled: an answer that came before the end counts.
            let ended = self.state.ended.load(Ordering::Acquire);
            match answer.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending if ended => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        let answer = if self.is_closed() { None } else { look.await };
        waiting.answered = true;
        answer.unwrap_or_else(|| Err(lost()))
    }

    /// One command whose answer is not an error.
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value, Failure> {
        Self::read(self.one(command).await)
    }

    fn read(answer: RedisResult<Value>) -> Result<Value, Failure> {
        match answer {
            Ok(Value::ServerError(error)) => Err(Failure::server(&error)),
            Ok(value) => Ok(value),
            Err(error) => Err(Failure::of(&error)),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.pinger.abort();
        self.driver.abort();
    }
}

/// The connection ended with the request in flight.
#[cold]
fn lost() -> RedisError {
    io::Error::from(io::ErrorKind::BrokenPipe).into()
}

/// Pings a connection that was idle for long, when a caller left without an
/// answer, and when there are requests in flight and no answers.
async fn ping(
    mut conn: MultiplexedConnection,
    state: Arc<State>,
    driver: AbortHandle,
    background: Background,
) {
    let ping = ::redis::cmd("PING");
    let (mut looks, mut last_over) = (0, 0);
    while !state.closed.load(Ordering::Acquire) {
        let look = background.before(Instant::now() + LOOK_EVERY, state.doubted.notified());
        let doubted = look.await.is_some();
        let over = state.over.load(Ordering::Relaxed);
        let stuck = over == last_over && state.begun.load(Ordering::Relaxed) != over;
        looks = if over == last_over { looks + 1 } else { 0 };
        last_over = over;
        if !doubted && !stuck && looks < IDLE_LOOKS {
            continue;
        }
        looks = 0;
        let asked = conn.send_packed_command(&ping);
        // An error is an answer too.
        if background.before(Instant::now() + PING_TIMEOUT, asked).await.is_none() {
            state.closed.store(true, Ordering::Release);
            driver.abort();
        }
    }
}

/// The failure of a connection that took too long to open.
pub(super) fn too_slow() -> Failure {
    Failure::new(
        BackendErrorKind::Timeout,
        Then::Elsewhere,
        "could not connect in time; is the server reachable from here?",
    )
}
