//! The one thread of the shared tier: it drives what sync functions ask of a backend, what nobody waits
//! for, and the timers of all deadlines.
//!
//! A sync function may block the very thread that drives its backend's connections, as on a
//! single-threaded runtime. So its requests are made here, where nothing blocks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{OnceLock, mpsc};
use std::task::Poll;
use std::time::Instant;

use tokio::runtime::{Builder, Handle};
use tokio::time::Sleep;

use crate::read_through::blocking;

/// Why a backend gave no answer at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Its time was up.
    Late,
    /// It panicked, or its task is gone.
    Panicked,
}

/// The thread's runtime; `None` if the system gave us no thread.
fn handle() -> Option<&'static Handle> {
    static HANDLE: OnceLock<Option<Handle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let runtime = Builder::new_current_thread().enable_all().build().ok()?;
            let handle = runtime.handle().clone();
            let drive = move || runtime.block_on(std::future::pending::<()>());
            std::thread::Builder::new().name("cachekit-shared".into()).spawn(drive).ok()?;
            Some(handle)
        })
        .as_ref()
}

fn timer(until: Instant) -> Option<Sleep> {
    // The timer belongs to our thread, whoever polls it.
    let _inside = handle()?.enter();
    Some(tokio::time::sleep_until(until.into()))
}

/// Drives a future, here and now, until it is ready, its time is up, or it panics. Pinned by the caller: by
/// value it would take its place twice, as an argument and while it is driven.
pub(crate) async fn bounded<F: Future>(
    until: Instant,
    mut future: Pin<&mut F>,
) -> Result<F::Output, Unanswered> {
    let mut alarm = pin!(None);
    std::future::poll_fn(|cx| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Ready(output)) => return Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => {}
            Err(_) => return Poll::Ready(Err(Unanswered::Panicked)),
        }
        // Most answers of a store in this process are there at once, and need no timer.
        if alarm.is_none() {
            alarm.set(timer(until));
        }
        match alarm.as_mut().as_pin_mut() {
            Some(alarm) => alarm.poll(cx).map(|()| Err(Unanswered::Late)),
            None => Poll::Ready(Err(Unanswered::Late)),
        }
    })
    .await
}

/// Drives a future on the shared tier's thread and blocks this one meanwhile, until `until` at most.
pub(crate) fn elsewhere<T: Send + 'static>(
    until: Instant,
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, Unanswered> {
    let Some(handle) = handle() else { return Err(Unanswered::Late) };
    let (done, answer) = mpsc::sync_channel(1);
    handle.spawn(async move {
        // Who asked may have given up.
        let _ = done.send(bounded(until, pin!(future)).await);
    });
    let left = until.saturating_duration_since(Instant::now());
    match blocking::parked(|| answer.recv_timeout(left)) {
        Ok(answer) => answer,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(Unanswered::Late),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(Unanswered::Panicked),
    }
}

/// Lets a future go on by itself.
pub(crate) fn detach(future: impl Future<Output = ()> + Send + 'static) {
    if let Some(handle) = handle() {
        handle.spawn(future);
    }
}

/// Resolves at `until`.
pub(crate) async fn sleep(until: Instant) {
    if let Some(alarm) = timer(until) {
        alarm.await;
    }
}
