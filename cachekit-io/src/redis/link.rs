//! One connection: multiplexed, watched, and given up as soon as it is in doubt.

use super::address::Address;
use super::failure::{Failure, Then};
use crate::BackendErrorKind;
use crate::runtime::{Background, Home, Place};
use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, PushInfo, RedisResult, Value};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// How long a connection may be quiet before it is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(15);
/// How long it has for the sign.
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// Numbers connections over the whole process: no two have the same.
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

/// Which connection, to which server.
#[derive(Clone, Debug)]
#[allow(dead_code)] // Who watches connections looks at it.
pub(super) struct LinkId {
    pub(super) address: Address,
    /// Higher than that of every connection that was begun before.
    pub(super) generation: u64,
}

impl LinkId {
    pub(super) fn next(address: Address) -> Self {
        Self { address, generation: GENERATIONS.fetch_add(1, Ordering::Relaxed) }
    }
}

/// Takes what a server sends unasked on one connection. It is called where the connection is driven, must
/// not block, and gets a disconnection as the last.
pub(super) type PushSink = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// Hears of connections that carry operations.
pub(super) trait LinkWatcher: Send + Sync + 'static {
    /// A connection is about to be made: who takes its push messages? Only with RESP3.
    fn push_sink(&self, link: &LinkId) -> Option<PushSink>;

    /// It ended, or could not be made.
    fn closed(&self, link: &LinkId);
}

/// A connection.
pub(super) struct Link {
    conn: MultiplexedConnection,
    id: LinkId,
    home: Home,
    state: Arc<State>,
    driver: AbortHandle,
    pinger: AbortHandle,
}

#[derive(Default)]
struct State {
    closed: AtomicBool,
    doubted: Notify,
}

/// Notes the end of a connection, however it ends.
struct Closing {
    state: Arc<State>,
    id: LinkId,
    watcher: Option<Arc<dyn LinkWatcher>>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.state.closed.store(true, Ordering::Release);
        if let Some(watcher) = &self.watcher {
            watcher.closed(&self.id);
        }
    }
}

/// Doubts the connection if whoever waits for an answer leaves before it came.
struct Waiting<'a>(Option<&'a State>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(state) = self.0 {
            state.doubted.notify_one();
        }
    }
}

impl Link {
    /// Puts a connection to work at this place.
    pub(super) fn start(
        conn: MultiplexedConnection,
        driver: impl Future<Output = ()> + Send + 'static,
        id: LinkId,
        place: &Place,
        background: Background,
        watcher: Option<Arc<dyn LinkWatcher>>,
    ) -> Self {
        let state = Arc::new(State::default());
        let closing = Closing { state: Arc::clone(&state), id: id.clone(), watcher };
        let driver = place.handle.spawn(async move {
            let _closing = closing;
            driver.await;
        });
        let driver = driver.abort_handle();
        let pinger =
            place.handle.spawn(ping(conn.clone(), Arc::clone(&state), driver.clone(), background));
        Self { conn, id, home: place.home, state, driver, pinger: pinger.abort_handle() }
    }

    /// Which connection it is.
    #[allow(dead_code)] // Who watches connections asks.
    pub(super) fn id(&self) -> &LinkId {
        &self.id
    }

    pub(super) fn home(&self) -> Home {
        self.home
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.closed.load(Ordering::Acquire)
    }

    /// Takes it out of use. Requests under way fail.
    pub(super) fn close(&self) {
        self.state.closed.store(true, Ordering::Release);
        self.driver.abort();
    }

    /// One command, one answer.
    pub(super) async fn one(&self, command: &Cmd) -> RedisResult<Value> {
        let mut waiting = Waiting(Some(&self.state));
        let answer = self.conn.clone().send_packed_command(command).await;
        waiting.0 = None;
        answer
    }

    /// Several commands sent in one piece, an answer for each.
    pub(super) async fn many(&self, commands: &::redis::Pipeline) -> RedisResult<Vec<Value>> {
        let mut waiting = Waiting(Some(&self.state));
        let answers = self.conn.clone().send_packed_commands(commands, 0, commands.len()).await;
        waiting.0 = None;
        answers
    }

    /// One command whose answer is not an error.
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value, Failure> {
        match self.one(command).await {
            Ok(Value::ServerError(error)) => Err(Failure::server(&error)),
            Ok(value) => Ok(value),
            Err(error) => Err(Failure::of(&error)),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.pinger.abort();
        self.driver.abort();
    }
}

/// Asks for a sign of life when the connection was left alone for long, and when an answer did not come.
async fn ping(
    mut conn: MultiplexedConnection,
    state: Arc<State>,
    driver: AbortHandle,
    background: Background,
) {
    let ping = ::redis::cmd("PING");
    while !state.closed.load(Ordering::Acquire) {
        let now = Instant::now();
        background.before(now + PING_EVERY, state.doubted.notified()).await;
        let asked = conn.send_packed_command(&ping);
        // An error is an answer too.
        if background.before(Instant::now() + PING_TIMEOUT, asked).await.is_none() {
            state.closed.store(true, Ordering::Release);
            driver.abort();
        }
    }
}

/// The failure of a connection that took too long to make.
pub(super) fn too_slow() -> Failure {
    Failure::new(
        BackendErrorKind::Timeout,
        Then::Elsewhere,
        "could not connect in time; is the server reachable from here?",
    )
}
