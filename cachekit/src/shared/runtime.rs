//! The one thread of the shared tier. It drives requests of sync functions, background work, and writes that must
//! be finished even if their caller is gone. Deadlines have another thread ([`Alarm`]).
//!
//! A sync function may block the very thread that drives its backend's connections, for example on a
//! single-threaded runtime. So its requests are made here, where nothing blocks.

use std::pin::{Pin, pin};
use std::sync::{OnceLock, mpsc};
use std::task::{Context, Poll};
use std::time::Instant;

use cachekit_io::alarm::Alarm;
use cachekit_io::per_process::PerProcess;
use cachekit_io::{BackendError, BackendErrorKind, BoxFuture};
use tokio::runtime::{Builder, Handle};

use crate::blocking;
use crate::contained::contained;

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The backend did not answer in time.
    Late,
    /// It panicked, or its task is gone.
    Panicked,
    /// It answered with an error.
    Error(BackendErrorKind),
}

impl Failed {
    /// The backend has a newer state.
    pub(super) const SUPERSEDED: Self = Self::Error(BackendErrorKind::Superseded);

    /// Whether a layer in front of the backend refused it, because of other calls.
    pub(super) fn is_refusal(self) -> bool {
        matches!(self, Self::Error(BackendErrorKind::CircuitOpen | BackendErrorKind::Backpressure))
    }

    /// As which error it counts; `None` for a panic.
    pub(super) fn kind(self) -> Option<BackendErrorKind> {
        match self {
            Self::Late => Some(BackendErrorKind::Timeout),
            Self::Panicked => None,
            Self::Error(kind) => Some(kind),
        }
    }

    /// A fixed name for it.
    pub(super) fn name(self) -> &'static str {
        self.kind().map_or("panic", BackendErrorKind::as_str)
    }
}

impl From<BackendError> for Failed {
    fn from(error: BackendError) -> Self {
        Self::Error(error.kind())
    }
}

/// The thread's runtime; `None` if the system could not start a thread.
fn handle() -> Option<&'static Handle> {
    // A forked child has none of its parent's threads.
    static HANDLE: PerProcess<OnceLock<Option<Handle>>> = PerProcess::new();
    HANDLE
        .get()
        .get_or_init(|| {
            let runtime = Builder::new_current_thread().enable_all().build().ok()?;
            let handle = runtime.handle().clone();
            let drive = move || runtime.block_on(std::future::pending::<()>());
            std::thread::Builder::new().name("cachekit-shared".into()).spawn(drive).ok()?;
            Some(handle)
        })
        .as_ref()
}

/// Drives a future on this thread until it is ready, its time is up, or it panics. The caller pins it: passed by
/// value, it would take its memory twice, as an argument and while it is driven.
pub(crate) async fn bounded<F: Future>(
    until: Instant,
    mut future: Pin<&mut F>,
) -> Result<F::Output, Failed> {
    let mut alarm = Alarm::default();
    std::future::poll_fn(|cx| {
        match contained(|| future.as_mut().poll(cx)) {
            Some(Poll::Ready(output)) => return Poll::Ready(Ok(output)),
            Some(Poll::Pending) => {}
            None => return Poll::Ready(Err(Failed::Panicked)),
        }
        // Most answers of a store in this process are immediate, and need no alarm.
        alarm.poll(until, cx).map(|()| Err(Failed::Late))
    })
    .await
}

/// Drives a future on the shared tier's thread and blocks this thread meanwhile, until `until` at most.
pub(crate) fn elsewhere<T: Send + 'static>(
    until: Instant,
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, Failed> {
    let Some(handle) = handle() else { return Err(Failed::Late) };
    let (done, answer) = mpsc::sync_channel(1);
    handle.spawn(async move {
        // The caller may have given up.
        let _ = done.send(bounded(until, pin!(future)).await);
    });
    receive(&answer, until)?
}

/// Blocks this thread until the answer arrives, or the time is up.
fn receive<T>(answer: &mpsc::Receiver<T>, until: Instant) -> Result<T, Failed> {
    let left = until.saturating_duration_since(Instant::now());
    blocking::parked(|| answer.recv_timeout(left)).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => Failed::Late,
        mpsc::RecvTimeoutError::Disconnected => Failed::Panicked,
    })
}

/// What drives a future that continues even if its caller does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    /// The caller blocks; the shared tier's thread drives it.
    Blocked,
    /// The caller's task, and after that task gives up, the shared tier's thread.
    Caller,
    /// The shared tier's thread from the start: the caller's task may stop at any time, even without being dropped.
    Thread,
}

/// Drives a future to its end, even if the caller is gone. The caller waits until `until` at most.
pub(crate) async fn finish<T: Send + 'static>(
    until: Instant,
    driver: Driver,
    future: BoxFuture<'static, T>,
) -> Result<T, Failed> {
    match driver {
        Driver::Blocked => {
            let Some(handle) = handle() else { return Err(Failed::Late) };
            let (done, answer) = mpsc::sync_channel(1);
            handle.spawn(async move {
                // The caller may have given up.
                let _ = done.send(future.await);
            });
            receive(&answer, until)
        }
        Driver::Caller => bounded(until, pin!(Carried(Some(future)))).await,
        Driver::Thread => {
            let Some(handle) = handle() else { return Err(Failed::Late) };
            match bounded(until, pin!(handle.spawn(future))).await {
                Ok(Ok(output)) => Ok(output),
                Ok(Err(_)) => Err(Failed::Panicked),
                Err(failed) => Err(failed),
            }
        }
    }
}

/// A future that the shared tier's thread continues if this is dropped before its end.
struct Carried<T: 'static>(Option<BoxFuture<'static, T>>);

impl<T> Future for Carried<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(future) = &mut self.0 else { return Poll::Pending };
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<T> Drop for Carried<T> {
    fn drop(&mut self) {
        if let Some(future) = self.0.take() {
            detach(async move {
                future.await;
            });
        }
    }
}

/// Drives futures until all are done, so many of them at the same time. What is done makes room for the next one.
pub(crate) async fn join<T>(futures: Vec<BoxFuture<'_, T>>, most: usize) -> Vec<T> {
    enum Slot<'a, T> {
        Runs(BoxFuture<'a, T>),
        Ended(T),
    }
    let mut slots: Vec<_> = futures.into_iter().map(Slot::Runs).collect();
    std::future::poll_fn(|cx| {
        let mut running = 0;
        for slot in &mut slots {
            if running == most {
                break;
            }
            if let Slot::Runs(future) = slot {
                match future.as_mut().poll(cx) {
                    Poll::Ready(output) => *slot = Slot::Ended(output),
                    Poll::Pending => running += 1,
                }
            }
        }
        if running == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let output = |slot| match slot {
        Slot::Ended(output) => Some(output),
        Slot::Runs(_) => None,
    };
    slots.into_iter().filter_map(output).collect()
}

/// Lets a future continue by itself.
pub(crate) fn detach(future: impl Future<Output = ()> + Send + 'static) {
    if let Some(handle) = handle() {
        handle.spawn(future);
    }
}

/// Resolves at `until`.
pub(crate) async fn sleep(until: Instant) {
    let mut alarm = Alarm::default();
    std::future::poll_fn(|cx| alarm.poll(until, cx)).await;
}
