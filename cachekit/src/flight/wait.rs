//! Waiting for a flight to land, as a future; threads wait by blocking on it.

use std::any::Any;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::sync::{Mutex, lock};

/// Why a flight has no value.
#[derive(Clone)]
pub(crate) enum Failure {
    /// The function's return value, not to be stored but good for everybody who waited.
    Shared(Arc<dyn Any + Send + Sync>),
    /// The function panicked, or returned something that cannot be shared.
    Unshared,
}

/// How a flight ended.
#[derive(Clone)]
pub(crate) enum Landing {
    /// The value is in the entry.
    Ready,
    Failed(Failure),
    /// The leader was dropped before it finished; nothing is known about the function.
    Cancelled,
}

#[derive(Default)]
struct State {
    landing: Option<Landing>,
    /// One place per waiter; a waiter that gives up leaves an empty place behind.
    wakers: Vec<Option<Waker>>,
}

/// Where a flight's waiters stand.
#[derive(Default)]
pub(crate) struct Wait {
    state: Mutex<State>,
}

impl Wait {
    pub(crate) fn complete(&self, landing: Landing) {
        let mut state = lock(&self.state);
        state.landing = Some(landing);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        for waker in wakers.into_iter().flatten() {
            waker.wake();
        }
    }

    /// Resolves when the flight has landed.
    pub(crate) async fn landing(&self) -> Landing {
        let mut place = Place { wait: self, index: None };
        poll_fn(|cx| {
            let mut state = lock(&self.state);
            if let Some(landing) = &state.landing {
                return Poll::Ready(landing.clone());
            }
            if let Some(slot) = place.index.and_then(|index| state.wakers.get_mut(index)) {
                match slot {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *slot = Some(cx.waker().clone()),
                }
            } else {
                place.index = Some(state.wakers.len());
                state.wakers.push(Some(cx.waker().clone()));
            }
            Poll::Pending
        })
        .await
    }
}

/// Takes the waker back when the waiter is dropped before the flight lands.
struct Place<'a> {
    wait: &'a Wait,
    index: Option<usize>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(index) = self.index {
            let waker = lock(&self.wait.state).wakers.get_mut(index).and_then(Option::take);
            drop(waker);
        }
    }
}
