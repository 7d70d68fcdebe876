//! Waiting until the background is quiet.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// What goes on in the background of one scope, or of the process.
#[derive(Default)]
pub(crate) struct Pending {
    state: Mutex<State>,
    quiet: Condvar,
}

#[derive(Default)]
struct State {
    running: usize,
    wakers: Vec<Waker>,
}

impl Pending {
    pub(crate) fn start(self: &Arc<Self>) -> Guard {
        self.state().running += 1;
        Guard(Arc::clone(self))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that goes on.
pub(crate) struct Guard(Arc<Pending>);

impl Drop for Guard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running -= 1;
        if state.running > 0 {
            return;
        }
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.0.quiet.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Blocks until nothing goes on in the background: no refresh runs, no lock is being given back.
///
/// It waits for what was started in the [`Scope`](super::Scope) this thread is in, outside of any for all
/// of the process that is in none. Where refreshes run as tasks of a single-threaded runtime, await
/// [`settled`] instead: this would keep them from running.
///
/// # Example
///
/// ```
/// # use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
/// static RATE: AtomicU32 = AtomicU32::new(1);
///
/// #[cachekit::cache::local(ttl = 60, stale = 30)]
/// fn rate() -> u32 { RATE.load(Ordering::Relaxed) }
///
/// let test = cachekit::testing::isolate();
/// assert_eq!(rate(), 1);
/// RATE.store(2, Ordering::Relaxed);
/// test.clock().advance(Duration::from_secs(61));
/// assert_eq!(rate(), 1, "stale, and refreshed in the background");
/// cachekit::testing::settle();
/// assert_eq!(rate(), 2);
/// ```
pub fn settle() {
    let pending = super::in_background();
    drop(pending.quiet.wait_while(pending.state(), |state| state.running > 0));
}

/// Resolves when nothing goes on in the background; see [`settle`].
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// cachekit::testing::settled().await;
/// # });
/// ```
pub async fn settled() {
    let pending = super::in_background();
    std::future::poll_fn(|cx| {
        let mut state = pending.state();
        if state.running == 0 {
            return Poll::Ready(());
        }
        state.wakers.push(cx.waker().clone());
        Poll::Pending
    })
    .await;
}
