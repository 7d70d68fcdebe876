//! Pings when they are wanted.
//!
//! hyper pings a connection by the clock alone. Here it is also asked whether it is alive when an answer did not come
//! and when it was idle for long, and each time it has another while for it. So hyper's clock stands still: time moves
//! on when a ping is wanted, and how long to wait for the answer is decided by those who asked.

use futures_util::task::AtomicWaker;
use hyper::rt::{Sleep, Timer};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// No lengths of time but names: hyper waits for the one until the next ping, and for the other until the answer is
/// late. With a clock that stands still it asks for exactly these.
pub(super) const UNTIL_PING: Duration = Duration::from_secs(1);
pub(super) const UNTIL_LATE: Duration = Duration::from_secs(2);

/// Nothing is asked.
const QUIET: u8 = 0;
/// A ping is to be sent.
const WANTED: u8 = 1;
/// It was sent, and the answer is not there.
const SENT: u8 = 2;

/// Asks the other end whether it is alive.
pub(super) struct Pings(Arc<State>);

/// What hyper takes for the time.
pub(super) struct Clock(Arc<State>);

struct State {
    start: Instant,
    phase: AtomicU8,
    connection: AtomicWaker,
    answered: Notify,
}

/// A clock for a connection, and the hand that moves it.
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
    /// Sends a ping and waits for its answer. If no answer comes, it waits for ever. A caller may stop waiting.
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
            // It waits for the next ping again.
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

/// Until a ping is wanted. It is never late: those who asked decide that.
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
