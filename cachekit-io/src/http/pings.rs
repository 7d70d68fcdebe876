//! Pings on demand.
//!
//! hyper pings a connection by the clock alone. We also ping when an answer is overdue and when the connection was
//! idle for long, each with its own timeout. So hyper gets a clock of ours: its time advances when a ping is wanted,
//! and the caller decides how long to wait for the answer.

use futures_util::task::AtomicWaker;
use hyper::rt::{Sleep, Timer};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Names rather than durations: hyper waits for the first until the next ping, and for the second until the answer is
/// late. With a clock that does not advance it requests exactly these.
pub(super) const UNTIL_PING: Duration = Duration::from_secs(1);
pub(super) const UNTIL_LATE: Duration = Duration::from_secs(2);

/// No ping is wanted.
const QUIET: u8 = 0;
/// A ping should be sent.
const WANTED: u8 = 1;
/// It was sent, and the answer has not arrived.
const SENT: u8 = 2;

/// Pings the other end of a connection.
pub(super) struct Pings(Arc<State>);

/// hyper's clock.
pub(super) struct Clock(Arc<State>);

struct State {
    start: Instant,
    phase: AtomicU8,
    connection: AtomicWaker,
    answered: Notify,
}

/// A clock for a connection, and the handle that advances it.
pub(super) fn pings() -> (Pings, Clock) {
    let state = Arc::new(State {
        start: Instant::now(),
        phase: AtomicU8::new(QUIET),
        connection: AtomicWaker::new(),
        answered: Notify::new(),
    });
    (Pings(Arc::clone(&state)), Clock(state))
}

impl Pings {
    /// Sends a ping and waits for its answer, without a limit. A caller may stop waiting.
    pub(super) async fn ask(&mut self) {
        self.0.phase.store(WANTED, Ordering::SeqCst);
        self.0.connection.wake();
        self.0.answered.notified().await;
    }
}

impl State {
    /// hyper begins to wait.
    fn waits(self: &Arc<Self>, until: Instant) -> Pin<Box<dyn Sleep>> {
        if until >= self.start + UNTIL_LATE {
            self.phase.store(SENT, Ordering::SeqCst);
        } else if self.phase.load(Ordering::SeqCst) == SENT {
            // It is waiting for the next ping again.
            self.phase.store(QUIET, Ordering::SeqCst);
            self.answered.notify_one();
        }
        Box::pin(Wait(Arc::clone(self)))
    }
}

impl Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.0.waits(self.0.start + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.0.waits(deadline)
    }

    fn now(&self) -> Instant {
        self.0.start
    }
}

/// Until a ping is wanted. The answer is never late: the caller decides that.
struct Wait(Arc<State>);

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.connection.register(context.waker());
        match self.0.phase.load(Ordering::SeqCst) {
            WANTED => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

impl Sleep for Wait {}
