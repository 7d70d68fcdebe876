//! Making threads and tasks meet.

use std::sync::{Arc, Barrier, Condvar, Mutex, PoisonError};
use std::task::{Poll, Waker};

#[derive(Debug, Default)]
struct State {
    open: bool,
    /// How often somebody reached the gate.
    reached: usize,
    wakers: Vec<Waker>,
}

/// Holds bodies back until the test lets them go; threads block on it, futures await it.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        let mut state = self.state();
        state.open = true;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.0.1.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Blocks the thread until the gate is open.
    pub fn pass(&self) {
        let mut state = self.state();
        state.reached += 1;
        self.0.1.notify_all();
        drop(self.0.1.wait_while(state, |state| !state.open));
    }

    /// Resolves when the gate is open.
    pub async fn passed(&self) {
        let mut counted = false;
        std::future::poll_fn(|cx| {
            let mut state = self.state();
            if !counted {
                counted = true;
                state.reached += 1;
                self.0.1.notify_all();
            }
            if state.open {
                return Poll::Ready(());
            }
            state.wakers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Blocks the thread until somebody stands at the gate, or went through it.
    pub fn wait_reached(&self) {
        drop(self.0.1.wait_while(self.state(), |state| state.reached == 0));
    }
}

/// Runs `f` on so many threads that all start at the same moment; gives what they returned.
pub fn together<R: Send>(threads: usize, f: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let barrier = Barrier::new(threads);
    let (barrier, f) = (&barrier, &f);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|index| {
                scope.spawn(move || {
                    barrier.wait();
                    f(index)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
